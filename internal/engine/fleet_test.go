package engine

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// state is that of the first pool's cache.
func (w *cacheRig) state() string { return w.e.CacheStatus()[0].State }

// A pool that shares serves and keeps nothing before its fleet is joined, which is asked for once; nor while that is out of touch.
func TestAFleetIsJoined(t *testing.T) {
	w := newCacheRig(t, 1, sharedCachePool(1))
	a := w.client("a")
	if got := w.state(); got != neverAsked {
		t.Errorf("at first: %q", got)
	}
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	if got := w.state(); got != "catching up" || !slices.Equal(w.joins, []string{"app/db"}) {
		t.Fatalf("state %q, asked for %q", got, w.joins)
	}
	w.e.Shares("app", "db", nil)
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	if got := w.state(); got != "off: the store cannot be reached" {
		t.Errorf("not reached: %q", got)
	}
	st := newRigStore()
	f := st.joins(w)
	w.keeps(a, "select from a")
	if got := w.state(); got != "on" {
		t.Errorf("joined: %q", got)
	}
	w.note("it is lost: what others write now is not heard")
	w.e.Shares("app", "db", nil)
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	w.e.Shares("app", "db", f)
	w.hits(a, "select from a") // it is in the store, and nothing was written
	f.others(querycache.OpChange, "a")
	w.keeps(a, "select from a")
	w.note("given up: it is asked for again")
	w.e.Unshared("app", "db")
	w.misses(a, "select from a")
	if len(w.joins) != 2 {
		t.Errorf("asked for %q", w.joins)
	}
}

// What others write ends what is cached, from when it begins: until it ends nothing is kept.
func TestWhatOthersWriteIsHeard(t *testing.T) {
	w, f := fleetRig(t, newRigStore(), 1, 1)
	a := w.client("a")
	w.keeps(a, "select from a")
	w.keeps(a, "select from v")
	w.keeps(a, "select from b")
	f.others(querycache.OpBegin, "a")
	w.misses(a, "select from a")
	w.misses(a, "select from v")
	w.hits(a, "select from b")
	w.writes["a"]++
	f.others(querycache.OpEnd, "a")
	w.keeps(a, "select from a")
	w.writes["a"]++
	f.others(querycache.OpChange, "a")
	w.keeps(a, "select from a")
	w.note("everything, and nothing after all")
	f.others(querycache.OpBegin, "")
	w.misses(a, "select from b")
	f.others(querycache.OpCancel, "")
	w.hits(a, "select from b")
	w.note("a database that nobody knows")
	w.e.Heard("other", querycache.OpChange, nil)
	if got := f.says(); got != "" {
		t.Errorf("the fleet is told what it has told: %s", got)
	}
}

// The fleet is told what is written, whoever writes: another pool, with a cache or without one, and what nobody has read yet.
func TestTheFleetIsToldOfAllWriters(t *testing.T) {
	other := onePool(1)
	other.Name = "batch"
	w := newCacheRig(t, 1, sharedCachePool(1), other)
	f := newRigStore().joins(w)
	a, b := w.client("a"), w.clientAs("b", Client{Pool: "batch"})
	for _, c := range []*rigSocket{a, b} {
		w.does(c, "insert into a")
		if got := f.says(); got != "begin a, end a" {
			t.Errorf("of %s: %s", c.name, got)
		}
	}
	w.says(b, "begin")
	f.says()
	w.says(b, "insert into b")
	if got := f.says(); got != "" {
		t.Errorf("inside a transaction: %s", got)
	}
	w.says(b, "commit")
	w.pass(time.Second)
	if got := f.says(); got != "begin b, end b" {
		t.Errorf("of a transaction: %s", got)
	}
	w.note("a new text may be anything, until the grammar has read it")
	w.holdFacts = true
	w.says(b, "insert into c")
	w.classify()
	if got := f.says(); got != "begin, change c, cancel" && got != "begin, begin c, cancel, end c" {
		t.Errorf("of a new text: %s", got)
	}
}

