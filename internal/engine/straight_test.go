package engine

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/routing"
)

// sessionPool is a pool of so many servers in pool_mode session.
func sessionPool(size int) PoolConfig {
	p := onePool(size)
	p.Mode = Session
	return p
}

var walSender = Client{Replication: "database", Startup: []Setting{{"application_name", "slot"}}}

// A replication client gets a server of its own, dialed as it has logged in; bytes go straight through; when one leaves, so
// does the other.
func TestReplication(t *testing.T) {
	r := newRig(t, 1, sessionPool(3))
	r.wordy = true
	a := r.client("a")
	r.says(a, "select a")
	r.leaves(a)
	r.note("though a server rests, the client gets its own; what it sends early is not lost")
	early := walSender
	early.Unread = clientSays("IDENTIFY_SYSTEM")
	w := r.clientAs("w", early)
	srv := r.servers[1]
	if q := srv.dialed; q.Replication != "database" || len(q.Startup) != 1 || q.Startup[0] != walSender.Startup[0] || q.Upstream != "pg:5432" {
		t.Errorf("the server is dialed with %+v", q)
	}
	stats := r.snapshot().Pools[0]
	if stats.ClientsActive != 1 || stats.ServersActive != 1 || stats.Pinned["replication"] != 1 || stats.PinnedTotal["replication"] != 1 {
		t.Errorf("the figures are %+v", stats)
	}
	r.note("messages that no session knows, in pieces, both ways, amid each other")
	w.in = []byte("Q\x00\x00\x00\x1fSTART_REPL")
	r.settle()
	w.in = []byte("ICATION 0/0 ....\x00")
	r.settle()
	srv.answer([]byte("W\x00\x00\x00\x07\x00\x00\x00d\x00\x00\x00\x08w"))
	r.settle()
	r.says(w, "CopyData: status")
	srv.answer([]byte("al."))
	r.settle()
	r.note("a cancel reaches its server")
	r.says(w, "hang")
	s := w.loop.shard
	c := s.client(w.id.Slot())
	r.e.Cancel(s.pid(c), s.secretOf(c))
	r.settle()
	r.note("it says Terminate: the server ends, and then the client")
	r.says(w, "Terminate:")
	r.note("another vanishes: its server is told")
	v := r.clientAs("v", walSender)
	r.leaves(v)
	r.note("one vanishes in mid-message: its server cannot be told")
	u := r.clientAs("u", walSender)
	u.in = []byte("d\x00\x00")
	r.settle()
	r.leaves(u)
	r.pass(closeTimeout)
	r.note("servers die: with words of their own, in mid-message, without a word")
	for _, last := range [][]byte{
		pgwire.AppendError(nil, "FATAL", "57P01", "terminating connection due to administrator command", "", ""),
		[]byte("d\x00\x00\x00\x30half"), nil,
	} {
		r.clientAs("x", walSender)
		srv := r.servers[len(r.servers)-1]
		srv.answer(last)
		r.settle()
		srv.socket.ended = true
		r.settle()
		r.pass(closeTimeout)
	}
	if p := r.e.pools[poolKey{"app", "db", "u"}]; p.shared.Size.Taken() != 1 || len(s.seeking) != 0 {
		t.Errorf("%d permits are taken, %d seek", p.shared.Size.Taken(), len(s.seeking))
	}
	r.compare()
}

// Replication needs pool_mode session.
func TestReplicationNeedsSessionMode(t *testing.T) {
	r := newRig(t, 1, onePool(3))
	r.wordy = true
	r.clientAs("w", walSender)
	r.note("after a reload it may")
	r.apply(sessionPool(3))
	r.clientAs("w", walSender)
	if n := r.e.Clients(); n != 1 {
		t.Errorf("%d clients are counted", n)
	}
	r.compare()
}

