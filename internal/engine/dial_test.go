package engine

import (
	"testing"
	"time"
)

// A Postgres that is starting up (57P03) does not cost those who wait their place, nor their error: they are served when
// it is up (trap 39).
func TestTrap39StartingUpDoesNotKillWaiters(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout = time.Minute
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.servers[0].socket.ended = true
	r.settle()
	r.refuse = &Refusal{SQLState: "57P03", Message: "the database system is starting up"}
	r.says(a, "select a")
	r.says(b, "select b")
	r.pass(10 * time.Second)
	r.note("it is up")
	r.refuse = nil
	r.pass(10 * time.Second)
	r.compare()
}

// One user's bad password does not stop the pool of another, and is forgotten when it has been put right (trap 39).
func TestTrap39ABadPasswordIsItsUsersOnly(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	wrong := true
	r.refuseSome = func(q DialRequest) *Refusal {
		if q.User == "bad" && wrong {
			return &Refusal{SQLState: "28P01", Message: "password authentication failed", Permanent: true}
		}
		return nil
	}
	r.note("bad is told, good goes on, also where they are on one loop")
	for range 2 {
		bad := r.newClientOf("bad", poolKey{"app", "db", "bad"})
		r.settle()
		r.pass(finishTimeout)
		if !bad.gone {
			t.Error("one whose password is refused stays")
		}
		r.says(r.client("good"), "select 1")
	}
	r.note("the password is put right")
	wrong = false
	r.pass(20 * time.Second)
	c := r.newClientOf("bad", poolKey{"app", "db", "bad"})
	r.settle()
	r.says(c, "select 1")
	r.compare()
}

// A password that is changed in Postgres refuses new servers, and nobody whom the servers that are there can serve, on
// whichever loop.
func TestTrap39ARefusalStopsNobodyWhomAServerServes(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	busy := r.client("busy")
	r.says(busy, "begin")
	r.refuse = &Refusal{SQLState: "28P01", Message: "password authentication failed", Permanent: true}
	r.note("the first server serves all, though a second is refused")
	waits, elsewhere := r.client("waits"), r.client("elsewhere")
	r.says(waits, "select 1")
	r.says(elsewhere, "select 2")
	r.says(busy, "commit")
	r.settle()
	r.note("with no server left, clients are told")
	r.servers[0].socket.ended = true
	r.settle()
	r.says(waits, "select 3")
	r.compare()
}

// The pause after a refused dial doubles, with up to a quarter by chance, to 16 times server_login_retry, and no further;
// server_connect_timeout goes with each dial.
func TestTheLoginRetryDoubles(t *testing.T) {
	p := onePool(1)
	p.ServerLoginRetry, p.ServerConnectTimeout = time.Second, 7*time.Second
	r := newRig(t, 1, p)
	r.quiet = true
	r.random = func() uint64 { return 1<<63 + uint64(r.now)*2654435761 }
	r.refuse = &Refusal{SQLState: "08006", Message: "connection refused"}
	r.newClient("a", "app")
	var at []int64
	r.refuseSome = nil
	for len(at) < 9 {
		r.holdDials = true
		r.pass(time.Millisecond)
		if len(r.dials) > 0 {
			if q := r.dials[0]; q.Timeout != 7*time.Second {
				t.Fatalf("the dial has %v", q.Timeout)
			}
			at = append(at, r.now)
			r.holdDials = false
			r.settle()
		}
	}
	jitter := false
	for i := 1; i < len(at); i++ {
		base := int64(time.Second) << min(i-1, 4)
		pause := at[i] - at[i-1]
		if pause < base || pause > base+base/4+int64(time.Millisecond) {
			t.Errorf("pause %d is %v", i, time.Duration(pause))
		}
		jitter = jitter || pause > base+int64(time.Millisecond)
	}
	if !jitter {
		t.Error("nothing was left to chance")
	}
}

// Twenty dials that are refused together are one failure: the first pause is server_login_retry, not 16 times that.
func TestDialsThatFailTogether(t *testing.T) {
	r := newRig(t, 1, onePool(20))
	r.quiet = true
	r.client("first")
	r.servers[0].socket.ended = true
	r.settle()
	r.refuse, r.holdDials = &Refusal{SQLState: "08006", Message: "connection refused"}, true
	for range 20 {
		r.says(r.client("c"), "begin")
	}
	r.holdDials = false
	r.settle()
	r.refuse = nil
	r.pass(1250 * time.Millisecond)
	if s := r.stats(); s.ClientsActive != 20 || s.ConnectsFailed != 20 {
		t.Errorf("%+v", s)
	}
}

// A client does not wait for a dial that takes long while a server idles on another shard.
func TestAnIdleServerElsewhereComesBeforeADialUnderWay(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	a, b := r.client("a"), r.client("b") // one on each shard
	r.says(b, "begin")
	r.holdDials = true
	r.says(a, "one") // dials
	r.says(b, "commit")
	r.says(b, "begin")
	r.says(b, "commit")
	before := r.stats().Queries
	r.says(a, "one")
	if s := r.stats(); s.ClientsWaiting != 0 || s.Queries != before+1 {
		t.Errorf("%d wait, %d servers idle, %d queries were done", s.ClientsWaiting, s.ServersIdle, s.Queries-before)
	}
	r.holdDials = false
	r.settle()
	r.within(2)
}
