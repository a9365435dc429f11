package engine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

var seed = flag.Uint64("seed", 0, "the seed of the random tests; 0: many")

// The transcripts of these conversations are in testdata, one file each, to be read beside them; -update rewrites them.

// Clients that wait are served in their order.
func TestWaitersAreServedInTheirOrder(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.note("a has the only server; b waits, then c")
	r.says(a, "begin")
	r.says(b, "select b")
	r.says(c, "select c")
	r.note("a is done: b, then c")
	r.says(a, "commit")
	r.note("what a says next waits for nobody now")
	r.says(a, "row")
	r.within(1)
	r.compare()
}

// A wait ends after query_wait_timeout with 08006; the rest of the pipeline is ignored up to its Sync, and there is
// exactly one ReadyForQuery (trap 11).
func TestQueryWaitTimeout(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout = 30 * time.Second
	r := newRig(t, 1, p)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "begin")
	r.note("b waits with a batch whose Sync has not come, c with two queries")
	r.says(b, "Parse:  select 1", "Bind:", "Execute:")
	r.pass(10 * time.Second)
	r.says(c, "one", "two")
	r.pass(20*time.Second - 1)
	r.note("30 s: b is refused")
	r.pass(1)
	r.note("what is left of its batch is ignored; Sync ends it")
	r.says(b, "Parse:  select 2", "Sync:")
	r.note("40 s: c's first query is refused, and its second waits on its own time")
	r.pass(10 * time.Second)
	r.pass(20 * time.Second)
	r.pass(10 * time.Second)
	r.note("both live on")
	r.says(a, "commit")
	r.says(b, "Parse:  select 3", "Bind:", "Execute:", "Sync:")
	r.says(c, "three")
	r.compare()
}

// max_waiting_clients refuses at once.
func TestMaxWaitingClients(t *testing.T) {
	p := onePool(1)
	p.MaxWaitingClients = 1
	r := newRig(t, 1, p)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "begin")
	r.says(b, "select b")
	r.note("c is one too many, with a query and with a batch")
	r.says(c, "select c", "Parse:  select c", "Bind:", "Execute:", "Sync:")
	r.says(a, "commit")
	r.says(c, "select c")
	r.compare()
}

