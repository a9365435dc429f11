package engine

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// client_idle_timeout closes who has asked nothing for so long, within a second; not who waits, works, has a transaction
// open, or listens.
func TestClientIdleTimeout(t *testing.T) {
	p := onePool(3)
	p.ClientIdleTimeout = time.Minute
	r := newRig(t, 1, p)
	r.wordy = true
	r.client("a")
	b := r.client("b")
	r.note("a asks nothing after its login; b asks at 30 s")
	r.pass(30 * time.Second)
	r.says(b, "select b")
	r.pass(30*time.Second - 1)
	r.note("at the limit, and past it")
	r.pass(time.Second)
	r.note("b's time begins with its answer; what needs no server is asked, too")
	r.says(b, "Parse: s select 1", "Sync:")
	r.pass(50 * time.Second)
	r.says(b, "Parse: t select 1", "Sync:")
	r.pass(50 * time.Second)
	r.note("c has state of its own in its server, and is idle all the same")
	c := r.client("c")
	r.says(c, "create temp table x")
	r.pass(61 * time.Second)
	r.note("d listens, e is in a transaction, f in a query")
	d, e := r.client("d"), r.client("e")
	r.says(d, "listen x")
	r.says(e, "begin")
	f := r.client("f")
	r.says(f, "hang")
	r.pass(10 * time.Minute)
	r.note("one that waits, and one that logs in while all servers are busy: they are not idle")
	g := r.client("g")
	r.client("h", Setting{"TimeZone", "CET"})
	r.says(g, "select g")
	r.pass(10 * time.Minute)
	r.says(e, "commit")
	r.pass(59 * time.Second)
	r.says(g, "select g")
	r.compare()
}

// It is live, and also for clients of pool_mode session that hold their server with nothing open.
func TestClientIdleTimeoutIsReloaded(t *testing.T) {
	p := onePool(1)
	p.Mode = Session
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "select a")
	r.says(b, "select b")
	r.pass(10 * time.Minute)
	r.note("after ten minutes it becomes one minute")
	p.ClientIdleTimeout = time.Minute
	r.apply(p)
	r.note("b has got a's server, and is not idle before a minute is over")
	r.pass(59 * time.Second)
	r.note("without it nobody is looked at")
	r.apply(onePool(1))
	before := r.e.Shard(0).turns
	r.pass(time.Hour)
	if n := r.e.Shard(0).turns - before; n > 2*3600+10 {
		t.Errorf("%d turns in an hour in which nothing happens", n)
	}
	r.compare()
}

// It goes on with a loop that has crashed.
func TestClientIdleTimeoutOutlivesACrash(t *testing.T) {
	p := onePool(1)
	p.ClientIdleTimeout = time.Minute
	r := newRig(t, 1, p)
	r.quiet = true
	r.client("a")
	r.loops[0].crash()
	b := r.client("b")
	r.pass(62 * time.Second)
	if !b.gone {
		t.Error("an idle client is not closed")
	}
}

// Many clients are looked at once a second, some thousands in a turn.
func TestIdleClientsAreLookedAtInSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and on one goroutine: nothing for the race detector")
	}
	const n = 20_000
	h := &benchHost{}
	e := New(1, h)
	h.e = e
	b := &bench{shard: e.Shard(0), now: 1}
	b.shard.Bind(benchDriver{})
	p := onePool(2)
	p.ClientIdleTimeout = time.Hour
	e.Apply(&Config{Pools: []PoolConfig{p}})
	for range n {
		b.attach(t, e)
	}
	s := b.shard
	end := b.now + int64(time.Hour) + 2*idleRound
	for b.now < end {
		b.now = s.Deadline()
		s.Tick(b.now)
		closed := 0
		for _, op := range s.Ops() {
			if op.Kind == loop.Finish {
				closed++
			}
		}
		if closed > idleStep {
			t.Fatalf("%d clients in one turn", closed)
		}
		if s.clients == 0 {
			break
		}
	}
	left := 0
	s.slots.eachClient(func(c *client) bool {
		if c.state != clientFinishing {
			left++
		}
		return true
	})
	if left > 0 {
		t.Fatalf("%d of %d clients are not closed", left, n)
	}
}