// Of a pool that shares and a database where only another one writes, the fleet is joined, too; and stays as long as that is used.
func TestWhoWritesJoinsTheFleet(t *testing.T) {
	other := onePool(1)
	other.Name = "batch"
	w := newCacheRig(t, 1, sharedCachePool(1), other)
	b := w.clientAs("b", Client{Pool: "batch"})
	w.says(b, "insert into a")
	if !slices.Equal(w.joins, []string{"app/db"}) || !w.e.Uses("app", "db") || w.e.Uses("app", "elsewhere") {
		t.Fatalf("asked for %q, used %v", w.joins, w.e.Uses("app", "db"))
	}
	w.note("what was written before it was joined is told at once: of everything")
	f := newRigStore().fleet(w)
	w.e.Shares("app", "db", f)
	if got := f.says(); got != "change" {
		t.Errorf("told: %s", got)
	}
	w.says(b, "insert into a")
	w.pass(time.Second)
	if got := f.says(); got != "begin a, end a" {
		t.Errorf("told: %s", got)
	}
	w.note("out of touch, and back: nothing was written, and then something was")
	w.e.Shares("app", "db", nil)
	w.e.Shares("app", "db", f)
	if got := f.says(); got != "" {
		t.Errorf("told: %s", got)
	}
	w.e.Shares("app", "db", nil)
	w.says(b, "insert into a")
	w.pass(time.Second)
	w.e.Shares("app", "db", f)
	if got := f.says(); got != "change" {
		t.Errorf("told: %s", got)
	}
	w.note("nobody uses it any more, and it is given up: nothing is left")
	w.leaves(b)
	w.pass(time.Minute)
	w.e.Shares("app", "db", nil)
	for _, srv := range w.servers {
		srv.socket.broken = true
	}
	w.pass(time.Minute)
	if w.e.Uses("app", "db") {
		t.Fatal("it is used still")
	}
	w.e.Unshared("app", "db")
	if n := len(w.e.fleets); n != 0 {
		t.Errorf("%d fleets are left", n)
	}
}

// What an operator drops, the whole fleet drops. What the others learn of by themselves they are not told.
func TestWhatOthersLearnByThemselves(t *testing.T) {
	p := sharedCachePool(1)
	p.Cache.WAL = true
	w := newCacheRig(t, 1, p)
	f := newRigStore().joins(w)
	for name, c := range map[string]struct {
		does func()
		told string
	}{
		"all are dropped":        {func() { w.e.PurgeCache("app", "") }, "change"},
		"those of a table are":   {func() { w.e.PurgeCache("", "a") }, "change a"},
		"the stream begins":      {func() { w.e.Follows("app", "db", []string{"a"}) }, "seen"},
		"the stream tells":       {func() { w.e.Changing("db", []string{"a"}); w.e.Changed("db", []string{"a"}) }, "seen a, seen a"},
		"the stream is lost":     {func() { w.e.FollowsNot("app", "db") }, "seen"},
		"sessions begin another": {func() { w.e.defaultsChanged(w.e.templates["app"], w.now) }, "seen"},
		"another primary": {func() {
			w.e.mu.Lock()
			defer w.e.mu.Unlock()
			w.e.dropCached(w.e.templates["app"])
		}, "seen"},
	} {
		c.does()
		if got := f.says(); got != c.told {
			t.Errorf("%s: told %q, not %q", name, got, c.told)
		}
	}
}

// A loop crashes: what its clients were writing has ended for the others, too, and everything may have changed.
func TestACrashIsToldTheFleet(t *testing.T) {
	w, f := fleetRig(t, newRigStore(), 1, 1)
	w.crashes = true
	a := w.client("a")
	w.mute("insert")
	w.waits(a, "insert into a")
	w.mutesAt = ""
	a.loop.shard.mail.Post(mail{kind: mailServer})
	w.settle()
	if got := f.says(); got != "begin a, end a, change" {
		t.Errorf("told: %s", got)
	}
}

// Where a server was lost amid a commit, the others' tables are pending as long as ours.
func TestALostCommitIsToldTheFleet(t *testing.T) {
	w, f := fleetRig(t, newRigStore(), 1, 1)
	a := w.client("a")
	w.mute("insert")
	w.waits(a, "insert into a")
	w.mutesAt = ""
	w.loses("insert into a")
	if got := f.says(); got != "begin a" {
		t.Errorf("told: %s", got)
	}
	w.pass(lostChanges + 2*time.Second)
	if got := f.says(); got != "end a" {
		t.Errorf("told later: %s", got)
	}
}

