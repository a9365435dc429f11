package engine

import (
	"strconv"
	"testing"
	"time"
)

// orders gives an order and lets it be carried out as far as it can be.
func (r *rig) orders(o Order, t Target) *Progress {
	r.Helper()
	r.note("%s %s%s", o, t.Pool, t.Database)
	p := r.e.Order(o, t)
	r.settle()
	return p
}

// mustBeDone checks whether an order has been carried out, and how much is left of it.
func (r *rig) mustBeDone(p *Progress, done bool, left int, when string) {
	r.Helper()
	select {
	case <-p.Done():
		if !done {
			r.Fatalf("%s: done, and should not be", when)
		}
	default:
		if done {
			r.Fatalf("%s: not done; %d are left", when, p.Left())
		}
	}
	if n := p.Left(); n != left {
		r.Fatalf("%s: %d are left, not %d", when, n, left)
	}
}

func (r *rig) mustStand(status string) {
	r.Helper()
	if s := r.e.Status("app", ""); s != status {
		r.Fatalf("the pool is %s, not %s", s, status)
	}
}

// Pause is done when the last server has ended, and not before (trap 54). Clients wait meanwhile, newcomers too; resume serves them.
func TestPause(t *testing.T) {
	for _, shards := range []int{1, 3} {
		r := newRig(t, shards, onePool(3))
		r.quiet = shards > 1
		a, b := r.client("a"), r.client("b")
		r.says(a, "begin")
		r.says(b, "select 1")
		p := r.orders(OrderPause, Target{Pool: "app"})
		r.mustBeDone(p, false, 1, "while a transaction is open")
		r.mustStand("pausing")
		r.says(b, "select 2")
		c := r.client("c")
		r.says(c, "select 3")
		r.says(a, "select 4")
		r.says(a, "commit")
		r.mustBeDone(p, true, 0, "after its end")
		r.mustStand("paused")
		r.mustHave(0, "when it is paused")
		r.mustBeDone(r.orders(OrderPause, Target{}), true, 0, "once more")
		r.says(a, "select 5")
		r.pass(10 * time.Second)
		r.mustHave(0, "ten seconds later")
		r.mustBeDone(r.orders(OrderResume, Target{}), true, 0, "at once")
		r.mustStand("active")
		if n := r.stats().ClientsWaiting; n > 0 {
			t.Fatalf("%d clients wait", n)
		}
		r.within(3)
		if shards == 1 {
			r.compare()
		}
	}
}

// Whoever waits for a server of a paused pool has waited too long after query_wait_timeout, and is told why.
func TestPauseAndQueryWaitTimeout(t *testing.T) {
	pool := onePool(1)
	pool.QueryWaitTimeout = 30 * time.Second
	r := newRig(t, 1, pool)
	r.wordy = true
	a := r.client("a")
	r.orders(OrderPause, Target{Pool: "app"})
	r.says(a, "select 1")
	r.pass(time.Minute)
	r.orders(OrderResume, Target{Pool: "app"})
	r.says(a, "select 2")
	r.compare()
}

// A pause that nobody waits for any more is taken back while it is not complete, and stands when it is.
func TestAPauseIsTakenBack(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	p := r.orders(OrderPause, Target{Pool: "app"})
	other := r.orders(OrderPause, Target{})
	r.says(b, "select 1")
	p.Abandon()
	r.settle()
	r.mustStand("pausing") // for whoever waits still
	r.mustBeDone(p, true, 1, "given up")
	r.mustBeDone(other, false, 1, "while a transaction is open")
	other.Abandon()
	r.settle()
	r.mustStand("active")
	if !p.Undone() || !other.Undone() {
		t.Fatal("a pause that was taken back counts as carried out")
	}
	if n := r.stats().ClientsWaiting; n > 0 {
		t.Fatalf("%d clients wait", n)
	}
	r.says(a, "commit")
	p = r.orders(OrderPause, Target{Pool: "app"})
	r.mustBeDone(p, true, 0, "with nobody in the way")
	p.Abandon()
	r.settle()
	r.mustStand("paused")
}

