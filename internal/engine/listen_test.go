package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// What a client listens to, the listener hears for it; the client is told that it listens when the listener does.
func TestListen(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.note("a listens: its server is asked what to, the listener is dialed, and then a is told")
	r.says(a, "listen x")
	r.note("the server is free, and b notifies with it: a, who is idle, is told, and that it was b")
	r.says(b, "notify x hello")
	r.note("a is told nothing inside its transaction, but before that is over; what it listens to is put on its server before BEGIN")
	r.says(a, "begin")
	r.servers[1].isNotified(rigNotification(9, "x", "amid"), false)
	r.settle()
	r.says(a, "row")
	r.says(a, "commit")
	r.note("b listens too: the listener need not be told, but asked whether it has heard all that was sent before")
	r.says(b, "listen x")
	r.note("of the two, only a is told what only a listens to")
	r.says(a, "listen y")
	r.says(b, "notify x 1;notify y 2;notify x 3")
	r.note("a function listens")
	r.says(a, "do $$listen z$$")
	r.note("UNLISTEN, rolled back, and not")
	r.says(a, "begin", "unlisten x", "rollback")
	r.says(a, "begin", "unlisten x", "commit")
	r.says(b, "notify x b")
	r.note("a leaves: nobody listens to y any more")
	r.leaves(a)
	r.note("b does not listen any more either; the listener rests")
	r.says(b, "unlisten *")
	r.within(2)
	r.compare()
}

// The listener dies: another is dialed, told everything, and whoever listens is told of the gap.
func TestTheListenerIsLost(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.says(b, "listen y")
	r.note("amid a transaction of a: it is told of the gap when that is over")
	r.says(a, "begin")
	r.servers[1].dies()
	r.says(a, "commit")
	r.says(b, "notify x 1;notify y 2")
	r.note("Postgres refuses another: nobody waits for that, and it is tried again")
	r.refuse = &Refusal{SQLState: "53300", Message: "too many connections"}
	r.servers[2].dies()
	r.says(b, "notify x lost")
	r.note("but who wants to listen waits, and is told that it cannot")
	r.says(b, "listen z")
	r.pass(10 * time.Second)
	r.pass(5 * time.Second)
	r.refuse = nil
	r.pass(16 * time.Second)
	r.note("a is told; it listens to x alone, and nobody to y")
	r.says(a, "notify x own")
	r.compare()
}

// Over two shards, wherever the listener is.
func TestListenOverTwoShards(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	a, b, c, d := r.client("a"), r.client("b"), r.client("c"), r.client("d")
	clients := []*rigSocket{a, b, c, d}
	for _, who := range clients[:3] {
		r.says(who, "listen x")
	}
	r.note("everybody who listens is told, in the order of sending")
	for i, who := range clients {
		r.says(who, fmt.Sprintf("listen own%d", i))
	}
	r.says(d, "notify x 1;notify own0 2;notify own1 3;notify x 4;notify own2 5;notify own3 6")
	r.note("each notifies itself, and is told before its query is over")
	r.quiet = true
	for range 20 {
		for i, who := range clients {
			r.log = nil
			r.quiet = false
			r.says(who, fmt.Sprintf("notify own%d self", i))
			r.quiet = true
			if told := strings.Join(r.log, "\n"); !strings.Contains(told, "self") || strings.Index(told, "self") > strings.Index(told, "ready I") {
				t.Fatalf("%s is told\n%s", who.name, told)
			}
		}
	}
	r.log, r.quiet = nil, false
	r.note("a server is lost, and with the clients of one shard half of all")
	for _, srv := range r.servers {
		if len(srv.channels.listening) > 0 {
			srv.dies()
		}
	}
	for _, who := range clients[1:] {
		r.leaves(who)
	}
	r.says(a, "notify x last")
	r.within(3) // one of which Postgres has ended
	if n := len(r.e.shards[0].listening) + len(r.e.shards[1].listening); n != 1 {
		t.Errorf("%d clients listen", n)
	}
}

// A shard crashes: what it wanted is wanted no longer, and if it had the listener, the other's clients are told of the gap.
func TestAShardCrashesAndOthersListen(t *testing.T) {
	for _, crashing := range []int{0, 1} {
		r := newRig(t, 2, onePool(2))
		r.crashes, r.quiet = true, true
		clients := []*rigSocket{r.client("a"), r.client("b"), r.client("c"), r.client("d")}
		for i, c := range clients {
			r.says(c, fmt.Sprintf("listen x;listen own%d", i))
		}
		r.loops[crashing].shard.mail.Post(mail{kind: mailListening}) // which has no pool
		r.settle()
		r.log, r.quiet = nil, false
		notifier := r.client("e")
		r.log = nil
		r.says(notifier, "notify x news")
		told := strings.Join(r.log, "\n")
		for _, c := range clients {
			if heard := strings.Contains(told, "→ "+c.name+"  x "); heard == c.gone {
				t.Errorf("%s, gone %v, is told %v:\n%s", c.name, c.gone, heard, told)
			}
		}
		listeners := 0
		for _, srv := range r.servers {
			if n := len(srv.channels.listening); n > 0 && !srv.socket.gone {
				listeners++
				if n != 4 { // that of the markers, x, and those of its two clients
					t.Errorf("the listener listens to %q", srv.channels.listening)
				}
			}
		}
		if listeners != 1 {
			t.Errorf("%d servers listen", listeners)
		}
	}
}