// With a change stream as well, what is cached is served as long as that is heard: the fleet only adds to it.
func TestAFleetBesideAChangeStream(t *testing.T) {
	p := sharedCachePool(1)
	p.Cache.WAL = true
	w := newCacheRig(t, 1, p)
	a := w.client("a")
	w.knows("select from c")
	w.misses(a, "select from a")
	if !slices.Equal(w.joins, []string{"app/db"}) || !slices.Equal(w.followed, []string{"app/db"}) {
		t.Fatalf("joined %q, followed %q", w.joins, w.followed)
	}
	w.e.Follows("app", "db", []string{"a", "c"})
	w.keeps(a, "select from a")
	st := newRigStore()
	f := st.fleet(w)
	w.e.Shares("app", "db", f)
	if got := f.says(); got != "seen" {
		t.Errorf("of what the stream has told before: %q", got)
	}
	w.hits(a, "select from a")
	w.misses(a, "select from c")
	if f.kept != 1 {
		t.Errorf("%d replies are offered", f.kept)
	}
	w.note("the fleet is lost, and the stream is heard")
	w.e.Shares("app", "db", nil)
	w.hits(a, "select from a")
	w.hits(a, "select from c")
	w.e.Changing("db", nil)
	w.e.Changed("db", nil)
	w.keeps(a, "select from c")
	if f.kept != 1 || w.state() != "on" {
		t.Errorf("%d replies are offered, state %q", f.kept, w.state())
	}
	w.note("the stream is lost")
	w.e.FollowsNot("app", "db")
	w.misses(a, "select from a")
	w.misses(a, "select from a")
}

// What is offered says what it depends on, up to where the log had been read, how long it may be served, and what it is.
func TestWhatIsOffered(t *testing.T) {
	st := newRigStore()
	w, f := fleetRig(t, st, 1, 1)
	a := w.client("a")
	w.does(a, "insert into b")
	f.reads()
	answer, _ := w.exchange(a, []string{"select from a"})
	if len(st.kept) != 1 {
		t.Fatalf("%d replies", len(st.kept))
	}
	for _, s := range st.kept {
		if string(s.Reply) != string(answer) || !slices.Equal(s.Tables, []string{"a"}) || s.Position != uint64(len(st.log)) || s.Shape == 0 {
			t.Errorf("offered: %+v", s)
		}
		if s.Left < 54*time.Second || s.Left > time.Minute {
			t.Errorf("it may be served for %v", s.Left)
		}
	}
	w.note("a view, by what it reads; then what cannot be kept")
	w.misses(a, "select from v")
	w.knows("Query: select from b /* cache: off */")
	w.misses(a, "Query: select from b /* cache: off */")
	w.misses(a, "select now()")
	if f.kept != 2 {
		t.Errorf("%d replies are offered", f.kept)
	}
}

// A reload ends sharing, and begins it: what was cached by other rules is dropped.
func TestSharingIsReloaded(t *testing.T) {
	w, f := fleetRig(t, newRigStore(), 1, 1)
	a := w.client("a")
	w.keeps(a, "select from a")
	w.apply(cachePool(1))
	w.keeps(a, "select from a")
	if w.e.shares("app") || f.kept != 1 {
		t.Errorf("%d replies are offered", f.kept)
	}
	w.apply(sharedCachePool(1))
	w.hits(a, "select from a") // of the store
	w.keeps(a, "select from b")
	if !w.e.shares("app") || f.kept != 2 {
		t.Errorf("%d replies are offered", f.kept)
	}
}

// Ledgers that a fleet watches are kept, and of one that comes after some were forgotten it is said that everything has been written.
func TestLedgersThatFleetsWatch(t *testing.T) {
	w, _ := fleetRig(t, newRigStore(), 1, 1)
	w.e.mu.Lock()
	defer w.e.mu.Unlock()
	was := w.e.ledgers["db"]
	was.pools = 0
	w.e.ledgers["gone"] = &ledger{Ledger: querycache.NewLedger(), database: "gone"}
	w.e.forgetLedgers()
	if w.e.ledgers["db"] != was || w.e.ledgers["gone"] != nil {
		t.Error("forgotten are others than those that nobody uses")
	}
	was.pools = 1
	if sum := w.e.newLedger("gone").Watch(&rigFleet{}); sum == 0 {
		t.Error("nothing has been written there, it is said")
	}
	delete(w.e.ledgers, "gone")
}

