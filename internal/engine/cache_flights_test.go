package engine

import (
	"strings"
	"testing"
	"time"
)

// Two ask the same: one query, both are answered, on whichever shards they are.
func TestFlights(t *testing.T) {
	for shards := range 2 {
		w := newCacheRig(t, 1+shards, cachePool(3))
		a, b, c := w.client("a"), w.client("b"), w.client("c")
		w.mute("select")
		w.waits(a, "select from a")
		if heard := append(w.waits(b, "select from a"), w.waits(c, "select from a")...); len(heard) > 0 {
			t.Fatalf("servers are asked %q", heard)
		}
		w.unmute()
		if len(w.heard) != 1 {
			t.Errorf("servers were asked %q", w.heard)
		}
		for _, s := range []*rigSocket{a, b, c} {
			if !strings.HasSuffix(what(s.received), "T, D, SELECT 1, ready I") {
				t.Errorf("%s is told %s", s.name, what(s.received))
			}
		}
		w.hits(b, "select from a")
	}
}

// Whatever becomes of the first, who waits for it is served: its server fails the query, is lost, or it leaves.
func TestFlightsThatComeToNothing(t *testing.T) {
	for name, ends := range map[string]func(w *cacheRig, a *rigSocket){
		"an error": func(w *cacheRig, a *rigSocket) {
			w.servers[0].in, w.servers[0].mute, w.mutesAt = nil, false, ""
			w.servers[0].fail("22012", "division by zero")
			w.settle()
		},
		"it leaves": func(w *cacheRig, a *rigSocket) { w.mutesAt = ""; w.leaves(a); w.unmute() },
		"its server is lost": func(w *cacheRig, a *rigSocket) {
			w.mutesAt = ""
			w.loses("select from a")
		},
		"a notice": func(w *cacheRig, a *rigSocket) {
			w.spoils = frame('N', "SNOTICE\x00C00000\x00Mx\x00\x00")
			w.unmute()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCacheRig(t, 1, cachePool(1))
			a, b := w.client("a"), w.client("b")
			w.mute("select")
			w.waits(a, "select from a")
			w.waits(b, "select from a")
			ends(w, a)
			w.pass(3 * time.Second)
			if got := what(b.received); !strings.HasSuffix(got, "T, D, SELECT 1, ready I") {
				t.Errorf("b is told %s", got)
			}
			w.hits(b, "select from a")
		})
	}
}

// A first that is refused a server, after query_wait_timeout, lets the others go; and those have waited as long.
func TestAFlightThatIsRefused(t *testing.T) {
	p := cachePool(1)
	p.QueryWaitTimeout = 5 * time.Second
	w := newCacheRig(t, 1, p)
	a, b, c := w.client("a"), w.client("b"), w.client("c")
	w.says(c, "begin")
	w.waits(a, "select from a")
	w.pass(time.Second)
	w.waits(b, "select from a")
	w.pass(4 * time.Second)
	if !strings.HasSuffix(what(a.received), "ERROR 08006, ready I") {
		t.Errorf("a is told %s", what(a.received))
	}
	w.says(c, "commit")
	if !strings.HasSuffix(what(b.received), "T, D, SELECT 1, ready I") {
		t.Errorf("b is told %s", what(b.received))
	}
}

// Who waits may have that cancelled, or leave; and the first goes on.
func TestWhoWaitsForAFlightMayEndThat(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b, c := w.client("a"), w.client("b"), w.client("c")
	w.mute("select")
	w.waits(a, "select from a")
	w.waits(b, "select from a")
	w.waits(c, "select from a")
	w.leaves(c)
	w.e.Cancel(b.pid(), []byte{0, 0, 0, 7})
	w.settle()
	if got := what(b.received); !strings.HasSuffix(got, "ERROR 57014, ready I") {
		t.Errorf("b is told %s", got)
	}
	w.unmute()
	w.hits(a, "select from a")
	w.hits(b, "select from a")
}

// Nobody waits longer than 10 s, nor twice for one question; the wait for the next question has its own time.
func TestAFlightThatTakesTooLong(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(5))
	a, b, c := w.client("a"), w.client("b"), w.client("c")
	w.mute("select")
	w.waits(a, "select from a")
	w.waits(b, "select from a")
	w.pass(maxFlight - 1)
	if len(w.heard) > 0 {
		t.Fatalf("servers were asked %q", w.heard)
	}
	w.pass(1)
	if got := len(w.servers[1].in); got == 0 {
		t.Fatal("b has not gone itself")
	}
	w.unmute()
	w.note("the next wait, begun 9 s into the last one's time")
	w.mute("select")
	w.waits(a, "select from b")
	w.waits(b, "select from b")
	w.unmute()
	w.hits(b, "select from b")
	w.pass(9 * time.Second)
	w.mute("select")
	w.waits(c, "select from v")
	w.waits(b, "select from v")
	w.pass(2 * time.Second)
	muted := 0
	for _, s := range w.servers {
		if s.mute {
			muted++
		}
	}
	if muted != 1 {
		t.Errorf("%d servers were asked, one has been waited for 2 s only", muted)
	}
	w.unmute()
	w.hits(b, "select from v")
}

// Who waits when the drain begins is answered, and then sent away as all are.
func TestADrainAmidAFlight(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b := w.client("a"), w.client("b")
	w.mute("select")
	w.waits(a, "select from a")
	w.waits(b, "select from a")
	w.e.Drain()
	w.settle()
	w.unmute()
	for _, s := range []*rigSocket{a, b} {
		if got := what(s.received); !strings.HasSuffix(got, "T, D, SELECT 1, ready I, FATAL 57P01") {
			t.Errorf("%s is told %s", s.name, got)
		}
	}
}

// Who has ended its half of the connection, and waits, is answered, and then closed.
func TestAFlightOfWhoHasEndedItsHalf(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b := w.client("a"), w.client("b")
	w.mute("select")
	w.waits(a, "select from a")
	w.waits(b, "select from a")
	w.endsHalf(b)
	w.unmute()
	if got := what(b.received); !strings.HasSuffix(got, "T, D, SELECT 1, ready I") || !b.gone {
		t.Errorf("b is told %s, and is closed: %v", got, b.gone)
	}
}

// The loop of the first crashes: who waits on another goes itself.
func TestTheLoopOfAFlightCrashes(t *testing.T) {
	w := newCacheRig(t, 2, cachePool(3))
	w.crashes = true
	a, b := w.client("a"), w.client("b")
	w.mute("select")
	w.waits(a, "select from a")
	w.waits(b, "select from a")
	w.mutesAt = ""
	a.loop.shard.mail.Post(mail{kind: mailServer})
	w.settle()
	w.pass(closeUnheard + time.Second)
	if got := what(b.received); !strings.HasSuffix(got, "T, D, SELECT 1, ready I") {
		t.Errorf("b is told %s", got)
	}
	w.keeps(b, "select from b")
}