// What is kept for a client that does not end its transaction is bounded.
func TestTooManyNotifications(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.says(b, "listen x")
	r.says(a, "begin")
	r.quiet = true
	size := len(rigNotification(1, "x", strings.Repeat("n", 8000)))
	for range maxUndelivered / size {
		r.says(b, "notify x "+strings.Repeat("n", 8000))
	}
	if a.gone {
		t.Fatal("closed too early")
	}
	r.log, r.quiet, r.wordy = nil, false, true
	for _, srv := range r.servers {
		if slices.Contains(srv.channels.listening, "x") && srv.status == 'I' {
			srv.isNotified(rigNotification(9, "x", strings.Repeat("n", 8000)), false)
		}
	}
	r.settle()
	if !a.gone || !strings.Contains(strings.Join(r.log, "\n"), "too many notifications") {
		t.Fatalf("a lives on:\n%s", strings.Join(r.log, "\n"))
	}
}

// A client that reads slowly is told when it reads again, and one that listens is not idle.
func TestACongestedClientListens(t *testing.T) {
	p := onePool(1)
	p.ClientIdleTimeout = time.Minute
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.event(a, loop.Congested)
	r.says(b, "notify x 1;notify x 2")
	r.note("a reads, and is told at once")
	r.event(a, loop.Drained)
	r.says(b, "notify x 3")
	r.note("b is idle, a is not")
	r.pass(2 * time.Minute)
	r.compare()
}

// event is a turn in which that happens to a connection.
func (r *rig) event(s *rigSocket, kind loop.EventKind) {
	l := s.loop
	l.shard.Tick(r.now)
	l.shard.Step(&loop.Event{Kind: kind, Conn: s.id})
	for _, op := range l.shard.Ops() {
		l.perform(op)
	}
	s.look()
}

// A listener that takes the last permit, since max_server_connections has become 1, leaves it to the queries. Who listens, or is
// about to, is closed: nobody would hear anything for it any more.
func TestTheListenerLeavesTheLastPermitToQueries(t *testing.T) {
	p := onePool(2)
	p.MaxServerConnections, p.ServerIdleTimeout = 2, time.Second
	r := newRig(t, 2, p)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "listen x")
	r.says(b, "listen x")
	p.MaxServerConnections = 1
	r.log = nil
	r.apply(p)
	r.pass(5 * time.Second) // the other server is closed
	for _, client := range []*rigSocket{a, b} {
		if !client.gone {
			t.Errorf("%s lives on, and hears nothing:\n%s", client.name, strings.Join(r.log, "\n"))
		}
	}
	r.log = nil
	r.says(c, "select c")
	if told := strings.Join(r.log, "\n"); !strings.Contains(told, "ready I") {
		t.Errorf("c is told\n%s", told)
	}
	r.log = nil
	r.says(c, "listen y")
	r.pass(5 * time.Second)
	if told := strings.Join(r.log, "\n"); !c.gone || !strings.Contains(told, "FATAL 08006") {
		t.Errorf("c, who listens, is told\n%s", told)
	}
	r.within(2)
}

// The listener needs a permit of its upstream, not of its pool, and is closed when for server_idle_timeout nobody has listened.
func TestThePermitOfTheListener(t *testing.T) {
	p := onePool(2)
	p.MaxServerConnections = 2
	p.ServerIdleTimeout = time.Minute
	r := newRig(t, 1, p)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.note("two servers are in use")
	r.says(a, "begin")
	r.says(b, "begin")
	r.says(a, "listen x", "commit")
	r.note("a's rests, and makes room for the listener")
	r.pass(20 * time.Millisecond)
	r.says(b, "commit")
	r.says(c, "notify x 1")
	r.note("a leaves")
	r.leaves(a)
	r.pass(time.Minute)
	r.pass(2 * time.Second)
	r.note("two servers rest, and one makes room for it")
	r.says(b, "begin")
	r.says(c, "one")
	r.says(b, "commit")
	r.says(b, "listen y")
	r.pass(20 * time.Millisecond)
	r.pass(2 * time.Second)
	r.within(2)
	r.compare()
}

