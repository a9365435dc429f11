package engine

import (
	"fmt"
	"testing"
	"time"
)

// attach attaches a client that is told in full.
func (r *rig) attach(name string, c Client) *rigSocket {
	r.Helper()
	if c.Pool == "" {
		c.Pool, c.Database, c.User = "app", "db", "u"
	}
	if refusal := r.e.Admit(c.Pool, "client:1"); refusal != nil {
		r.Fatal(refusal)
	}
	s := r.socket(name)
	c.FD, c.Address = s.fd, "client:1"
	if refusal := r.e.Attach(c); refusal != nil {
		r.Fatal(refusal)
	}
	r.settle()
	return s
}

// open is how many servers are there, as Postgres counts.
func (r *rig) open() (n int) {
	for _, srv := range r.servers {
		if !srv.socket.gone && !srv.socket.ended {
			n++
		}
	}
	return n
}

func (r *rig) mustHave(servers int, when string) {
	r.Helper()
	if n := r.open(); n != servers {
		r.Fatalf("%s there are %d servers, not %d", when, n, servers)
	}
}

// stats is what is told of the only pool, whose servers are each in one state.
func (r *rig) stats() PoolStats {
	r.Helper()
	snap := r.snapshot()
	if len(snap.Pools) != 1 {
		r.Fatalf("%d pools", len(snap.Pools))
	}
	p := snap.Pools[0]
	all := p.ServersIdle + p.ServersActive + p.ServersResetting + p.ServersBeingCanceled + p.ServersChecking + p.ServersDraining
	if size := snap.servers(); all != size {
		r.Fatalf("%d servers are in a state, and there are %d", all, size)
	}
	return p
}

func (s Snapshot) servers() (n int) {
	for _, l := range s.Loops {
		n += l.Servers
	}
	return n
}

// min_pool_size is kept once a pool has had a server, over all shards and not overshot; server_idle_timeout does not go
// below it, nor does the death of a server; a reload changes it, and 0 lets the pool go.
func TestMinPoolSize(t *testing.T) {
	for _, shards := range []int{1, 3} {
		p := onePool(5)
		p.MinPoolSize, p.ServerIdleTimeout = 2, time.Minute
		r := newRig(t, shards, p)
		r.quiet = true
		r.mustHave(0, "before anybody came")
		clients := []*rigSocket{r.client("a"), r.client("b"), r.client("c"), r.client("d")}
		r.mustHave(2, "after the first client")
		for _, c := range clients {
			r.says(c, "begin")
		}
		r.mustHave(4, "when four are in use")
		for _, c := range clients {
			r.says(c, "commit")
		}
		r.pass(time.Minute + 2*time.Second)
		r.mustHave(2, "a minute later")
		r.pass(time.Hour)
		r.mustHave(2, "an hour later")
		for _, srv := range r.servers {
			srv.socket.ended = true
		}
		r.pass(sweep)
		r.mustHave(2, "a second after all have died")
		for _, c := range clients {
			r.leaves(c)
		}
		for _, srv := range r.servers {
			srv.socket.ended = true
		}
		r.pass(time.Hour)
		r.mustHave(2, "when nobody is there")

		r.note("a reload: 3, then 1, then 0")
		p.MinPoolSize = 3
		r.apply(p)
		r.mustHave(3, "at once after a reload")
		p.MinPoolSize = 1
		r.apply(p)
		r.pass(time.Minute + sweep)
		r.mustHave(1, "a minute after it was made less")
		p.MinPoolSize = 0
		r.apply(p)
		r.pass(time.Minute + 2*sweep)
		r.mustHave(0, "a minute after it was made 0")
		if n := r.knownPools(); n != 0 {
			t.Fatalf("%d pools are known", n)
		}
		r.within(5)
	}
}

const sweep = time.Duration(sweepEvery)