// A cancel reaches the query it was meant for, or nothing (traps 26, 27, 28).
func TestCancel(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	key := func(s *rigSocket) (uint32, []byte) { return s.pid(), []byte{0, 0, 0, 7} }
	delivered := func(done <-chan struct{}) bool {
		r.settle()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	r.note("for a client that does nothing: nothing")
	if !delivered(r.e.Cancel(key(a))) {
		t.Error("who cancels nothing waits")
	}
	r.says(a, "hang")
	r.says(b, "select b")
	r.note("for one that waits: 57014, out of the queue")
	if !delivered(r.e.Cancel(key(b))) {
		t.Error("who cancels a wait waits")
	}
	r.says(b, "select b again")
	r.note("with a wrong secret: nothing")
	if !delivered(r.e.Cancel(a.pid(), []byte{0, 0, 0, 8})) {
		t.Error("who has a wrong secret waits")
	}
	r.note("for a query: one request, however often it comes; the server goes to b when it is delivered")
	r.holdCancels = true
	first, second := r.e.Cancel(key(a)), r.e.Cancel(key(a))
	if delivered(first) || delivered(second) {
		t.Error("a cancel counts as delivered before it is")
	}
	r.note("the query ends by itself meanwhile: the server is held back")
	r.servers[0].hanging = false
	r.servers[0].answer([]byte("C\x00\x00\x00\x0bHANGED\x00"), r.servers[0].ready())
	r.settle()
	if len(r.servers[0].queries) != 1 {
		t.Fatal("b got a server that a cancel was on its way to")
	}
	r.note("delivered, too late to do harm")
	r.holdCancels = false
	if !delivered(first) || !delivered(second) {
		t.Error("who cancelled is not told that it was delivered")
	}
	r.compare()
}

// A client that vanishes leaves nothing behind (trap 31).
func TestClientsThatVanish(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.note("in a query: it is cancelled")
	a := r.client("a")
	r.says(a, "begin", "hang")
	b := r.client("b")
	r.says(b, "select b")
	r.leaves(a)
	r.note("in a transaction: rolled back")
	c := r.client("c")
	r.says(c, "begin")
	r.leaves(c)
	r.note("in a COPY: failed")
	d := r.client("d")
	r.says(d, "copy", "CopyData: 1")
	r.leaves(d)
	r.note("in a batch: ended")
	e := r.client("e")
	r.says(e, "Parse: s select 1")
	r.leaves(e)
	r.note("with state in its session: reset")
	f := r.client("f")
	r.says(f, "create temp table x")
	r.leaves(f)
	r.note("in mid-frame: the server cannot be used again")
	g := r.client("g")
	r.says(g, "copy", "Raw: d\x00\x00\x00\x10half")
	r.leaves(g)
	r.pass(closeUnheard)
	r.note("while it waits, for a server that does not answer: nothing")
	r.says(b, "hang")
	h := r.client("h")
	r.says(h, "select h")
	r.leaves(h)
	r.within(1)
	r.compare()
}

// A server that does not come clean in time is closed.
func TestAServerThatHangsOn(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.servers[0].mute = true
	r.leaves(a)
	r.says(b, "select b")
	r.pass(cleanTimeout)
	r.note("and counts for a while longer: nobody hears when Postgres has ended it")
	r.pass(closeUnheard)
	r.within(1)
	r.compare()
}

// A server that is closed counts until Postgres has ended it, and for closeTimeout at most.
func TestAServerCountsUntilItHasEnded(t *testing.T) {
	p := onePool(1)
	p.ServerLifetime = time.Minute
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.pass(2 * time.Minute)
	r.servers[0].slow = true
	r.says(b, "select b")
	r.note("too old, it is closed when a is done; Postgres takes its time")
	r.says(a, "commit")
	r.pass(time.Second)
	r.note("now it has ended, and b gets another")
	r.servers[0].socket.ended = true
	r.settle()
	r.note("the next never ends: it is not waited for without end")
	r.says(a, "begin")
	r.pass(2 * time.Minute)
	r.servers[1].slow = true
	r.says(b, "select b")
	r.says(a, "commit")
	r.pass(closeTimeout)
	r.within(1)
	r.compare()
}

// One who cancels while a server is set up for it is not served by another when that one dies, nor is a later query of
// its taken for the one that was cancelled.
func TestACancelAsAServerIsSetUp(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b", Setting{"TimeZone", "CET"})
	r.says(a, "select a")
	r.servers[0].mute = true
	r.says(b, "select b")
	r.note("b cancels, and the server that is being set as b wants it dies")
	r.e.Cancel(b.pid(), []byte{0, 0, 0, 7})
	r.servers[0].socket.ended = true
	r.settle()
	r.note("what b says next is served")
	r.says(b, "select b again")
	r.says(a, "select a")
	r.says(b, "select b once more")
	r.compare()
}

// The death of a server costs its client a clean error and the pool nothing.
func TestServersThatDie(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	die := func() {
		r.servers[len(r.servers)-1].socket.ended = true
		r.settle()
	}
	r.says(a, "select a")
	r.note("at rest: nobody notices")
	die()
	r.says(a, "select a")
	r.note("in a query")
	r.says(a, "hang")
	die()
	r.note("in a transaction")
	r.says(b, "begin")
	die()
	r.note("with words of its own, which are the client's")
	r.says(c, "hang")
	r.servers[len(r.servers)-1].answer(pgwire.AppendError(nil, "FATAL", "57P05", "terminating connection due to idle-session timeout", "", ""))
	r.settle()
	die()
	r.note("in mid-message: the client is closed without a word")
	d := r.client("d")
	r.says(d, "hang")
	r.servers[len(r.servers)-1].answer([]byte("D\x00\x00\x00\x30half"))
	r.settle()
	die()
	r.note("the pool is well")
	r.says(r.client("e"), "select e")
	r.within(2)
	r.compare()
}

// Startup parameters make a profile: its clients are greeted with what a server so set reports, and get servers so set.
func TestStartupSettings(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	zone, path := Setting{"TimeZone", "CET"}, Setting{"search_path", "a,b"}
	r.note("a knows nothing; b and c ask for a time zone: one asks the server, both are greeted")
	a, b := r.client("a"), r.client("b", zone)
	c := r.client("c", zone)
	r.says(a, "select a")
	r.says(b, "select b")
	r.says(c, "select c")
	r.note("d has another setting besides, e another instead: only the difference is set")
	d, e := r.client("d", zone, path), r.client("e", path)
	r.says(d, "select d")
	r.says(e, "select e")
	r.says(a, "select a")
	r.note("a bad one: FATAL in Postgres's words")
	r.client("f", Setting{"x", "nonsense"})
	r.says(a, "select a")
	r.within(1)
	r.compare()
}

// When Postgres's own settings change, its idle servers say so, and clients are told the new ones when they log in.
func TestANewSettingOfPostgresReachesNewClients(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.params = []Setting{{"DateStyle", "ISO, MDY"}, {"TimeZone", "UTC"}}
	a := r.client("a", Setting{"application_name", "a"})
	r.says(a, "select a")
	r.note("the server has a's settings: what it says now may be a's doing")
	r.servers[0].answer(frame(pgwire.ParameterStatus, "TimeZone\x00CET\x00"))
	r.settle()
	r.client("b")
	r.note("it has nobody's")
	c := r.client("c")
	r.says(c, "select c")
	r.servers[0].answer(frame(pgwire.ParameterStatus, "DateStyle\x00SQL, DMY\x00"))
	r.settle()
	r.client("d")
	r.within(1)
	r.compare()
}

// Who logs in needs no server, though all be busy: what drivers usually ask for is known to be taken, and what it does
// to what Postgres reports. What is not known is asked for once.
func TestALoginNeedsNoServer(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.params = []Setting{{"application_name", ""}, {"client_encoding", "UTF8"}, {"DateStyle", "ISO, MDY"}, {"TimeZone", "UTC"}}
	name := func(v string) Setting { return Setting{"application_name", v} }
	paris := Setting{"TimeZone", "Europe/Paris"}
	a := r.client("a", paris, name("first"))
	r.note("the server is busy")
	r.says(a, "begin")
	r.client("psql", name("psql"), Setting{"client_encoding", "UTF8"})
	r.client("jdbc", Setting{"client_encoding", "utf-8"}, Setting{"DateStyle", "ISO"}, Setting{"TimeZone", "UTC"}, Setting{"extra_float_digits", "3"})
	r.client("plain")
	r.note("a has asked for what these two want, under another name or with one of its own")
	r.client("b", name("second"), paris)
	r.client("c", paris)
	r.note("these have to wait")
	r.client("d", Setting{"TimeZone", "Europe/Rome"})
	r.client("e", name("caf\u00e9"))
	r.client("f", Setting{"is_superuser", "on"})
	r.client("g", Setting{"extra_float_digits", "4"})
	r.says(a, "commit")
	r.compare()
}

// What a client leaves in its session keeps its server with it, and is gone before the next.
func TestPinning(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "create temp table x")
	r.says(b, "select b")
	r.says(a, "select a")
	r.note("DISCARD ALL lets it go")
	r.says(a, "DISCARD ALL")
	r.note("so does leaving, after a reset")
	r.says(a, "create temp table x")
	r.says(a, "Terminate:")
	r.says(b, "select b")
	r.compare()
}

