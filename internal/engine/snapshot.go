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
	Loops     []LoopStats
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
}

// collector gathers the figures of all shards.
type collector struct {
	mu        sync.Mutex
	missing   int
	pools     map[poolKey]*PoolStats
	seen      map[*sharedPool]bool // what is known of a pool over all loops has been added
	forgotten map[string]*Counts
	loops     []LoopStats
	out       chan Snapshot
}

// Snapshot asks every loop for its figures; the channel yields them once, when the last has answered.
func (e *Engine) Snapshot() <-chan Snapshot {
	c := &collector{
		missing:   len(e.shards),
		pools:     map[poolKey]*PoolStats{},
		seen:      map[*sharedPool]bool{},
		forgotten: map[string]*Counts{},
		loops:     make([]LoopStats, len(e.shards)),
		out:       make(chan Snapshot, 1),
	}
	for _, s := range e.shards {
		s.post(mail{kind: mailSnapshot, collect: c})
	}
	return c.out
}

// collect adds this shard's figures.
func (s *Shard) collect(c *collector) {
	s.addTo(c)
	c.answered()
}

func (s *Shard) addTo(c *collector) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loops[s.index] = LoopStats{Clients: s.clients, Servers: s.servers, Turns: s.turns, Events: s.events}
	for p := range s.eachPool {
		k := p.shared.poolKey
		out := c.pools[k]
		if out == nil {
			out = &PoolStats{Pool: k.pool, Database: k.database, User: k.user, Pinned: map[string]int{}, Upstreams: map[string]int{}}
			c.pools[k] = out
		}
		if !c.seen[p.shared] {
			c.seen[p.shared] = true
			p.shared.addTo(out)
		}
		p.addTo(out, s.now)
	}
	for name, counts := range s.forgotten {
		out := c.forgotten[name]
		if out == nil {
			out = &Counts{}
			c.forgotten[name] = out
		}
		out.Add(counts)
	}
}

// active counts a server of an upstream that a client has.
func (p *PoolStats) active(upstream string) {
	if p.UpstreamsActive == nil {
		p.UpstreamsActive = map[string]int{}
	}
	p.UpstreamsActive[upstream]++
}

// answered completes the snapshot when the last shard has.
func (c *collector) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.missing--; c.missing > 0 {
		return
	}
	snap := Snapshot{Forgotten: c.forgotten, Loops: c.loops}
	for _, p := range c.pools {
		snap.Pools = append(snap.Pools, *p)
	}
	c.out <- snap
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

// addTo adds this shard's part of a pool.
func (p *shardPool) addTo(out *PoolStats, now int64) {
	waiting := p.ledger.Waiting()
	out.ClientsWaiting += waiting
	out.ClientsActive += p.linked
	out.ClientsIdle += p.clients - waiting - p.linked
	out.ServersConnecting += p.dialing
	if first, ok := p.ledger.FirstWaiter(); ok {
		out.MaxWait = max(out.MaxWait, time.Duration(now-first.Since))
	}
	for srv := range p.servers {
		out.Upstreams[srv.upstream.address]++
		if srv.purpose == hearing {
			out.Listeners++
			continue
		}
		out.Queries += srv.Queries
		out.Kinds.count(srv)
		out.Transactions += srv.Transactions
		switch {
		case srv.purpose == closing:
			out.ServersDraining++
		case srv.cancel != 0:
			out.ServersBeingCanceled++
		case srv.purpose == idle || srv.purpose == leaving:
			out.ServersIdle++
		case srv.unwanted() || p.leaving() || now >= srv.expires():
			out.ServersDraining++
		case srv.purpose == checking || srv.purpose == studying:
			out.ServersChecking++
		case srv.purpose == linked || srv.purpose == preparing || srv.purpose == asking:
			out.ServersActive++
			out.active(srv.upstream.address)
		default:
			out.ServersResetting++
		}
		if srv.purpose == linked || srv.purpose == asking {
			srv.Pins.Each(func(reason string) { out.Pinned[reason]++ })
		}
	}
	if p.hub != nil {
		out.ClientsListening += p.hub.clients
	}
	if p.listener != nil {
		out.Channels += len(p.listener.wanted)
	}
	out.Add(&p.counts)
}
