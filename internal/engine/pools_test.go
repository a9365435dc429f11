package engine

import (
	"fmt"
	"testing"
	"time"
)

// Names that clients invent cost nothing for long: a pool that nobody uses is forgotten, on every shard.
func TestPoolsThatNobodyUsesAreForgotten(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	r.refuse = &Refusal{SQLState: "3D000", Message: "database does not exist", Permanent: true}
	for round := range 3 {
		for i := range 2000 {
			r.newClientOf("x", poolKey{"app", fmt.Sprintf("invented %d %d", round, i), "u"})
			if i%100 == 0 {
				r.settle()
			}
		}
		r.settle()
		r.pass(finishTimeout)
		if n := r.e.Clients(); n != 0 {
			t.Fatalf("%d clients were not refused", n)
		}
		if n := r.knownPools(); n < 2000 {
			t.Fatalf("%d pools are known while there is a pause to keep", n)
		}
		r.pass(5 * time.Second)
		if n := r.knownPools(); n != 0 {
			t.Fatalf("%d pools are still known", n)
		}
	}
	for i := range r.loops {
		if s := r.e.Shard(i); len(s.pools) > 2100 || len(s.gaps) != len(s.pools) {
			t.Errorf("%d places, %d of them free", len(s.pools), len(s.gaps))
		}
	}
}

// knownPools is how many pools there are, and checks that the shards agree.
func (r *rig) knownPools() int {
	r.Helper()
	n := 0
	for i := range r.loops {
		for k := range r.e.Shard(i).byKey {
			n++
			if r.e.pools[k] == nil {
				r.Fatalf("%v is known to a shard alone", k)
			}
		}
	}
	parts := 0
	for _, p := range r.e.pools {
		parts += p.shards
	}
	if parts != n {
		r.Fatalf("the engine counts %d parts of pools, and there are %d", parts, n)
	}
	return len(r.e.pools)
}

// What a pool has counted goes on when its databases and users are forgotten, and while clients or servers are there
// they are not.
func TestCountsOutliveAPool(t *testing.T) {
	p := onePool(2)
	p.ServerIdleTimeout = time.Minute
	r := newRig(t, 2, p)
	r.quiet = true
	for round := uint64(1); round <= 3; round++ {
		a, b := r.client("a"), r.client("b")
		r.says(a, "one")
		r.says(b, "begin", "two", "commit")
		r.pass(2 * time.Minute)
		if n := r.knownPools(); n != 1 {
			t.Fatalf("%d pools with clients and without servers", n)
		}
		r.says(a, "three")
		r.leaves(a)
		r.leaves(b)
		r.pass(10 * time.Second)
		if n := r.knownPools(); n != 1 {
			t.Fatalf("%d pools with servers and without clients", n)
		}
		r.pass(2 * time.Minute)
		if n := r.knownPools(); n != 0 {
			t.Fatalf("%d pools without either", n)
		}
		if got := r.snapshot().Forgotten["app"]; got == nil || got.Queries != 5*round || got.Transactions != 3*round {
			t.Fatalf("in round %d the counts are %+v", round, got)
		}
	}
}

func (r *rig) snapshot() Snapshot {
	out := r.e.Snapshot()
	r.settle()
	return (<-out)()
}

// A declared pool that was removed is forgotten with the next configuration after its last client has left; one that
// comes back earlier goes on.
func TestADeclaredPoolIsForgotten(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.quiet = true
	a := r.client("a")
	r.says(a, "begin")
	r.apply()
	r.apply()
	if r.e.templates["app"] == nil {
		t.Fatal("a pool with a client in a transaction was forgotten")
	}
	r.apply(onePool(1))
	r.says(a, "commit")
	r.says(a, "select a")
	r.leaves(a)
	r.apply()
	r.pass(2 * time.Second)
	r.apply()
	if n := len(r.e.templates); n != 0 {
		t.Fatalf("%d are still known", n)
	}
	r.apply(onePool(1))
	r.says(r.client("b"), "select b")
}

// max_server_connections holds for an address whatever becomes of its place in the configuration while servers of it are
// there.
func TestTheLimitOfAnUpstreamOutlivesItsConfiguration(t *testing.T) {
	p := onePool(5)
	p.MaxServerConnections = 1
	elsewhere, asPrimary := p, p
	elsewhere.Upstreams = []Upstream{{Address: "other:5432"}}
	asPrimary.Upstreams = []Upstream{{Address: "pg:5432", Role: RolePrimary}}
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.note("its upstream goes and comes back, and becomes a primary; b has to wait nevertheless")
	r.apply(elsewhere)
	r.apply(p)
	r.apply(asPrimary)
	r.says(b, "select b")
	r.note("the server of old is replaced as soon as it is free")
	r.says(a, "commit")
	r.within(1)
	r.compare()
}

// A loop that has lost its driver gets no new clients while there is another.
func TestALoopThatIsDownGetsNoClients(t *testing.T) {
	r := newRig(t, 3, onePool(1))
	r.quiet = true
	down := r.e.Shard(1)
	down.down.Store(true)
	for range 10 {
		r.client("c")
	}
	if n := down.attached.Load(); n != 0 {
		t.Errorf("it got %d clients", n)
	}
	for i := range r.e.Shards() {
		r.e.Shard(i).down.Store(true)
	}
	if r.e.leastClients() == nil {
		t.Error("nobody takes clients when all are down")
	}
}
