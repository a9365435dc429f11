package routing

import (
	"testing"
	"time"
)

// noHealth lets only the breaker act.
var noHealth = Settings{BreakerFails: 3, BreakerOpen: 4 * time.Second}

func (r *rig) breakerIs(want Breaker) {
	r.t.Helper()
	if got := r.of("a").Breaker; got != want {
		r.t.Fatalf("the breaker is %v and not %v", got, want)
	}
}

func (r *rig) admits(want bool) {
	r.t.Helper()
	if got := r.Admit(r.now, "a"); got != want {
		r.t.Fatalf("a dial is admitted: %v", got)
	}
}

// broken has an open breaker.
func broken(t *testing.T) *rig {
	t.Helper()
	r := track(t, noHealth, auto("a")...)
	for range 3 {
		r.breakerIs(Closed)
		r.admits(true)
		r.Failed(r.now, "a")
	}
	r.breakerIs(Open)
	return r
}

func TestDialsThatFailInARowOpenTheBreaker(t *testing.T) {
	r := broken(t)
	r.happenedTo("a", EventBreakerOpened)
	r.admits(false)
	if got, open := r.Topology(r.now).transactionCandidates(nil); len(got) > 0 || !open {
		t.Errorf("candidates %v, open %v", got, open)
	}
	if target := r.Topology(r.now).WriteTarget(); target != 0 {
		t.Errorf("the target of writes is %d: whether its breaker is open is another question", target)
	}
}

func TestADialThatSucceedsEndsTheRow(t *testing.T) {
	r := track(t, noHealth, auto("a")...)
	for range 20 {
		r.Failed(r.now, "a")
		r.Failed(r.now, "a")
		r.Succeeded(r.now, "a")
	}
	r.breakerIs(Closed)
}

func TestHalfOpenAdmitsOne(t *testing.T) {
	r := broken(t)
	r.pass(4*time.Second - 1)
	r.breakerIs(Open)
	r.admits(false)
	r.pass(1)
	r.breakerIs(HalfOpen)
	r.transactionsGoTo("a")
	r.admits(true)
	r.admits(false)
	r.Succeeded(r.now, "a")
	r.breakerIs(Closed)
	r.admits(true)
	r.admits(true)
	r.happenedTo("a", EventBreakerOpened, EventBreakerClosed)
}

func TestHalfOpenAFailureOpensItAgain(t *testing.T) {
	r := broken(t)
	r.pass(4 * time.Second)
	r.admits(true)
	r.Failed(r.now, "a")
	r.breakerIs(Open)
	r.pass(4 * time.Second)
	r.admits(true)
}

func TestFailuresWhileItIsOpenDoNotMakeItLast(t *testing.T) {
	r := broken(t)
	for range 8 {
		r.pass(500 * time.Millisecond)
		if r.of("a").Breaker == Open {
			r.Failed(r.now, "a") // it was under way
		}
	}
	r.breakerIs(HalfOpen)
}

func TestADialThatIsNeverHeardOfDoesNotBlockForEver(t *testing.T) {
	r := broken(t)
	r.pass(4 * time.Second)
	r.admits(true)
	r.pass(4*time.Second - 1)
	r.admits(false)
	r.pass(1)
	r.admits(true)
	r.admits(false)
}

func TestAnEndedConnectionDoesNotCountForTheBreaker(t *testing.T) {
	r := track(t, noHealth, auto("a")...)
	for range 20 {
		r.Ended(r.now, "a")
	}
	r.breakerIs(Closed)
}

func TestWithoutBreakerFailsItNeverOpens(t *testing.T) {
	r := broken(t)
	if r.Declare(r.now, Settings{}, auto("a")); r.of("a").Breaker != Closed {
		t.Error("it stays open though it is switched off")
	}
	for range 100 {
		r.Failed(r.now, "a")
	}
	r.breakerIs(Closed)
	r.admits(true)
	if r.Admit(r.now, "b") {
		t.Error("one that is not declared may be dialed")
	}
}

func TestOneBreakerForEachUpstream(t *testing.T) {
	r := track(t, noHealth, auto("a", "b")...)
	for range 3 {
		r.Failed(r.now, "b")
	}
	r.breakerIs(Closed)
	r.transactionsGoTo("a")
	if got := r.of("b"); got.Breaker != Open {
		t.Error(got)
	}
}