// Servers that are on their way when a pool is paused count until they have been closed.
func TestAPauseWaitsForDials(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet, r.holdDials = true, true
	r.client("a")
	p := r.orders(OrderPause, Target{})
	r.mustBeDone(p, false, 1, "while one is dialed")
	r.holdDials = false
	r.settle()
	r.mustBeDone(p, true, 0, "when it has come, and gone")
	r.mustHave(0, "then")
}

// A pause of one database leaves the others alone, also those that come later.
func TestADatabaseIsPaused(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	r.quiet = true
	one := r.clientAs("one", Client{Database: "one"})
	two := r.clientAs("two", Client{Database: "two"})
	r.mustBeDone(r.orders(OrderPause, Target{Database: "one"}), true, 0, "nobody is in the way")
	r.says(one, "select 1")
	r.says(two, "select 2")
	r.clientAs("three", Client{Database: "three"})
	if n := r.e.Status("app", "one"); n != "paused" {
		t.Fatalf("one is %s", n)
	}
	r.mustStand("active")
	for _, p := range r.snapshot().Pools {
		if waiting := p.ClientsWaiting > 0; waiting != (p.Database == "one") {
			t.Fatalf("%d clients of %s wait", p.ClientsWaiting, p.Database)
		}
	}
	r.orders(OrderPause, Target{Pool: "app"})
	r.orders(OrderResume, Target{Database: "two"})
	r.says(two, "select 3")
	for _, p := range r.snapshot().Pools {
		if waiting := p.ClientsWaiting > 0; waiting != (p.Database == "one") {
			t.Fatalf("%d clients of %s wait", p.ClientsWaiting, p.Database)
		}
	}
}

// Reconnect closes the servers there are as they become free, and waits for them; those that come later stay.
func TestReconnect(t *testing.T) {
	for _, shards := range []int{1, 3} {
		r := newRig(t, shards, onePool(3))
		r.quiet = shards > 1
		a, b, c := r.client("a"), r.client("b"), r.client("c")
		r.says(a, "begin")
		r.says(b, "begin")
		r.says(c, "select 1")
		p := r.orders(OrderReconnect, Target{Pool: "app"})
		r.mustBeDone(p, false, 2, "while two are in use")
		r.says(c, "select 2")
		r.says(a, "commit")
		r.mustBeDone(p, false, 1, "while one is in use")
		again := r.orders(OrderReconnect, Target{Pool: "app"})
		r.says(b, "commit")
		r.mustBeDone(p, true, 0, "when both are back")
		r.mustBeDone(again, true, 0, "and the second")
		r.says(a, "select 3")
		r.says(a, "select 4")
		if shards == 1 {
			r.compare()
		}
	}
}

// A pool that is drained sends its clients away as one that is removed, and lets nobody in until it is resumed.
func TestDrainOfAPool(t *testing.T) {
	r := newRig(t, 1, onePool(3))
	r.wordy = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.says(b, "begin")
	r.client("rests")
	p := r.orders(OrderDrain, Target{Pool: "app"})
	r.mustStand("draining")
	r.mustBeDone(p, false, 5, "with two transactions, and one who is being told")
	r.client("comes too late")
	r.says(a, "commit")
	r.pass(time.Minute)
	r.mustBeDone(p, true, 0, "after drain_timeout")
	r.mustHave(0, "then")
	r.orders(OrderResume, Target{Pool: "app"})
	r.says(r.client("d"), "select 1")
	_ = b
	r.compare()
}