// Without min_pool_size nothing is left of a pool that nobody uses (scale to zero), and all is there again for the next.
func TestScaleToZero(t *testing.T) {
	p := onePool(5)
	p.ServerIdleTimeout = time.Minute
	r := newRig(t, 2, p)
	r.quiet = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.says(b, "select b")
	r.says(a, "commit")
	r.mustHave(2, "after use")
	r.pass(time.Minute - sweep)
	r.mustHave(2, "before server_idle_timeout")
	r.pass(2 * sweep)
	r.mustHave(0, "after it")
	r.says(a, "select a")
	r.mustHave(1, "when a is back")
	if n := r.stats().ServersIdledOut; n != 2 {
		t.Errorf("%d servers are counted as idle for too long", n)
	}
}

// Pools that are named have their servers from the start, and after a reload and a crash; none is made twice.
func TestWarmPools(t *testing.T) {
	p := onePool(5)
	p.MinPoolSize = 2
	p.Warm = []Identity{{"one", "u"}, {"two", "u"}, {"three", "u"}}
	r := newRig(t, 2, p)
	r.quiet, r.crashes = true, true
	r.mustHave(6, "at the start")
	r.apply(p)
	r.pass(time.Hour)
	r.mustHave(6, "an hour and a reload later")
	p.Warm = append(p.Warm, Identity{"four", "u"})
	r.apply(p)
	r.mustHave(8, "with one more")
	r.loops[0].shard.mail.Post(mail{kind: mailServer})
	r.pass(2 * sweep)
	r.mustHave(8, "after a crash")
	if n := r.knownPools(); n != 4 {
		t.Fatalf("%d pools", n)
	}
	r.apply()
	r.pass(2 * sweep)
	r.mustHave(0, "when the pool is not declared any more")
	if n := r.knownPools(); n != 0 {
		t.Fatalf("%d pools are known", n)
	}
}

// min_pool_size does not dial while dials are refused, and does not keep a pool that Postgres refuses for good.
func TestMinPoolSizeWhereDialsAreRefused(t *testing.T) {
	p := onePool(5)
	p.MinPoolSize = 3
	p.Warm = []Identity{{"db", "u"}}
	r := newRig(t, 1)
	r.refuse = &Refusal{SQLState: "57P03", Message: "the database system is starting up"}
	r.apply(p)
	dials := func() (n int) {
		for _, line := range r.log {
			if line == "dial" {
				n++
			}
		}
		r.log = nil
		return n
	}
	if n := dials(); n != 3 {
		t.Fatalf("%d dials at first", n)
	}
	r.pass(time.Minute)
	if n := dials(); n == 0 || n > 3*6 {
		t.Fatalf("%d dials in a minute of refusals", n)
	}
	r.refuse = nil
	r.pass(20 * time.Second)
	r.mustHave(3, "when Postgres is back")

	r.refuse = &Refusal{SQLState: "3D000", Message: "database does not exist", Permanent: true}
	for _, srv := range r.servers {
		srv.socket.ended = true
	}
	r.pass(time.Minute)
	if n := r.knownPools(); n != 0 {
		t.Fatalf("%d pools that Postgres refuses for good are known", n)
	}
	r.refuse = nil
	r.apply(p)
	r.mustHave(3, "after a reload")
}

// Who has clients that need an upstream's permits goes before min_pool_size of others, and takes servers below it.
func TestMinPoolSizeYields(t *testing.T) {
	p := onePool(4)
	p.MinPoolSize, p.MaxServerConnections = 3, 4
	p.Warm = []Identity{{"idle", "u"}}
	r := newRig(t, 2, p)
	r.quiet = true
	r.mustHave(3, "at the start")
	var busy []*rigSocket
	for i := range 4 {
		c := r.client(fmt.Sprint("busy ", i))
		c.in = clientSays("begin")
		busy = append(busy, c)
		r.pass(time.Second)
	}
	r.pass(5 * time.Second)
	of := map[string]int{}
	for _, s := range r.snapshot().Pools {
		of[s.Database] = s.ServersIdle + s.ServersActive
	}
	if of["db"] != 4 || of["idle"] != 0 {
		t.Fatalf("servers: %v", of)
	}
	for _, c := range busy {
		r.says(c, "commit")
		r.leaves(c)
	}
	p.MaxServerConnections = 10
	r.apply(p)
	r.pass(2 * sweep)
	for _, s := range r.snapshot().Pools {
		if s.Database == "idle" && s.ServersIdle != 3 {
			t.Fatalf("%d servers of the idle pool when there is room again", s.ServersIdle)
		}
	}
}

