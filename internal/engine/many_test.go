package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// 10,000 databases and users in one engine: each has its pool when its client comes, is served, and is forgotten when
// its servers have rested long enough.
func TestTenThousandPools(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and on one goroutine: nothing for the race detector")
	}
	const n = 10_000
	h := &benchHost{}
	e := New(1, h)
	h.e = e
	p := onePool(2)
	p.ServerIdleTimeout = time.Minute
	b := &bench{shard: e.Shard(0), now: 1}
	b.shard.Bind(benchDriver{})
	e.Apply(&Config{Pools: []PoolConfig{p}})
	before := heap()
	for i := range n {
		k := poolKey{"app", fmt.Sprintf("db%d", i), "u"}
		if refused := e.Admit("app", "192.0.2.1:54321"); refused != nil {
			t.Fatal(refused)
		}
		if refused := e.Attach(Client{FD: 1, Pool: k.pool, Database: k.database, User: k.user, Address: "192.0.2.1:54321"}); refused != nil {
			t.Fatal(refused)
		}
		for range 3 {
			for _, op := range b.turn(loop.Event{Kind: loop.Woken}) {
				if op.Kind == loop.Attach && !op.KeepFD {
					b.clients = append(b.clients, op.Conn)
				}
			}
		}
	}
	if got := len(b.shard.byKey); got != n || b.shard.servers != n || len(b.clients) != n {
		t.Fatalf("%d pools, %d servers, %d clients", got, b.shard.servers, len(b.clients))
	}
	for _, c := range b.clients {
		b.ask(t, c, simpleQuery, simpleAnswer)
	}
	t.Logf("%d bytes of heap for a pool with a client and a server", (heap()-before)/n)
	turn := time.Now()
	b.now += sweepEvery
	b.shard.Tick(b.now)
	t.Logf("%v for a sweep", time.Since(turn))
	for _, c := range b.clients {
		b.turn(loop.Event{Kind: loop.Ended, Conn: c})
	}
	for range 4 { // rested, closed, given up, forgotten
		b.now += int64(time.Minute)
		b.turn(loop.Event{Kind: loop.Woken})
	}
	if got, servers := len(b.shard.byKey), b.shard.servers; got != 0 || servers != 0 || len(e.pools) != 0 {
		t.Fatalf("%d pools and %d servers are left", got, servers)
	}
	t.Logf("%d bytes are left of each", (heap()-before)/n)
}

// A hundred clients for each server: they are served in their order, and what the server does is all that counts.
func TestAHundredClientsAServer(t *testing.T) {
	const servers, clients, rounds = 2, 200, 20
	r := newRig(t, 1, onePool(servers))
	r.quiet = true
	var all []*rigSocket
	for i := range clients {
		all = append(all, r.client(fmt.Sprint(i)))
	}
	for _, c := range all { // the first two hold the servers, the others wait
		r.says(c, "begin")
	}
	const service = time.Millisecond
	since := r.now
	for turn := range clients * rounds / servers {
		r.pass(service)
		for i := range servers {
			c := all[(turn*servers+i)%clients]
			if c.loop.shard.client(c.id.Slot()).state != clientLinked {
				t.Fatalf("client %s is next in turn %d, and has no server", c.name, turn)
			}
			c.in = clientSays("commit")
		}
		r.settle()
		for i := range servers {
			c := all[(turn*servers+i)%clients]
			r.says(c, "begin")
		}
	}
	if took, least := time.Duration(r.now-since), service*clients*rounds/servers; took != least {
		t.Errorf("%d transactions of %v over %d servers took %v, not %v", clients*rounds, service, servers, took, least)
	}
	s := r.stats()
	late := uint64(0)
	for i, n := range s.Acquire {
		if time.Duration(1)<<i*time.Microsecond > 2*clients/servers*service {
			late += n
		}
	}
	if late != 0 {
		t.Errorf("%d waited more than twice their turn", late)
	}
	r.within(servers)
}