// Its server counts for pool_size. Servers that rest are given up for it, wherever they are; if all are busy it waits, for
// query_wait_timeout.
func TestReplicationWaitsForAPermit(t *testing.T) {
	p := sessionPool(2)
	p.QueryWaitTimeout, p.MaxWaitingClients = 30*time.Second, 1
	r := newRig(t, 2, p)
	r.wordy = true
	a, b := r.client("a"), r.client("b")
	if a.loop == b.loop {
		t.Fatal("both are on one shard")
	}
	r.says(a, "select a")
	r.says(b, "select b")
	r.leaves(a)
	r.note("one rests")
	w := r.clientAs("w", walSender)
	r.pass(closeTimeout)
	if w.gone || w.loop == nil {
		t.Error("it has no server")
	}
	r.note("none rests; it may wait, but not two; it is told when its time is over")
	r.clientAs("v", walSender)
	r.clientAs("u", walSender)
	r.pass(30*time.Second - 1)
	r.pass(1)
	r.note("one rests on another shard")
	r.leaves(b)
	x := r.clientAs("x", walSender)
	r.pass(time.Second)
	if x.gone {
		t.Error("it has no server")
	}
	r.note("a wait that ends because somebody leaves")
	y := r.clientAs("y", walSender)
	r.pass(time.Second)
	r.says(w, "Terminate:")
	r.pass(time.Second)
	r.note("and one that the client ends")
	z := r.clientAs("z", walSender)
	r.leaves(z)
	r.pass(time.Minute)
	if y.gone {
		t.Error("it has no server")
	}
	r.within(2)
	r.compare()
}

// A dial that fails is the client's to hear, at once, and no other's; one that is over when the client has left leaves
// nothing behind.
func TestReplicationDialsThatFail(t *testing.T) {
	r := newRig(t, 1, sessionPool(2))
	r.wordy = true
	a := r.client("a")
	r.refuse = &Refusal{SQLState: "42501", Message: "must be superuser or replication role to start walsender", Permanent: true}
	r.clientAs("w", walSender)
	r.note("others are served")
	r.refuse = nil
	r.says(a, "select a")
	r.note("the client leaves meanwhile")
	r.holdDials = true
	v := r.clientAs("v", walSender)
	r.leaves(v)
	r.holdDials = false
	r.settle()
	if n := r.e.pools[poolKey{"app", "db", "u"}].shared.Size.Taken(); n != 1 {
		t.Errorf("%d permits are taken", n)
	}
	r.compare()
}

// It is told 57P01 when the drain ends, and not before: it is always busy. In mid-message it is closed without a word.
func TestReplicationIsDrained(t *testing.T) {
	for _, drain := range []struct {
		name  string
		begin func(*rig)
	}{{"removed", func(r *rig) { r.apply() }}, {"exit", func(r *rig) { r.e.Drain(); r.settle() }}} {
		t.Run(drain.name, func(t *testing.T) {
			r := newRig(t, 1, sessionPool(3))
			w, v := r.clientAs("w", walSender), r.clientAs("v", walSender)
			r.servers[1].answer([]byte("d\x00\x00\x00\x10half"))
			r.settle()
			r.log = nil
			r.holdDials = true
			u := r.clientAs("u", walSender)
			drain.begin(r)
			if w.gone || v.gone || !u.gone {
				t.Error("those who stream are told before the end, or who waits is not told at once")
			}
			r.pass(10*time.Second - 1)
			if w.gone || v.gone {
				t.Error("they are told before the end")
			}
			r.note("the end")
			r.log = nil
			r.pass(1)
			if !w.gone || !v.gone {
				t.Error("they are not closed at the end")
			}
			said := bytes.Count([]byte(joinLines(r.log)), []byte("FATAL 57P01"))
			if said != 1 {
				t.Errorf("the last words are\n%s", joinLines(r.log))
			}
			r.holdDials = false
			r.pass(closeTimeout)
			if n := r.e.Clients(); n != 0 {
				t.Errorf("%d clients are counted", n)
			}
		})
	}
}

// Who is slow stops the other, and only that.
func TestReplicationIsPaused(t *testing.T) {
	r := newRig(t, 1, sessionPool(1))
	r.quiet = true
	w := r.clientAs("w", walSender)
	srv := r.servers[0].socket
	event := func(kind loop.EventKind, s *rigSocket) {
		w.loop.shard.Tick(r.now)
		w.loop.shard.Step(&loop.Event{Kind: kind, Conn: s.id})
		for _, op := range w.loop.shard.Ops() {
			w.loop.perform(op)
		}
	}
	event(loop.Congested, w)
	if !srv.paused || w.paused {
		t.Error("the server of a client that reads slowly is not paused")
	}
	event(loop.Drained, w)
	event(loop.Congested, srv)
	if srv.paused || !w.paused {
		t.Error("the client of a server that reads slowly is not paused")
	}
	event(loop.Drained, srv)
	if srv.paused || w.paused {
		t.Error("somebody stays paused")
	}
}

