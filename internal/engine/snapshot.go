package engine

import (
	"sync"
	"time"
)

// Snapshot is the state of every pool at about one instant.
type Snapshot struct {
	Pools []PoolStats
	// Forgotten is what was counted, by declared pool, for databases and users that nobody has used for so long that they
	// have been forgotten.
	Forgotten map[string]*Counts
	// ForgottenTotals is the part of it of each database of which it is known. Others may use that database still.
	ForgottenTotals map[Target]Totals
	Loops           []LoopStats
}

// PoolStats is what one (pool, database, user) looks like, summed over the loops.
type PoolStats struct {
	Pool, Database, User string
	// Clients logged in, by what they do: idle have no server and want none, active have one, waiting want one.
	ClientsIdle, ClientsActive, ClientsWaiting int
	// Servers, by state.
	ServersIdle, ServersActive, ServersResetting, ServersBeingCanceled, ServersConnecting int
	// ServersChecking are asked whether they are still there; ServersDraining are closed, or will be when they are released.
	ServersChecking, ServersDraining int
	// MaxSize is the pool's size limit; where transactions are sent to several upstreams, the sum of those there.
	MaxSize int
	// Reserve is how many servers there are beyond it, of reserve_pool_size.
	Reserve int
	// Sizing is what the size should be.
	Sizing Sizing
	// MaxWait is how long the client that waits longest has waited.
	MaxWait time.Duration
	// ClientsListening listen to anything; Channels is what they listen to, of all of them together, by Listeners servers.
	ClientsListening, Channels, Listeners int
	// Pinned clients hold their server beyond a transaction; by reason.
	Pinned map[string]int
	// Upstreams is the servers by upstream address.
	Upstreams map[string]int
	// UpstreamsActive is those of them that clients have.
	UpstreamsActive map[string]int
	Counts
}

// LoopStats is what one event loop has done.
type LoopStats struct {
	Clients, Servers int
	Turns, Events    uint64
	// Turn is how long turns took: what a query may have to wait for others.
	Turn         Histogram
	TurnSumNanos uint64
}

// collector gathers the figures of all shards. What they tell is added up by who has asked, not in a turn of a loop.
type collector struct {
	mu      sync.Mutex
	missing int
	told    []*toldPools
	out     chan func() Snapshot
}

// Snapshot asks every loop for its figures. When the last has answered, the channel yields once what adds them up.
func (e *Engine) Snapshot() <-chan func() Snapshot {
	c := &collector{missing: len(e.shards), out: make(chan func() Snapshot, 1)}
	for _, s := range e.shards {
		s.post(mail{kind: mailSnapshot, collect: &toldPools{to: c, shard: s.index}})
	}
	return c.out
}

// answered takes what a shard has told, and completes the collection with the last.
func (c *collector) answered(t *toldPools) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, t)
	if c.missing--; c.missing == 0 {
		c.out <- c.sum
	}
}

// sum adds up what all shards have told.
func (c *collector) sum() Snapshot {
	snap := Snapshot{Forgotten: map[string]*Counts{}, ForgottenTotals: map[Target]Totals{}, Loops: make([]LoopStats, len(c.told))}
	at := map[poolKey]int{}
	seen := map[*sharedPool]bool{} // what is known of a pool over all loops has been added
	for _, t := range c.told {
		snap.Loops[t.shard] = t.loop
		for _, p := range t.pools {
			out := snap.of(p.shared.poolKey, at)
			if !seen[p.shared] {
				seen[p.shared] = true
				p.shared.addTo(out)
			}
			out.add(&p.PoolStats)
		}
		for name, counts := range t.forgotten {
			addCounts(snap.Forgotten, name, counts)
		}
		for at, totals := range t.totals {
			addTotals(snap.ForgottenTotals, at, totals)
		}
	}
	return snap
}

// of is the figures of a pool, root and branches together. at tells where they are.
func (s *Snapshot) of(k poolKey, at map[poolKey]int) *PoolStats {
	i, there := at[k]
	if !there {
		i = len(s.Pools)
		at[k] = i
		s.Pools = append(s.Pools, PoolStats{Pool: k.pool, Database: k.database, User: k.user, Pinned: map[string]int{}, Upstreams: map[string]int{}})
	}
	return &s.Pools[i]
}

// add adds what another loop tells of the pool.
func (p *PoolStats) add(o *PoolStats) {
	p.ClientsIdle += o.ClientsIdle
	p.ClientsActive += o.ClientsActive
	p.ClientsWaiting += o.ClientsWaiting
	p.ServersIdle += o.ServersIdle
	p.ServersActive += o.ServersActive
	p.ServersResetting += o.ServersResetting
	p.ServersBeingCanceled += o.ServersBeingCanceled
	p.ServersConnecting += o.ServersConnecting
	p.ServersChecking += o.ServersChecking
	p.ServersDraining += o.ServersDraining
	p.MaxWait = max(p.MaxWait, o.MaxWait)
	p.ClientsListening += o.ClientsListening
	p.Channels += o.Channels
	p.Listeners += o.Listeners
	addIn(&p.Pinned, o.Pinned)
	addIn(&p.Upstreams, o.Upstreams)
	addIn(&p.UpstreamsActive, o.UpstreamsActive)
	p.Add(&o.Counts)
}

// addTo adds what is known of a pool, root or branch, over all loops. The sizes of those that never have servers do not count.
func (p *sharedPool) addTo(out *PoolStats) {
	balanced := p.root == nil && p.template.view.Load().mode == routeBalanced
	if p.upstream != lobby && !(balanced && p.shared.Size.Taken() == 0) {
		out.MaxSize += p.shared.Size.Limit()
	}
	out.Reserve += p.shared.InReserve()
	sizing := p.load.sizing()
	out.Sizing.add(&sizing)
}