// Kill closes clients and servers, whatever they do, and newcomers wait.
func TestKill(t *testing.T) {
	for _, shards := range []int{1, 3} {
		r := newRig(t, shards, onePool(2))
		r.quiet = shards > 1
		a := r.client("a")
		r.client("rests")
		b, waits := r.client("b"), r.client("waits")
		r.says(a, "begin")
		r.says(b, "begin")
		r.says(waits, "select 1")
		p := r.orders(OrderKill, Target{Pool: "app"})
		r.pass(5 * time.Second)
		r.mustBeDone(p, true, 0, "a moment later")
		r.mustStand("paused")
		r.mustHave(0, "then")
		c := r.client("c")
		r.says(c, "select 2")
		r.orders(OrderResume, Target{Pool: "app"})
		r.says(c, "select 3")
		if shards == 1 {
			r.compare()
		}
	}
}

// A disabled database refuses newcomers, and those there go on.
func TestDisable(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	r.wordy = true
	a := r.client("a")
	r.orders(OrderDisable, Target{Database: "db"})
	if s := r.e.Status("app", "db"); s != "disabled" {
		t.Fatalf("the database is %s", s)
	}
	r.client("b")
	r.says(a, "select 1")
	r.clientAs("of another", Client{Database: "other"})
	r.orders(OrderEnable, Target{Database: "db"})
	r.client("c")
	r.compare()
}

// What stands for a pool outlives changes of its configuration, and not its removal.
func TestAPauseOutlivesAReload(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	r.orders(OrderPause, Target{})
	r.apply(onePool(4))
	r.mustStand("paused")
	r.apply()
	r.apply(onePool(4))
	r.mustStand("active")
}

// Orders of their own can stand for so many databases, and no more; resuming makes room.
func TestDatabasesWithOrdersAreBounded(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	r.quiet = true
	for i := range maxHalts {
		if refused := r.e.Order(OrderPause, Target{Database: strconv.Itoa(i)}).Refused(); refused != nil {
			t.Fatalf("at %d: %v", i, refused)
		}
		r.settle()
	}
	p := r.e.Order(OrderPause, Target{Database: "one more"})
	if p.Refused() == nil || p.Refused().SQLState != "54000" {
		t.Fatalf("one more than %d: %v", maxHalts, p.Refused())
	}
	<-p.Done()
	r.orders(OrderResume, Target{Database: "7"})
	if refused := r.e.Order(OrderPause, Target{Database: "one more"}).Refused(); refused != nil {
		t.Fatalf("after one was resumed: %v", refused)
	}
	r.orders(OrderResume, Target{})
	if n := len(r.e.templates["app"].halts.of); n > 0 {
		t.Fatalf("%d databases are kept after all were resumed", n)
	}
}

// An order of which a stopped shard takes no note any more is carried out all the same.
func TestOrdersOfAnEngineThatHasEnded(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	r.client("a")
	r.e.Drain()
	r.settle()
	r.pass(time.Minute)
	r.mustBeDone(r.e.Order(OrderPause, Target{}), true, 0, "with no shard left")
}

// A pause that is taken back leaves what stood before it: a database that is disabled, or paused by itself.
func TestWhatAPauseThatIsTakenBackLeaves(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	a := r.client("a")
	r.says(a, "begin")
	r.orders(OrderDisable, Target{Database: "one"})
	r.orders(OrderPause, Target{Database: "two"})
	p := r.orders(OrderPause, Target{Pool: "app"})
	r.mustBeDone(p, false, 1, "while a transaction is open")
	p.Abandon()
	r.settle()
	for database, want := range map[string]string{"": "active", "db": "active", "one": "disabled", "two": "paused", "three": "active"} {
		if got := r.e.Status("app", database); got != want {
			t.Errorf("%q is %s, not %s", database, got, want)
		}
	}
	r.says(a, "commit")
	r.says(r.client("b"), "select 1")
	if n := r.stats().ClientsWaiting; n > 0 {
		t.Errorf("%d clients wait", n)
	}
}

