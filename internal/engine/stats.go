package engine

import (
	"math/bits"
	"sync"
	"time"
)

// poolStats is one shard's figures of a pool; its loop's thread alone writes them.
type poolStats struct {
	linked                   int
	received, sent           uint64
	connects, connectsFailed uint64
	waitTimeouts, cancels    uint64
	queries, transactions    uint64 // of servers that are gone
	acquire, query           Histogram
	acquireNanos, queryNanos uint64
	pins                     map[string]uint64
}

func (t *poolStats) acquireTime(d int64) {
	t.acquire[bucket(d)]++
	t.acquireNanos += uint64(d)
}

func (t *poolStats) queryTime(d int64) {
	t.query[bucket(d)]++
	t.queryNanos += uint64(d)
}

// bucket is the bucket of a duration in nanoseconds.
func bucket(d int64) int { return min(bits.Len64(uint64(max(d, 0))/1000), HistogramBuckets-1) }

// retire keeps the counts of a server that goes.
func (t *poolStats) retire(srv *server) {
	t.queries += srv.Queries
	t.transactions += srv.Transactions
}

// collector gathers the figures of all shards.
type collector struct {
	mu      sync.Mutex
	missing int
	pools   map[poolKey]*PoolStats
	loops   []LoopStats
	out     chan Snapshot
}

// Snapshot asks every loop for its figures; the channel yields them once, when the last has answered.
func (e *Engine) Snapshot() <-chan Snapshot {
	c := &collector{missing: len(e.shards), pools: map[poolKey]*PoolStats{}, loops: make([]LoopStats, len(e.shards)), out: make(chan Snapshot, 1)}
	for _, s := range e.shards {
		s.mail.Post(mail{kind: mailSnapshot, collect: c})
	}
	return c.out
}

// collect adds this shard's figures. The last shard completes the snapshot.
func (s *Shard) collect(c *collector) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loops[s.index] = LoopStats{Clients: s.clients, Servers: s.servers, Turns: s.turns, Events: s.events}
	for _, p := range s.pools {
		out := c.pools[p.shared.poolKey]
		if out == nil {
			k := p.shared.poolKey
			out = &PoolStats{Pool: k.pool, Database: k.database, User: k.user, MaxSize: p.shared.shared.Size.Limit(),
				Pinned: map[string]int{}, PinnedTotal: map[string]uint64{}, Upstreams: map[string]int{}}
			c.pools[k] = out
		}
		p.addTo(out, s.now)
	}
	if c.missing--; c.missing > 0 {
		return
	}
	snap := Snapshot{Loops: c.loops}
	for _, p := range c.pools {
		snap.Pools = append(snap.Pools, *p)
	}
	c.out <- snap
}

func (p *shardPool) addTo(out *PoolStats, now int64) {
	t := &p.stats
	waiting := p.ledger.Waiting()
	out.ClientsWaiting += waiting
	out.ClientsActive += t.linked
	out.ClientsIdle += p.clients - waiting - t.linked
	out.ServersConnecting += p.dialing
	if first, ok := p.ledger.FirstWaiter(); ok {
		out.MaxWait = max(out.MaxWait, time.Duration(now-first.Since))
	}
	for srv := range p.servers {
		out.Upstreams[srv.upstream.address]++
		out.Queries += srv.Queries
		out.Transactions += srv.Transactions
		switch {
		case srv.cancels > 0:
			out.ServersBeingCanceled++
		case srv.purpose == idle || srv.purpose == leaving:
			out.ServersIdle++
		case srv.purpose == linked || srv.purpose == preparing:
			out.ServersActive++
		default:
			out.ServersResetting++
		}
		if srv.purpose == linked {
			srv.Pins.Each(func(reason string) { out.Pinned[reason]++ })
		}
	}
	for reason, n := range t.pins {
		out.PinnedTotal[reason] += n
	}
	out.Queries += t.queries
	out.Transactions += t.transactions
	out.BytesReceived += t.received
	out.BytesSent += t.sent
	out.Connects += t.connects
	out.ConnectsFailed += t.connectsFailed
	out.WaitTimeouts += t.waitTimeouts
	out.Cancels += t.cancels
	for i := range t.acquire {
		out.Acquire[i] += t.acquire[i]
		out.Query[i] += t.query[i]
	}
	out.AcquireSumNanos += t.acquireNanos
	out.QuerySumNanos += t.queryNanos
}