// pool_mode session keeps the server until the client leaves.
func TestSessionMode(t *testing.T) {
	p := onePool(1)
	p.Mode = Session
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "select a")
	r.says(b, "select b")
	r.says(a, "Terminate:")
	r.compare()
}

// pool_mode statement refuses transactions.
func TestStatementMode(t *testing.T) {
	p := onePool(1)
	p.Mode = Statement
	r := newRig(t, 1, p)
	a := r.client("a")
	r.says(a, "begin", "select a")
	r.compare()
}

// A smaller pool_size closes servers that rest now, and the others as they are released.
func TestAPoolShrinks(t *testing.T) {
	r := newRig(t, 1, onePool(3))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "begin")
	r.says(b, "begin")
	r.says(c, "select c")
	r.note("to one")
	r.apply(onePool(1))
	r.says(a, "commit")
	r.says(b, "commit")
	r.note("and back to three")
	r.apply(onePool(3))
	r.says(a, "begin")
	r.says(b, "begin")
	r.compare()
}

// server_idle_timeout and server_lifetime.
func TestServersGrowOld(t *testing.T) {
	p := onePool(2)
	p.ServerIdleTimeout, p.ServerLifetime = 10*time.Second, time.Minute
	r := newRig(t, 1, p)
	a := r.client("a")
	r.says(a, "select a")
	r.note("10 s at rest")
	r.pass(11 * time.Second)
	r.note("a minute old, in a transaction: closed when it is over")
	r.says(a, "begin")
	r.pass(2 * time.Minute)
	r.says(a, "commit")
	r.compare()
}

