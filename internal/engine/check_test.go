package engine

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

func checkedPool(size int) PoolConfig {
	p := onePool(size)
	p.ServerCheckInterval, p.ServerConnectTimeout = 30*time.Second, 5*time.Second
	return p
}

// A server that has rested for server_check_interval is asked whether it is still there before a client gets it.
func TestAServerIsChecked(t *testing.T) {
	r := newRig(t, 1, checkedPool(1))
	a := r.client("a")
	r.says(a, "select a")
	r.note("not yet")
	r.pass(30*time.Second - 1)
	r.says(a, "select a")
	r.note("now, with an empty query")
	r.pass(30 * time.Second)
	r.says(a, "select a")
	r.note("or with another")
	p := checkedPool(1)
	p.ServerCheckQuery = "SELECT 1"
	r.apply(p)
	r.pass(30 * time.Second)
	r.says(a, "select a", "select a again")
	r.note("before it is made as its client wants it")
	b := r.client("b", Setting{"TimeZone", "CET"})
	r.pass(30 * time.Second)
	r.says(b, "select b")
	r.note("for a client that leaves meanwhile, and then for nobody")
	r.pass(30 * time.Second)
	r.servers[0].mute = true
	r.says(a, "select a")
	r.leaves(a)
	r.servers[0].mute = false
	r.settle()
	if s := r.stats(); s.ServersIdle != 1 {
		t.Errorf("the server does not rest: %+v", s)
	}
	r.compare()
}

// One that fails its check is closed, and the client gets another; nobody is told anything.
func TestAServerFailsItsCheck(t *testing.T) {
	p := checkedPool(2)
	p.ServerCheckQuery = "nonsense"
	r := newRig(t, 1, p)
	a := r.client("a")
	rest := func(why string) {
		r.note("%s", why)
		r.pass(30 * time.Second)
	}
	rest("with an error")
	r.says(a, "select a")
	p.ServerCheckQuery = "begin"
	r.apply(p)
	rest("with a transaction that is left open")
	r.says(a, "select a")
	p.ServerCheckQuery = "copy"
	r.apply(p)
	rest("with a COPY")
	r.says(a, "select a")
	p.ServerCheckQuery = ""
	r.apply(p)
	last := func() *rigServer { return r.servers[len(r.servers)-1] }
	rest("by its end")
	last().mute = true
	r.says(a, "select a")
	last().socket.ended = true
	r.settle()
	rest("with FATAL")
	last().mute = true
	r.says(a, "select a")
	last().answer(pgwire.AppendError(nil, "FATAL", "57P01", "terminating connection due to administrator command", "", ""))
	last().socket.ended = true
	r.settle()
	rest("with what was not asked")
	last().mute = true
	r.says(a, "select a")
	last().answer(frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"), frame(pgwire.ReadyForQuery, "I"))
	r.settle()
	if n := r.stats().ChecksFailed; n != 6 {
		t.Errorf("%d failed checks are counted", n)
	}
	r.compare()
}

// One that says nothing is closed after server_connect_timeout, and not before; the client's place in the queue is where it
// was, and what the server says late reaches nobody.
func TestAServerDoesNotAnswerItsCheck(t *testing.T) {
	r := newRig(t, 1, checkedPool(1))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.pass(30 * time.Second)
	r.servers[0].mute = true
	r.servers[0].slow = true
	r.says(a, "select a")
	r.pass(time.Second)
	r.says(b, "select b")
	r.says(c, "select c")
	r.pass(4*time.Second - 1)
	if s := r.stats(); s.ServersChecking != 1 || s.ClientsWaiting != 2 {
		t.Errorf("one is checked and two wait: %+v", s)
	}
	r.note("5 s; it answers in that moment")
	r.servers[0].in = nil
	r.pass(1)
	r.servers[0].answer(frame(pgwire.EmptyQueryResponse), frame(pgwire.ReadyForQuery, "I"))
	r.settle()
	r.note("its permit is free: a, then b, then c")
	r.pass(closeUnheard)
	r.within(1)
	r.compare()
}

// Who waits for a check can cancel, leave, and wait too long, as in the queue; the server is checked on, and is the next
// one's.
func TestAClientDoesNotWaitForACheck(t *testing.T) {
	p := checkedPool(1)
	p.QueryWaitTimeout = 3 * time.Second
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.pass(30 * time.Second)
	srv := r.servers[0]
	srv.mute = true
	r.note("a cancels")
	r.says(a, "select a")
	r.pass(time.Second)
	select {
	case <-r.e.Cancel(a.pid(), []byte{0, 0, 0, 7}):
	default:
		r.settle()
	}
	r.note("b is served when the check is done")
	r.says(b, "select b")
	r.pass(time.Second)
	srv.mute = false
	r.settle()
	r.note("query_wait_timeout holds: 3 s, and not at 3 s less a bit")
	r.pass(30 * time.Second)
	srv.mute = true
	r.says(a, "select a")
	r.pass(3*time.Second - 1)
	r.pass(1)
	r.note("the check goes on for nobody, and fails after 5 s")
	r.pass(2 * time.Second)
	if n := r.stats().WaitTimeouts; n != 1 {
		t.Errorf("%d waits are counted as too long", n)
	}
	r.compare()
}

// A server that rested on another loop is checked by who borrows it.
func TestAServerThatMovesIsChecked(t *testing.T) {
	r := newRig(t, 2, checkedPool(1))
	a, b := r.client("a"), r.client("b")
	if a.loop == b.loop {
		t.Fatal("both clients are on one shard")
	}
	r.says(a, "select a")
	r.pass(30 * time.Second)
	r.says(b, "select b")
	r.note("heard of just now")
	r.says(a, "select a")
	r.note("it is dead on its next way")
	r.pass(30 * time.Second)
	r.servers[0].mute = true
	r.says(b, "select b")
	r.pass(5*time.Second + closeUnheard)
	r.within(1)
	r.compare()
}

// When the network has forgotten all servers of a pool, a client waits for one check and a dial, not for a check of each;
// a server that is there after all serves on.
func TestAllServersAreSilent(t *testing.T) {
	r := newRig(t, 1, checkedPool(10))
	r.quiet = true
	var c []*rigSocket
	for range 10 {
		c = append(c, r.client("c"))
		r.says(c[len(c)-1], "begin")
	}
	for _, s := range c {
		r.says(s, "commit")
	}
	r.pass(time.Minute)
	for _, srv := range r.servers[1:] {
		srv.mute = true
	}
	last := len(r.servers)
	r.says(c[0], "begin")
	r.pass(5 * time.Second)
	if s := r.stats(); s.ClientsActive != 1 || s.ServersChecking != 8 || last != 10 {
		t.Fatalf("one has answered its check, and is the client's: %+v", s)
	}
	r.servers[0].mute = true
	r.pass(5 * time.Second)
	r.pass(closeUnheard)
	if s := r.stats(); s.ServersActive != 1 || s.ChecksFailed != 9 || s.ServersChecking+s.ServersIdle+s.ServersDraining != 0 {
		t.Fatalf("the others are gone: %+v", s)
	}
	r.says(c[0], "commit")
	r.servers[0].mute = false
	r.settle()
	if s := r.stats(); s.ServersIdle != 1 {
		t.Fatalf("%+v", s)
	}
}