// Of what it sends before it has a server a bound is kept.
func TestReplicationThatWaitsIsPaused(t *testing.T) {
	r := newRig(t, 1, sessionPool(1))
	r.quiet, r.holdDials = true, true
	w := r.clientAs("w", walSender)
	for range 20 {
		r.says(w, "select "+string(bytes.Repeat([]byte("x"), 8000)))
	}
	if !w.paused {
		t.Fatal("it is not paused")
	}
	r.holdDials = false
	r.settle()
	if n := len(r.servers[0].queries); w.paused || n != 20 {
		t.Fatalf("%d queries have arrived", n)
	}
}

// A crash and the timeouts of ordinary clients.
func TestReplicationAndTheRest(t *testing.T) {
	p := sessionPool(3)
	p.QueryTimeout, p.TransactionTimeout, p.IdleTransactionTimeout, p.ClientIdleTimeout = time.Second, time.Second, time.Second, time.Second
	p.ServerIdleTimeout, p.ServerLifetime, p.MaxUserClientConnections = time.Second, time.Second, 2
	r := newRig(t, 1, p)
	r.quiet, r.crashes = true, true
	w := r.clientAs("w", walSender)
	r.says(w, "begin", "hang")
	r.pass(time.Hour)
	if w.gone {
		t.Error("a timeout of ordinary clients has ended it")
	}
	r.clientAs("v", walSender)
	if r.clientAs("u", walSender) != nil {
		t.Error("it does not count for max_user_client_connections")
	}
	r.holdDials = true
	r.apply(sessionPool(3))
	r.clientAs("t", walSender)
	r.note("one of them is being dialed when the loop crashes")
	r.loops[0].shard.mail.Post(mail{kind: mailServer})
	r.settle()
	r.holdDials = false
	r.settle()
	r.pass(2 * time.Second)
	if n, pools := r.e.Clients(), len(r.e.pools); n != 0 || pools != 0 {
		t.Errorf("%d clients and %d pools are left", n, pools)
	}
}

// Where messages begin is known however they are cut.
func TestFrames(t *testing.T) {
	stream := append(frame('d', "data"), frame('c')...)
	stream = append(stream, frame('C', "COPY 0\x00")...)
	for cut := range stream {
		var whole, cutInTwo frames
		whole.pass(stream[:cut])
		for _, b := range stream[:cut] {
			cutInTwo.pass([]byte{b})
		}
		at := cut
		for rest := stream; len(rest) > 0 && at >= pgwire.FrameLen(rest); {
			at -= pgwire.FrameLen(rest)
			rest = rest[pgwire.FrameLen(rest):]
		}
		if whole.amid() != (at > 0) || cutInTwo.amid() != (at > 0) {
			t.Errorf("at %d: %v and %v", cut, whole.amid(), cutInTwo.amid())
		}
	}
	var nonsense frames
	nonsense.pass(binary.BigEndian.AppendUint32([]byte{'x'}, 1<<31))
	nonsense.pass(stream)
	if !nonsense.amid() {
		t.Error("after nonsense there is a place for a message")
	}
}

func joinLines(lines []string) (out string) {
	for _, l := range lines {
		out += l + "\n"
	}
	return out
}

// Where several upstreams share transactions, such servers count for the pool_size of each, and go to all of them.
func TestReplicationOverSeveralUpstreams(t *testing.T) {
	p := sessionPool(1)
	p.Upstreams = []Upstream{{Address: "one:5432", Role: RolePrimary}, {Address: "two:5432", Role: RolePrimary}}
	p.Policy = new(routing.RoundRobin)
	r := newRig(t, 1, p)
	r.byUpstream = true
	a := r.client("a")
	r.says(a, "select a")
	r.note("one has the other upstream's; the next waits until somebody leaves")
	w := r.clientAs("w", walSender)
	r.says(w, "IDENTIFY_SYSTEM")
	v := r.clientAs("v", walSender)
	r.pass(time.Second)
	r.within(2)
	r.leaves(a)
	r.pass(time.Second)
	r.says(v, "IDENTIFY_SYSTEM")
	r.within(2)
	r.compare()
}