// server_lifetime: what is used has its replacement before it goes, once; what nobody uses goes, and its replacement
// with it.
func TestAReplacementIsThereBefore(t *testing.T) {
	p := onePool(2)
	p.ServerLifetime = 10 * time.Minute
	r := newRig(t, 1, p)
	a := r.client("a")
	r.note("a asks once a second; renewBefore before the end there are two, and then one again")
	r.says(a, "select a")
	r.quiet = true
	ask := func(d time.Duration) {
		for range d / time.Second {
			r.pass(time.Second)
			r.says(a, "select a")
			if n := r.open(); n < 1 || n > 2 {
				t.Fatalf("%d servers", n)
			}
		}
	}
	ask(p.ServerLifetime - renewBefore - 2*time.Second)
	r.mustHave(1, "early")
	ask(4 * time.Second)
	r.mustHave(2, "before the end")
	ask(renewBefore)
	r.mustHave(1, "after it")
	if len(r.servers) != 2 || r.servers[1].socket.gone {
		t.Fatalf("%d servers have been dialed", len(r.servers))
	}
	r.note("nobody asks any more: no replacement is made")
	r.pass(p.ServerLifetime + 2*sweep)
	r.mustHave(0, "when nobody asked")
	if n := len(r.servers); n != 2 {
		t.Fatalf("%d servers were dialed", n)
	}
	if n := r.stats().ServersExpired; n != 2 {
		t.Errorf("%d servers are counted as too old", n)
	}
}

// Where there is no room for both, the replacement is dialed when the old one has gone, not when somebody asks.
func TestAReplacementWithoutRoom(t *testing.T) {
	p := onePool(1)
	p.ServerLifetime = 10 * time.Minute
	r := newRig(t, 1, p)
	a := r.client("a")
	r.says(a, "begin")
	r.pass(p.ServerLifetime + time.Second)
	r.note("too old, in use, and the pool may have one: at its release it goes, and the next comes at once")
	r.says(a, "commit")
	r.within(1)
	r.mustHave(1, "at once")
	r.note("nobody uses it: it goes without another")
	r.pass(2 * p.ServerLifetime)
	r.mustHave(0, "when nobody asked")
	r.compare()
}

// min_pool_size is kept through server_lifetime without a gap.
func TestMinPoolSizeIsRenewed(t *testing.T) {
	p := onePool(4)
	p.MinPoolSize, p.ServerLifetime = 2, 10*time.Minute
	r := newRig(t, 2, p)
	r.quiet = true
	r.leaves(r.client("a"))
	for range 3600 {
		r.pass(time.Second)
		if n := r.open(); n < 2 || n > 4 {
			t.Fatalf("%d servers at %v", n, time.Duration(r.now))
		}
	}
	if n := len(r.servers); n < 10 || n > 16 {
		t.Fatalf("%d servers were dialed in an hour, for two places", n)
	}
}

// Servers that are dialed together do not grow old together: each lives up to a tenth less.
func TestLifetimesDiffer(t *testing.T) {
	p := onePool(100)
	p.ServerLifetime = 1000 * time.Second
	r := newRig(t, 1, p)
	r.quiet = true
	n := uint64(0)
	r.random = func() uint64 { n += 0x9E37_79B9_7F4A_7C15; return n }
	var clients []*rigSocket
	for range 100 {
		c := r.client("c")
		r.says(c, "begin")
		clients = append(clients, c)
	}
	for _, c := range clients {
		r.says(c, "commit")
	}
	r.pass(899 * time.Second)
	r.mustHave(100, "before the tenth")
	most, before := 0, r.open()
	for range 101 {
		r.pass(time.Second)
		most, before = max(most, before-r.open()), r.open()
	}
	r.mustHave(0, "after it")
	if most > 8 {
		t.Errorf("%d went in one second", most)
	}
}
