package engine

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// bench is a shard with some clients and servers, driven by hand and without a rig's notes, so that what is measured is
// the engine.
type bench struct {
	shard   *Shard
	now     int64
	clients []loop.ID
}

type benchDriver struct{}

func (benchDriver) Wait(int64) ([]loop.Event, int64) { return nil, 0 }
func (benchDriver) Submit([]loop.Op)                 {}
func (benchDriver) Wake()                            {}
func (benchDriver) Now() int64                       { return 1 }
func (benchDriver) Capacity() int                    { return 1 << 20 }
func (benchDriver) Close() error                     { return nil }

// benchHost answers dials at once.
type benchHost struct {
	e   *Engine
	pid uint32
}

func (h *benchHost) Dial(q DialRequest) {
	h.pid++
	h.e.Dialed(q.Ticket, DialResult{FD: 1, PID: h.pid, Secret: []byte{1, 2, 3, 4}, Params: []Setting{{"server_version", "15"}}})
}
func (h *benchHost) Cancel(q CancelRequest) { h.e.Cancelled(q.Ticket) }
func (h *benchHost) Log(Notice)             {}
func (h *benchHost) CloseFD(int)            {}
func (h *benchHost) Random() uint64         { return 7 }

func newBench(tb testing.TB, clients, servers int) *bench {
	h := &benchHost{}
	e := New(1, h)
	h.e = e
	b := &bench{shard: e.Shard(0), now: 1}
	b.shard.Bind(benchDriver{})
	e.Apply(&Config{Pools: []PoolConfig{onePool(servers)}})
	for range clients {
		b.attach(tb, e)
	}
	return b
}

func (b *bench) attach(tb testing.TB, e *Engine) {
	if r := e.Admit("app", "192.0.2.1:54321"); r != nil {
		tb.Fatal(r)
	}
	if r := e.Attach(Client{FD: 1, Pool: "app", Database: "db", User: "u", Address: "192.0.2.1:54321"}); r != nil {
		tb.Fatal(r)
	}
	for range 3 { // the first waits for a server, whose dial is answered by mail
		for _, op := range b.turn(loop.Event{Kind: loop.Woken}) {
			if op.Kind == loop.Attach && !op.KeepFD {
				b.clients = append(b.clients, op.Conn)
			}
		}
	}
}

// turn is one turn with one event.
func (b *bench) turn(ev loop.Event) []loop.Op {
	b.now += 1000
	b.shard.Tick(b.now)
	b.shard.Step(&ev)
	return b.shard.Ops()
}

// ask sends a client's bytes and the answer to them.
func (b *bench) ask(tb testing.TB, client loop.ID, query, answer []byte) {
	server := loop.ID(0)
	for _, op := range b.turn(loop.Event{Kind: loop.Received, Conn: client, Data: query}) {
		if op.Kind == loop.Send && op.Conn != client {
			server = op.Conn
		}
	}
	if server == 0 {
		tb.Fatal("the query has not reached a server")
	}
	if ops := b.turn(loop.Event{Kind: loop.Received, Conn: server, Data: answer}); len(ops) == 0 || ops[0].Conn != client {
		tb.Fatalf("the answer has not reached its client: %v", ops)
	}
}

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

var (
	simpleQuery  = frame(pgwire.Query, "select abalance from pgbench_accounts where aid = 4711\x00")
	simpleAnswer = join(frame(pgwire.RowDescription, "\x00\x01c\x00", string(make([]byte, 18))), frame(pgwire.DataRow, "\x00\x01\x00\x00\x00\x011"),
		frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))
	prepare       = join(frame(pgwire.Parse, "s\x00select abalance from pgbench_accounts where aid = $1\x00\x00\x00"), frame(pgwire.Sync))
	prepareAnswer = join(frame(pgwire.ParseComplete), frame(pgwire.ReadyForQuery, "I"))
	execute       = join(clientSays("Bind: s"), clientSays("Execute:"), clientSays("Sync:"))
	executeAnswer = join(frame(pgwire.BindComplete), frame(pgwire.DataRow, "\x00\x01\x00\x00\x00\x011"),
		frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))
	unnamed = join(frame(pgwire.Parse, "\x00select abalance from pgbench_accounts where aid = $1\x00\x00\x00"), clientSays("Bind:"),
		clientSays("Execute:"), clientSays("Sync:"))
	unnamedAnswer = join(frame(pgwire.ParseComplete), executeAnswer)
)