// Dials that fail are tried again, ever more seldom; clients wait on. One that can never succeed is told at once.
func TestDialsThatFail(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.servers[0].socket.ended = true
	r.settle()
	r.refuse = &Refusal{SQLState: "08006", Message: "connection refused"}
	r.says(a, "select a")
	for i := range 4 {
		r.note("%d s later", 2<<i)
		r.pass(2 << i * time.Second)
	}
	r.note("Postgres is back")
	r.refuse = nil
	r.pass(30 * time.Second)
	r.note("a password that is wrong")
	r.servers[1].socket.ended = true
	r.settle()
	r.refuse = &Refusal{SQLState: "28P01", Message: "password authentication failed", Permanent: true}
	r.says(a, "select a", "select a again")
	r.says(a, "select once more")
	r.note("a client that logs in now")
	r.pass(time.Minute)
	r.refuse = nil
	r.says(a, "select a")
	r.compare()
}

// No client waits on one shard while a server rests on another: the server moves. (rule 8, "one pool")
func TestServersMoveBetweenShards(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	a, b := r.client("a"), r.client("b")
	if a.loop == b.loop {
		t.Fatal("both clients are on one shard")
	}
	r.says(a, "Parse: s select 1", "Sync:")
	r.note("b's shard has none, and may have none: the server moves")
	r.says(b, "select b")
	r.note("and back, with what it has prepared")
	r.says(a, "Bind: s", "Execute:", "Sync:")
	r.note("b waits while a has it")
	r.says(a, "begin")
	r.says(b, "select b")
	r.says(a, "commit")
	r.within(1)
	r.compare()
}

// A server that dies between two shards, and clients on both: nobody waits for ever, and the permit is not lost.
func TestAServerDiesOnItsWay(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "select a")
	s := r.servers[0].socket
	b.in = clientSays("select b")
	for i := 0; i < 1000 && !s.detach; i++ {
		for _, l := range r.loops {
			l.turn()
		}
	}
	if !s.detach {
		t.Fatal("the server does not move")
	}
	s.ended = true
	r.settle()
	r.says(a, "select a")
	r.within(1)
	r.compare()
}

// The clients of a pool that is removed are sent away when they are done.
func TestAPoolIsRemoved(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(b, "begin")
	r.says(c, "begin")
	r.note("idle ones at once; new ones are refused")
	r.apply()
	r.client("d")
	r.note("one is done, the other's time is over")
	r.says(b, "commit")
	r.pass(11 * time.Second)
	if n := r.e.Clients(); n != 0 || a == nil {
		t.Fatalf("%d clients are counted", n)
	}
	r.compare()
}

