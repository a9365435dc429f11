package engine

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// cancel is a client's CancelRequest.
func (r *rig) cancel(c *rigSocket) <-chan struct{} {
	done := r.e.Cancel(c.pid(), []byte{0, 0, 0, 7})
	r.settle()
	return done
}

// heeds has Postgres do what a cancel asks for, before that is known to be delivered.
func (r *rig) heeds() {
	for _, srv := range r.servers {
		if srv.hanging {
			srv.hanging = false
			srv.fail("57014", "canceling statement due to user request")
			srv.serve()
		}
	}
	r.settle()
}

// delivers has the host have sent the first cancel, and heard its end.
func (r *rig) delivers() {
	q := r.cancels[0]
	r.cancels = r.cancels[1:]
	r.e.Cancelled(q.Ticket)
	r.settle()
}

// A client that keeps its server may have its next query running, and cancel it, while a cancel is still on its way that
// Postgres has heeded already.
func TestACancelBehindACancel(t *testing.T) {
	cfg := onePool(1)
	cfg.Mode = Session
	r := newRig(t, 1, cfg)
	a := r.client("a")
	cancel, heeded, delivered := func() <-chan struct{} { return r.cancel(a) }, r.heeds, r.delivers
	told := func(done <-chan struct{}) bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	r.holdCancels = true
	r.note("one cancel, which Postgres heeds before it counts as delivered")
	r.says(a, "hang")
	first := cancel()
	heeded()
	r.note("the next query gets its own when it does; asked for twice, it is one")
	r.says(a, "hang")
	second, third := cancel(), cancel()
	if told(first) || told(second) || told(third) {
		t.Error("a cancel counts as delivered before it is")
	}
	delivered()
	if !told(first) || told(second) || told(third) {
		t.Error("who waits for the second cancel is told of the first")
	}
	heeded()
	delivered()
	if !told(second) || !told(third) {
		t.Error("who waits for the second cancel is not told of it")
	}
	r.note("where what it was for has ended meanwhile, there is none")
	r.says(a, "hang")
	cancel()
	heeded()
	r.says(a, "hang")
	second = cancel()
	heeded()
	r.says(a, "hang")
	delivered()
	if !told(second) || len(r.cancels) > 0 {
		t.Errorf("who waits is told: %v, and %d cancels are under way", told(second), len(r.cancels))
	}
	r.compare()
}

// What a client says while its cancel is still on its way waits for that where others have used its server: a DISCARD SEQUENCES that
// goes ahead would be hit. To cancel what waits so cancels it when it runs.
func TestWhatWaitsForACancelIsCancelled(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(b, "one")
	r.says(a, "create temp table t ()")
	r.holdCancels = true
	cancel, heeded, delivered := func() { r.cancel(a) }, r.heeds, r.delivers
	r.says(a, "hang")
	cancel()
	heeded()
	r.note("what comes next waits, and is cancelled while it does")
	r.says(a, "hang")
	cancel()
	if len(r.cancels) != 1 {
		t.Errorf("%d cancels are under way", len(r.cancels))
	}
	r.note("it runs when the first is delivered, and has its own")
	delivered()
	heeded()
	delivered()
	r.note("what nobody cancels is left alone")
	r.says(a, "hang")
	cancel()
	heeded()
	r.says(a, "two")
	delivered()
	r.compare()
}

// What a client cancels while it waits to leave a replica's server, to which a cancel is on its way, is cancelled where it runs then; and
// nothing else is.
func TestWhatWaitsForAnotherServerIsCancelledThere(t *testing.T) {
	r := splitRig(t, 1, nil)
	r.quiet = true
	r.facts = func(text string) *sql.Facts {
		if text == "hang" {
			return &sql.Facts{Class: sql.ClassReads}
		}
		return plainFacts(text)
	}
	r.knows("hang")
	r.client("first")
	primary := r.servers[0]
	a := r.client("a")
	r.holdCancels = true
	r.says(a, "hang")
	replica := r.servers[len(r.servers)-1]
	if replica == primary || !replica.hanging {
		t.Fatal("it does not run on a replica")
	}
	r.cancel(a)
	r.says(a, "insert")
	r.event(replica.socket, loop.Congested)
	primary.mute = true
	r.heeds()
	r.cancel(a)
	if len(r.cancels) != 1 {
		t.Fatalf("%d cancels while it waits", len(r.cancels))
	}
	r.event(replica.socket, loop.Drained)
	r.settle()
	if len(r.cancels) != 2 || r.servers[r.cancels[1].PID-1] != primary {
		t.Errorf("%d cancels when it runs", len(r.cancels))
	}
}