// mustNotAllocate runs f often enough for every table to have its size, and then counts.
func mustNotAllocate(t *testing.T, f func()) {
	t.Helper()
	for range 500 {
		f()
	}
	if n := testing.AllocsPerRun(2000, f); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestNoAllocationPerSimpleQuery(t *testing.T) {
	b := newBench(t, 10, 3)
	i := 0
	mustNotAllocate(t, func() {
		i++
		b.ask(t, b.clients[i%10], simpleQuery, simpleAnswer)
	})
}

func TestNoAllocationPerPreparedQuery(t *testing.T) {
	b := newBench(t, 10, 3)
	for i, c := range b.clients {
		if i == 0 {
			b.ask(t, c, prepare, prepareAnswer)
			continue
		}
		b.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare}) // answered by us
	}
	i := 0
	mustNotAllocate(t, func() {
		i++
		b.ask(t, b.clients[i%10], execute, executeAnswer)
	})
}

func TestNoAllocationPerUnnamedStatement(t *testing.T) {
	b := newBench(t, 10, 3)
	i := 0
	mustNotAllocate(t, func() {
		i++
		b.ask(t, b.clients[i%10], unnamed, unnamedAnswer)
	})
}

// A query split in two pieces, and one that waits for its server.
func TestNoAllocationPerQueryThatWaits(t *testing.T) {
	b := newBench(t, 2, 1)
	first, second := b.clients[0], b.clients[1]
	mustNotAllocate(t, func() {
		var server loop.ID
		for _, op := range b.turn(loop.Event{Kind: loop.Received, Conn: first, Data: simpleQuery}) {
			server = op.Conn
		}
		b.turn(loop.Event{Kind: loop.Received, Conn: second, Data: simpleQuery[:9]})
		b.turn(loop.Event{Kind: loop.Received, Conn: second, Data: simpleQuery[9:]})
		b.turn(loop.Event{Kind: loop.Received, Conn: server, Data: simpleAnswer})
		b.turn(loop.Event{Kind: loop.Received, Conn: server, Data: simpleAnswer[:20]})
		if ops := b.turn(loop.Event{Kind: loop.Received, Conn: server, Data: simpleAnswer[20:]}); len(ops) == 0 || ops[0].Conn != second {
			t.Fatal("the second client got no answer")
		}
	})
}

// Acquire and release alone: the client asks for a server and is given one, which rests again.
func TestNoAllocationPerAcquireAndRelease(t *testing.T) {
	b := newBench(t, 2, 1)
	s := b.shard
	c := s.client(b.clients[0].Slot())
	mustNotAllocate(t, func() {
		if !s.acquire(c) {
			t.Fatal("there is no server")
		}
		s.unlink(s.serverOf(c), c)
	})
}

func BenchmarkAcquireRelease(b *testing.B) {
	w := newBench(b, 2, 1)
	s := w.shard
	c := s.client(w.clients[0].Slot())
	b.ReportAllocs()
	for b.Loop() {
		s.acquire(c)
		s.unlink(s.serverOf(c), c)
	}
}

func benchmarkAsk(b *testing.B, query, answer []byte) {
	w := newBench(b, 64, 20)
	for i, c := range w.clients {
		if i == 0 {
			w.ask(b, c, prepare, prepareAnswer)
			continue
		}
		w.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		w.ask(b, w.clients[i%64], query, answer)
	}
}

func BenchmarkSimpleQuery(b *testing.B)   { benchmarkAsk(b, simpleQuery, simpleAnswer) }
func BenchmarkPreparedQuery(b *testing.B) { benchmarkAsk(b, execute, executeAnswer) }

func (h *benchHost) Classify(q ClassifyRequest) {}
func (h *benchHost) ProbeSoon(string, string)   {}
func (h *benchHost) Trace(Span)                 {}
func (h *benchHost) Follow(string, string)      {}
func (h *benchHost) Accepted(uint64, int) bool  { return true }
func (h *benchHost) AcceptFailed(uint64, int32) {}
func (h *benchHost) Dismiss(Client, *Refusal)   {}
func (h *benchHost) Share(string, string)       {}