// Drain: idle ones at once, the others when they are done or drain_timeout is over; then the loops stop.
func TestDrain(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(b, "begin")
	r.says(c, "begin")
	drained := r.e.Drain()
	r.settle()
	r.client("d")
	r.note("b is done")
	r.says(b, "commit")
	r.note("c is out of time")
	r.pass(11 * time.Second)
	select {
	case <-drained:
	default:
		t.Fatal("the engine has not drained")
	}
	if a == nil || !b.gone || !c.gone {
		t.Fatal("somebody is left")
	}
	r.compare()
}

// A client that reads slowly stops its server, and only that.
func TestASlowReader(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "begin")
	event := func(kind loop.EventKind) {
		l := a.loop
		l.shard.Tick(r.now)
		l.shard.Step(&loop.Event{Kind: kind, Conn: a.id})
		for _, op := range l.shard.Ops() {
			l.perform(op)
		}
	}
	event(loop.Congested)
	if !r.servers[0].socket.paused {
		t.Fatal("the server of a client that reads slowly is not paused")
	}
	r.note("what the client says meanwhile waits")
	r.says(a, "select a")
	event(loop.Drained)
	r.settle()
	if r.servers[0].socket.paused {
		t.Fatal("the server stays paused")
	}
	r.compare()
}

// A wait for a server keeps a bound of what the client sends, and goes on with it.
func TestWhatAWaitingClientSends(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.quiet = true
	for range 20 {
		r.says(b, "select "+strings.Repeat("x", 8000))
	}
	if !b.paused {
		t.Fatal("a client that waits and sends on is not paused")
	}
	r.says(a, "commit")
	if b.paused || len(r.servers[0].queries) != 22 {
		t.Fatalf("%d queries have arrived", len(r.servers[0].queries))
	}
}

// TestShardsAreOnePool: random clients on three shards whose loops turn in random order. Never more servers than there
// may be, and when the shards have said what they had to say to each other, nobody waits while a server rests.
func TestShardsAreOnePool(t *testing.T) { randomClients(t, 300, func(*PoolConfig, int) {}) }

func randomClients(t *testing.T, seeds uint64, configure func(p *PoolConfig, n int)) {
	first, last := uint64(1), seeds
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		rnd := rand.New(rand.NewPCG(n, 5))
		size := 1 + rnd.IntN(4)
		p := onePool(size)
		configure(&p, int(n))
		r := newRig(t, 3, p)
		r.quiet = true
		var clients []*rigSocket
		for i := range 9 {
			clients = append(clients, r.attach(string(rune('a'+i)), Client{Priority: Priority(i * int(n) % 3)}))
		}
		for range 150 {
			switch c := clients[rnd.IntN(len(clients))]; rnd.IntN(8) {
			case 0, 1:
				c.in = append(c.in, clientSays("begin")...)
			case 2, 3, 4:
				c.in = append(c.in, clientSays("commit")...)
			case 5:
				c.in = append(c.in, clientSays("row")...)
			case 6:
				for _, l := range r.loops[rnd.IntN(3):] {
					l.turn()
				}
				r.answerDials()
				for _, srv := range r.servers {
					if rnd.IntN(2) == 0 {
						srv.serve()
					}
				}
			case 7:
				r.now += rnd.Int64N(int64(20 * time.Millisecond))
				r.settle()
				if why := r.idleWhileSomebodyWaits(); why != "" {
					t.Fatalf("-seed %d: %s", n, why)
				}
			}
		}
		r.settle()
		if limit := size + p.ReservePoolSize; r.most > limit {
			t.Fatalf("-seed %d: there were %d servers at once, and may be %d", n, r.most, limit)
		}
	}
}

func (r *rig) idleWhileSomebodyWaits() string {
	waiting, resting := 0, 0
	for _, l := range r.loops {
		for _, p := range l.shard.pools {
			waiting += p.ledger.Waiting()
			resting += p.ledger.Idle()
		}
	}
	if waiting > 0 && resting > 0 {
		return fmt.Sprintf("%d clients wait while %d servers rest", waiting, resting)
	}
	return ""
}