// Two databases have a fleet each.
func TestFleetsOfDatabases(t *testing.T) {
	w, _ := fleetRig(t, newRigStore(), 1, 1)
	a, b := w.client("a"), w.clientAs("b", Client{Database: "other"})
	w.keeps(a, "select from a")
	w.misses(b, "select from a")
	w.misses(b, "select from a")
	if got := strings.Join(w.joins, " "); got != "app/db app/other" || w.state() != "catching up" {
		t.Errorf("asked for %s, state %q", got, w.state())
	}
}

// A reply comes from another process, and what that writes ends it.
func TestTheFleet(t *testing.T) {
	st := newRigStore()
	one, two, _, f := twoRigs(t, st, 1)
	two.log = nil
	a := two.client("a")
	two.note("another process has asked: a is given what that was told, without a server")
	one.says(one.client("b"), "select from a")
	two.says(a, "select from a")
	two.note("nobody has asked for this")
	two.says(a, "select from b")
	two.note("another process writes: from when it begins until it is over a asks Postgres")
	f.others(querycache.OpBegin, "a")
	two.says(a, "select from a")
	two.writes["a"]++
	f.others(querycache.OpEnd, "a")
	two.says(a, "select from a")
	two.says(a, "select from a")
	two.note("the others do not answer in time")
	f.others(querycache.OpChange, "a")
	f.holds = true
	two.says(a, "select from a")
	two.pass(maxFetch)
	two.note("a waits for the others, and does not want to any more")
	f.others(querycache.OpChange, "a")
	two.says(a, "select from a")
	two.e.Cancel(a.pid(), []byte{0, 0, 0, 7})
	two.settle()
	two.note("out of touch: nothing is from the cache")
	two.e.Shares("app", "db", nil)
	two.says(a, "select from a")
	two.note("c has settings of its own, and comes while the catalog is asked")
	two.mute("SET LOCAL")
	two.pass(time.Second)
	two.says(a, "create table d (n int)")
	two.client("c", Setting{"search_path", "other"})
	two.unmute()
	two.compare()
}

// lockingFleet is one that has a lock of its own, which it holds while it tells what others write.
type lockingFleet struct {
	mu    sync.Mutex
	noted int
}

func (f *lockingFleet) Note(querycache.Op, *querycache.Table) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noted++
}

func (f *lockingFleet) Position() uint64                              { return 0 }
func (f *lockingFleet) Keep(querycache.SharedKey, *querycache.Shared) {}
func (f *lockingFleet) Fetch(_ querycache.SharedKey, _ []*querycache.Table, found func(*querycache.Shared)) {
	found(nil)
}

func (f *lockingFleet) tells(e *Engine, op querycache.Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Heard("db", op, []string{"a"})
}

// Fleets come, go and tell in other threads than those of the loops, whatever locks they hold: nobody waits for ever, and at the end nothing is
// pending.
func TestFleetsOfOtherThreads(t *testing.T) {
	w := newCacheRig(t, 1, sharedCachePool(2))
	w.quiet = true
	a := w.client("a")
	f := &lockingFleet{}
	var threads sync.WaitGroup
	over := make(chan struct{})
	for i := range 3 {
		threads.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				switch i {
				case 0:
					f.tells(w.e, querycache.OpBegin)
					f.tells(w.e, querycache.OpEnd)
				case 1:
					w.e.Shares("app", "db", f)
					w.e.Shares("app", "db", nil)
				case 2:
					w.e.CacheStatus()
					w.e.PurgeCache("app", "b")
					w.e.Unshared("app", "db")
				}
			}
		})
	}
	for range 300 {
		w.says(a, "select from a")
		w.says(a, "insert into a")
		w.pass(60 * time.Millisecond)
	}
	close(over)
	threads.Wait()
	w.pass(time.Second)
	w.e.Shares("app", "db", nil)
	w.says(a, "select from a")
	w.e.Shares("app", "db", f)
	w.keeps(a, "select from a")
}