// In pool_mode session, and where the client's encoding is not the listener's, a client listens by itself.
func TestWhoListensAlone(t *testing.T) {
	p := onePool(1)
	p.Mode = Session
	r := newRig(t, 1, p)
	a := r.client("a")
	r.says(a, "listen x", "notify x own")
	r.note("another encoding, in pool_mode transaction: pinned")
	p.Mode = Transaction
	r = newRigAgain(r, p)
	b, c := r.client("b", Setting{"client_encoding", "LATIN1"}), r.client("c", Setting{"client_encoding", "utf-8"})
	r.says(b, "listen x", "notify x own")
	r.leaves(b)
	r.says(c, "listen x", "notify x own")
	r.compare()
}

// LISTEN works whatever becomes of what would pin: it does not pin.
func TestListenDoesNotPin(t *testing.T) {
	for _, pinning := range []session.Pinning{session.PinningOn, session.PinningOff, session.PinningError} {
		p := onePool(1)
		p.Pinning, p.MaxPinned = pinning, 1
		r := newRig(t, 1, p)
		a, b := r.client("a"), r.client("b")
		r.says(a, "listen x")
		r.says(b, "listen x")
		r.log = nil
		r.says(b, "notify x news")
		told := strings.Join(r.log, "\n")
		if !strings.Contains(told, "→ a  x ") || !strings.Contains(told, "→ b  x ") {
			t.Errorf("pinning %d:\n%s", pinning, told)
		}
		r.within(2)
	}
}

// newRigAgain is another rig that writes on.
func newRigAgain(r *rig, p PoolConfig) *rig {
	next := newRig(r.TB, 1, p)
	next.log = r.log
	next.params = append(next.params, Setting{"client_encoding", "UTF8"})
	return next
}

// A pool is removed: its clients are told, its listener goes, and nothing is left of it.
func TestAPoolIsRemovedWhoseClientsListen(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.says(b, "listen x", "begin")
	r.apply()
	r.says(b, "notify x 1", "commit")
	r.pass(5 * time.Second)
	for _, srv := range r.servers {
		if !srv.socket.gone {
			t.Errorf("%s is still there", srv.socket.name)
		}
	}
	for _, l := range r.loops {
		if n := len(l.shard.byKey) + len(l.shard.listening); n != 0 {
			t.Errorf("shard %d has %d pools and listening clients", l.shard.index, n)
		}
	}
	if !a.gone || !b.gone || len(r.e.pools) != 0 {
		t.Errorf("a gone %v, b gone %v, %d pools", a.gone, b.gone, len(r.e.pools))
	}
}

// A listener that does not answer is lost: it is asked when nobody has heard of it for server_check_interval.
func TestAListenerThatDoesNotAnswer(t *testing.T) {
	p := onePool(1)
	p.ServerCheckInterval, p.ServerConnectTimeout = 30*time.Second, 5*time.Second
	r := newRig(t, 1, p)
	a := r.client("a")
	r.says(a, "listen x")
	r.pass(40 * time.Second)
	r.note("the network to it is gone")
	r.servers[1].mute = true
	r.pass(40 * time.Second)
	r.says(a, "notify x back")
	r.compare()
}

// A hundred thousand clients on one channel, and three thousand channels of one client: each is told once, and may leave.
func TestManyListenToOneChannel(t *testing.T) {
	const clients, channels = 100_000, 3_000
	h := &benchHost{}
	e := New(1, h)
	h.e = e
	b := &bench{shard: e.Shard(0), now: 1}
	b.shard.Bind(benchDriver{})
	e.Apply(&Config{Pools: []PoolConfig{onePool(2)}})
	for range clients {
		b.attach(t, e)
	}
	s := b.shard
	p := s.pools[0]
	ch, _ := p.listeners().channel("x")
	for _, conn := range b.clients {
		s.enter(s.client(conn.Slot()), ch)
	}
	one := s.client(b.clients[7].Slot())
	for i := range channels {
		own, _ := p.hub.channel(fmt.Sprint(i))
		s.enter(one, own)
		s.enter(s.client(b.clients[8+i].Slot()), own)
	}
	s.Tick(b.now)
	m := rigNotification(1, "x", "news")
	s.passOn(p, m)
	told := map[loop.ID]int{}
	for _, op := range s.Ops() {
		told[op.Conn]++
	}
	if len(told) != clients {
		t.Fatalf("%d are told", len(told))
	}
	for i, conn := range b.clients {
		if i%2 == 1 {
			s.listensNoMore(s.client(conn.Slot()))
		}
	}
	s.Tick(b.now)
	s.passOn(p, m)
	if n := len(s.Ops()); n != clients/2 || len(ch.members) != clients/2 {
		t.Fatalf("%d are told then, of %d members", n, len(ch.members))
	}
	for _, m := range ch.members {
		if s.listening[m.client].channels[m.at].channel != ch {
			t.Fatal("a member does not find itself")
		}
	}
}