// A server that dies while it is made as its client wants it: the client's wait goes on, in front of those who came
// later, also where nobody more may wait.
func TestAServerDiesAsItIsSetUp(t *testing.T) {
	p := onePool(1)
	p.MaxWaitingClients = 1
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b", Setting{"TimeZone", "CET"})
	c := r.client("c")
	r.says(a, "select a")
	r.note("the server is to be set as b wants it, and dies; meanwhile c takes the last place in the queue")
	b.in = clientSays("select b")
	srv := r.servers[len(r.servers)-1]
	for range 100 {
		r.loops[0].turn()
	}
	if len(srv.in) == 0 {
		t.Fatal("nothing is set")
	}
	r.holdDials = true
	c.in = clientSays("select c")
	for range 100 {
		r.loops[0].turn()
	}
	srv.in, srv.socket.ended = nil, true
	r.settle()
	r.note("a server comes: b is first, then c")
	r.holdDials = false
	r.settle()
	r.within(1)
	r.compare()
}

// A shorter query_wait_timeout is that of those who wait already.
func TestQueryWaitTimeoutIsShortened(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout = 30 * time.Second
	r := newRig(t, 1, p)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "begin")
	r.says(b, "select b")
	r.pass(5 * time.Second)
	r.says(c, "select c")
	r.note("at 5 s it becomes 10 s")
	p.QueryWaitTimeout = 10 * time.Second
	r.apply(p)
	r.pass(5*time.Second - 1)
	r.note("10 s: b is refused; 15 s: c")
	r.pass(1)
	r.pass(5*time.Second - 1)
	r.pass(1)
	r.note("nobody a second time")
	r.pass(time.Minute)
	r.says(a, "commit")
	r.says(b, "select b")
	r.compare()
}

// A bug ends one loop: its clients and servers are gone, what they held of the bounds is given back, what was on its way
// to it is not lost, and the clients of the other loop notice nothing.
func TestACrash(t *testing.T) {
	p := onePool(2)
	p.MaxClientConnections = 8
	r := newRig(t, 2, p)
	r.crashes = true
	a, b, c, d := r.client("a"), r.client("b"), r.client("c"), r.client("d")
	r.says(a, "begin")
	r.says(b, "begin")
	r.says(c, "select c")
	r.says(d, "select d")
	r.note("a and b have the servers, c and d wait; a's loop meets a bug in its mail, behind one client and before another")
	bad := a.loop
	r.newClient("e", "app")
	bad.shard.mail.Post(mail{kind: mailServer})
	r.newClient("f", "app")
	r.newClient("g", "app")
	r.settle()
	if len(r.notices) != 1 {
		t.Fatalf("%d lines of the log", len(r.notices))
	}
	r.note("the other loop goes on")
	r.says(b, "commit")
	r.says(b, "begin")
	r.note("there is room for as many clients as before, and for a second server")
	for _, name := range []string{"h", "i", "j", "k", "l"} {
		if s := r.client(name); s != nil {
			r.says(s, "select "+name)
		}
	}
	r.within(2)
	r.compare()
}

// What Postgres reports to one who has left may be of what he has done: his session is given to nobody else as it is.
func TestWhatIsReportedToOneWhoHasLeft(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.params = []Setting{{"standard_conforming_strings", "on"}}
	a := r.client("a")
	r.holdCancels = true
	r.says(a, "hang")
	r.leaves(a)
	r.servers[0].answer(frame(pgwire.ParameterStatus, "standard_conforming_strings\x00off\x00"))
	r.holdCancels = false
	r.settle()
	b := r.client("b")
	r.says(b, "select b")
	r.note("nothing is reported: nothing is reset")
	r.holdCancels = true
	r.says(b, "hang")
	r.leaves(b)
	r.holdCancels = false
	r.settle()
	c := r.client("c")
	r.says(c, "select c")
	r.within(1)
	r.compare()
}
