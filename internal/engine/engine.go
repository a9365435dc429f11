// Package engine is the data plane: shards, one per event loop, composed of sessions and pools, and what they share.
//
// A shard owns its clients and servers outright and runs on one thread; see [Shard]. Shards talk to each other, and
// the control plane talks to them, through mailboxes. What they share are atomic budgets and presence counters
// (package pool) and, under a mutex that no query ever takes, the list of pools.
package engine

import (
	"sync"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// Engine is a fixed number of shards and what they share.
type Engine struct {
	host    Host
	shards  []*Shard
	clients pool.Budget // all that are admitted
	config  atomic.Pointer[Config]
	next    atomic.Uint32 // the shard for the next client

	draining atomic.Bool
	drained  chan struct{}
	running  atomic.Int64 // shards that have not stopped

	mu        sync.Mutex
	templates map[string]*template
	pools     map[poolKey]*sharedPool
}

// template is a declared pool. It outlives its configuration while clients use it.
type template struct {
	name    string
	config  atomic.Pointer[PoolConfig]
	clients pool.Budget
	removed atomic.Bool
	// upstreams are those configured now; servers hold on to theirs.
	upstreams atomic.Pointer[[]*upstream]
}

// upstream is one address, as one declared pool uses it.
type upstream struct {
	address string
	role    Role
	servers pool.Budget
	// removed: no longer configured; its servers leave when they are released.
	removed atomic.Bool
	// replicaUntil: until then it is taken for a replica, because a server of it said that it is in recovery.
	replicaUntil atomic.Int64
	// starving is, by shard, since when a pool there lacks a permit of this upstream; 0 if none does.
	starving []atomic.Int64
}

type poolKey struct{ pool, database, user string }

// sharedPool is one (pool, database, user) over all shards.
type sharedPool struct {
	poolKey
	template  *template
	shared    *pool.Shared
	greetings greetings
}

// New returns an engine of so many shards, without a pool. Apply makes them.
func New(shards int, host Host) *Engine {
	e := &Engine{
		host:      host,
		drained:   make(chan struct{}),
		templates: map[string]*template{},
		pools:     map[poolKey]*sharedPool{},
	}
	e.config.Store(&Config{})
	e.running.Store(int64(shards))
	for i := range shards {
		e.shards = append(e.shards, newShard(e, i))
	}
	return e
}

// Shards is the number of shards.
func (e *Engine) Shards() int { return len(e.shards) }

// Shard returns the core of loop i. Bind its driver, then loop.Run it on a thread of its own.
func (e *Engine) Shard(i int) *Shard { return e.shards[i] }

// Apply makes c the configuration: sizes and timeouts of pools that exist change, new pools are there at once,
// pools no longer named drain. It cannot fail: what can be wrong with a configuration is found before.
func (e *Engine) Apply(c *Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config.Store(c)
	e.clients.SetLimit(c.MaxClientConnections)
	named := map[string]bool{}
	for i := range c.Pools {
		p := &c.Pools[i]
		named[p.Name] = true
		t := e.templates[p.Name]
		if t == nil {
			t = &template{name: p.Name}
			e.templates[p.Name] = t
		}
		t.apply(p, len(e.shards))
	}
	for name, t := range e.templates {
		if !named[name] {
			t.removed.Store(true)
		}
	}
	for _, p := range e.pools {
		p.shared.Size.SetLimit(p.template.config.Load().PoolSize)
	}
	for _, s := range e.shards {
		s.mail.Post(mail{kind: mailConfigured})
	}
}

func (t *template) apply(p *PoolConfig, shards int) {
	t.config.Store(p)
	t.clients.SetLimit(p.MaxClientConnections)
	t.removed.Store(false)
	before := map[string]*upstream{}
	if list := t.upstreams.Load(); list != nil {
		for _, u := range *list {
			before[u.address] = u
		}
	}
	var list []*upstream
	for _, u := range p.Upstreams {
		have := before[u.Address]
		if have == nil || have.role != u.Role {
			if have != nil {
				have.removed.Store(true)
			}
			have = &upstream{address: u.Address, role: u.Role, starving: make([]atomic.Int64, shards)}
		}
		delete(before, u.Address)
		limit := u.MaxServerConnections
		if limit <= 0 {
			limit = p.MaxServerConnections
		}
		have.servers.SetLimit(limit)
		list = append(list, have)
	}
	for _, u := range before {
		u.removed.Store(true)
	}
	t.upstreams.Store(&list)
}

// pool is the pool of that key; it is made where it is not there yet. nil if no pool of that name is declared.
func (e *Engine) pool(k poolKey) *sharedPool {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.templates[k.pool]
	if t == nil {
		return nil
	}
	p := e.pools[k]
	if p == nil {
		p = &sharedPool{poolKey: k, template: t, shared: pool.NewShared(len(e.shards), t.config.Load().PoolSize)}
		e.pools[k] = p
	}
	return p
}

func (e *Engine) template(name string) *template {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.templates[name]
}

// Attach hands a logged-in client over. On a refusal the descriptor is still the caller's, and so is the admission.
func (e *Engine) Attach(c Client) *Refusal {
	if e.pool(poolKey{c.Pool, c.Database, c.User}) == nil {
		return refusedUnknownPool(c.Pool)
	}
	s := e.leastClients()
	if s.attached.Add(1) > int64(s.capacity) {
		s.attached.Add(-1)
		return refusedFull("event loop", s.capacity)
	}
	s.mail.Post(mail{kind: mailClient, client: c})
	return nil
}

// leastClients is the shard with the fewest clients; among equals in turn.
func (e *Engine) leastClients() *Shard {
	first := int(e.next.Add(1)) % len(e.shards)
	best := e.shards[first]
	for i := 1; i < len(e.shards); i++ {
		if s := e.shards[(first+i)%len(e.shards)]; s.attached.Load() < best.attached.Load() {
			best = s
		}
	}
	return best
}

// Dialed answers a DialRequest.
func (e *Engine) Dialed(t Ticket, r DialResult) {
	e.shards[t.Shard].mail.Post(mail{kind: mailDialed, ticket: t.Seq, dialed: r})
}

// Cancelled answers a CancelRequest.
func (e *Engine) Cancelled(t Ticket) {
	e.shards[t.Shard].mail.Post(mail{kind: mailCancelled, ticket: t.Seq})
}
