package engine

import (
	"fmt"
	"testing"
	"time"
)

// reserve_pool_size: who has waited for reserve_pool_timeout gets a server beyond pool_size, as many as there are, over
// all shards; as soon as nobody waits they go.
func TestReservePool(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			p := onePool(2)
			p.ReservePoolSize, p.ReservePoolTimeout = 2, 5*time.Second
			r := newRig(t, shards, p)
			r.quiet = true
			var c []*rigSocket
			for i := range 6 {
				c = append(c, r.client(fmt.Sprint(i)))
			}
			served := func(n int, when string) {
				t.Helper()
				if s := r.stats(); s.ClientsActive != n || s.ServersActive != n || s.MaxSize != 2 || s.Reserve != max(n-2, 0) {
					t.Fatalf("%s: %+v", when, s)
				}
			}
			r.says(c[0], "begin")
			r.says(c[1], "begin")
			r.says(c[2], "begin")
			r.pass(2 * time.Second)
			r.says(c[3], "begin")
			r.says(c[4], "begin")
			r.pass(3*time.Second - 1)
			served(2, "before the timeout")
			r.pass(1)
			served(3, "when the first has waited long enough")
			r.pass(2*time.Second - 1)
			served(3, "before the second has")
			r.pass(1)
			served(4, "when it has")
			r.pass(time.Minute)
			served(4, "when the reserve is used up")
			r.says(c[5], "begin")

			r.note("what is released goes to those who wait, then, beyond pool_size, away")
			r.says(c[0], "commit")
			served(4, "while somebody waits")
			r.says(c[1], "commit")
			served(4, "when the last is served")
			r.says(c[2], "commit")
			served(3, "when nobody waits")
			r.says(c[3], "commit")
			r.says(c[4], "commit")
			r.says(c[5], "commit")
			if s := r.stats(); s.ServersIdle != 2 || s.Reserve != 0 || s.ReserveDials != 2 {
				t.Fatalf("at the end: %+v", s)
			}
			r.within(4)
		})
	}
}

// The reserve is hard: none for those who wait less, none where the upstream has no permits, and a reload takes it away.
func TestReservePoolAtItsLimits(t *testing.T) {
	p := onePool(1)
	p.ReservePoolSize, p.ReservePoolTimeout, p.MaxServerConnections = 5, time.Second, 3
	r := newRig(t, 2, p)
	r.quiet = true
	var c []*rigSocket
	for i := range 8 {
		c = append(c, r.client(fmt.Sprint(i)))
		r.says(c[i], "begin")
	}
	r.pass(time.Minute)
	r.within(3)
	r.mustHave(3, "at the upstream's limit")
	p.ReservePoolSize = 0
	r.apply(p)
	for _, s := range c {
		r.says(s, "commit")
	}
	r.mustHave(1, "without a reserve")
	p.ReservePoolSize, p.ReservePoolTimeout = 1, time.Hour
	r.apply(p)
	r.says(c[0], "begin")
	r.says(c[1], "begin")
	r.pass(time.Minute)
	r.mustHave(1, "before the hour")
	p.ReservePoolTimeout = 2 * time.Minute
	r.apply(p)
	r.pass(time.Minute - 1)
	r.mustHave(1, "before the two minutes of a reload")
	r.pass(1)
	r.mustHave(2, "after them")
}

// Random clients on three shards, of a pool with a reserve, a minimum, short lives and priorities: never more servers than
// pool_size and the reserve, and nobody waits while a server rests.
func TestShardsAreOnePoolWithAReserve(t *testing.T) {
	randomClients(t, 200, func(p *PoolConfig, n int) {
		p.ReservePoolSize, p.ReservePoolTimeout = n%3, 10*time.Millisecond
		p.MinPoolSize = n % (p.PoolSize + 1)
		p.ServerLifetime = time.Second
		p.ServerIdleTimeout = time.Second
	})
}
