package engine

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// server_reset dirty cleans what a client has left state in, always what any client gives back, and never closes what
// would have to be cleaned.
func TestServerReset(t *testing.T) {
	for _, mode := range []struct {
		name  string
		reset Reset
		query string
	}{{"dirty", ResetDirty, "DISCARD ALL"}, {"dirty without a query", ResetDirty, ""}, {"always", ResetAlways, "DISCARD ALL"},
		{"always without a query", ResetAlways, ""}, {"never", ResetNever, "DISCARD ALL"}} {
		t.Run(mode.name, func(t *testing.T) {
			p := onePool(1)
			p.ServerReset, p.ServerResetQuery = mode.reset, mode.query
			r := newRig(t, 1, p)
			a, b, c := r.client("a"), r.client("b"), r.client("c")
			r.note("nothing is left; b waits for it")
			r.says(a, "begin")
			r.says(b, "select b")
			r.says(a, "commit")
			r.note("a transaction is left")
			r.says(a, "begin")
			r.leaves(a)
			r.note("a setting is left")
			r.says(b, "create temp table x")
			r.leaves(b)
			r.says(c, "select c")
			r.within(1)
			r.compare()
		})
	}
}

// With server_reset always, a reset that a cancel could hit waits for it, and one that fails costs the server.
func TestServerResetAlwaysAndCancels(t *testing.T) {
	p := onePool(1)
	p.ServerReset = ResetAlways
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "hang")
	r.says(b, "select b")
	r.holdCancels = true
	r.e.Cancel(a.pid(), []byte{0, 0, 0, 7})
	r.settle()
	r.note("the query ends by itself, the cancel is still on its way")
	r.servers[0].hanging = false
	r.servers[0].answer([]byte("C\x00\x00\x00\x0bHANGED\x00"), r.servers[0].ready())
	r.settle()
	r.note("delivered")
	r.holdCancels = false
	r.settle()
	r.note("a reset that fails")
	p.ServerResetQuery = "nonsense"
	r.apply(p)
	r.says(a, "select a")
	r.compare()
}

// A server that is reset after each query needs no timer for each.
func TestResetsShareATimer(t *testing.T) {
	p := onePool(1)
	p.ServerReset = ResetAlways
	r := newRig(t, 1, p)
	r.quiet = true
	a := r.client("a")
	for range 1000 {
		r.says(a, "select a")
	}
	if n := r.loops[0].shard.timers.Len(); n > 10 {
		t.Errorf("%d timers", n)
	}
	r.servers[0].mute = true
	a.in = clientSays("select a")
	r.settle()
	r.servers[0].in = nil
	r.servers[0].answer([]byte("C\x00\x00\x00\x0dSELECT 1\x00"), r.servers[0].ready())
	r.settle() // the reset is not answered
	r.pass(cleanTimeout - 1)
	r.mustHave(1, "before cleanTimeout")
	r.pass(1)
	r.mustHave(0, "after it")
}

func TestNoAllocationPerReset(t *testing.T) {
	b := newBench(t, 2, 1)
	p := onePool(1)
	p.ServerReset = ResetAlways
	b.shard.engine.Apply(&Config{Pools: []PoolConfig{p}})
	b.turn(loop.Event{Kind: loop.Woken})
	reset := join(frame(pgwire.CommandComplete, "DISCARD ALL\x00"), frame(pgwire.ReadyForQuery, "I"))
	i := 0
	mustNotAllocate(t, func() {
		i++
		var server loop.ID
		for _, op := range b.turn(loop.Event{Kind: loop.Received, Conn: b.clients[i%2], Data: simpleQuery}) {
			server = op.Conn
		}
		b.turn(loop.Event{Kind: loop.Received, Conn: server, Data: simpleAnswer})
		b.turn(loop.Event{Kind: loop.Received, Conn: server, Data: reset})
	})
}