// What others have ordered meanwhile stands when an older pause is given up: they were told that it does.
func TestWhatOthersHaveOrderedMeanwhileStands(t *testing.T) {
	for _, c := range []struct {
		order  Order
		stands string
	}{{OrderPause, "paused"}, {OrderKill, "paused"}, {OrderDisable, "disabled"}, {OrderDrain, "draining"}} {
		r := newRig(t, 2, onePool(2))
		r.quiet = true
		a := r.client("a")
		r.says(a, "begin")
		older := r.orders(OrderPause, Target{})
		r.mustBeDone(older, false, 1, "while a transaction is open")
		r.mustBeDone(r.orders(c.order, Target{Database: "quiet"}), true, 0, "where nobody is")
		older.Abandon()
		r.settle()
		for database, want := range map[string]string{"db": "active", "quiet": c.stands} {
			if got := r.e.Status("app", database); got != want {
				t.Errorf("%v: %s is %s, not %s", c.order, database, got, want)
			}
		}
		r.orders(OrderResume, Target{Database: "quiet"})
		if got := r.e.Status("app", "quiet"); got != "active" {
			t.Errorf("%v: resumed, it is %s", c.order, got)
		}
	}
}

// A resume of a part ends a pause that is not complete as a whole: who waits for it is told that there is none.
func TestAResumeOfAPartUndoesThePause(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	r.says(r.client("a"), "begin")
	p := r.orders(OrderPause, Target{})
	r.says(r.client("b"), "select 1") // waits
	r.orders(OrderResume, Target{Database: "other"})
	r.mustBeDone(p, true, 2, "undone, and who waited has a server")
	r.mustStand("active")
	r.says(r.client("c"), "select 2")
	if n := r.stats().ClientsWaiting; n > 0 || !p.Undone() {
		t.Errorf("%d clients wait; undone: %v", n, p.Undone())
	}
}

// To continue is to end pauses and kills, and nothing else that was ordered.
func TestToContinueLetsNobodyIn(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	r.quiet = true
	r.orders(OrderDisable, Target{Database: "db"})
	r.orders(OrderPause, Target{})
	r.orders(OrderContinue, Target{})
	for database, want := range map[string]string{"db": "disabled", "other": "active"} {
		if got := r.e.Status("app", database); got != want {
			t.Errorf("%s is %s, not %s", database, got, want)
		}
	}
}

// An order that is refused for one pool changes nothing for the others either, now or with the next configuration.
func TestARefusedOrderChangesNothing(t *testing.T) {
	r := newRig(t, 1, onePool(2), named("other"))
	r.quiet = true
	full := r.e.templates["other"]
	for i := range maxHalts {
		full.halts.change(strconv.Itoa(i), haltServers, 0)
	}
	if p := r.e.Order(OrderPause, Target{Database: "db"}); p.Refused() == nil {
		t.Fatal("it was given")
	}
	r.apply(onePool(2), named("other"))
	if got := r.e.Status("app", "db"); got != "active" {
		t.Errorf("the other pool's is %s", got)
	}
	if n := len(full.halts.of); n != maxHalts {
		t.Errorf("%d databases", n)
	}
}

// So many orders can wait, and no more; when what they wait for is over there is room again.
func TestOrdersAreBounded(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.quiet = true
	a := r.client("a")
	r.says(a, "begin")
	for i := range maxOrders {
		if refused := r.e.Order(OrderReconnect, Target{}).Refused(); refused != nil {
			t.Fatalf("at %d: %v", i, refused)
		}
	}
	r.settle()
	if p := r.e.Order(OrderReconnect, Target{}); p.Refused() == nil || p.Refused().SQLState != "54000" {
		t.Fatalf("one more: %v", p.Refused())
	}
	if refused := r.e.Order(OrderResume, Target{}).Refused(); refused != nil {
		t.Fatalf("a resume, which is always possible: %v", refused)
	}
	r.says(a, "commit")
	if refused := r.e.Order(OrderReconnect, Target{}).Refused(); refused != nil {
		t.Fatalf("afterwards: %v", refused)
	}
}
