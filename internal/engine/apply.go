package engine

import (
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pool"
)

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
			t = &template{name: p.Name, allowances: map[string]*allowance{}}
			e.templates[p.Name] = t
		}
		t.apply(p, len(e.shards))
		t.cacheAs(p.Cache, len(e.shards))
		if p.Cache.TTL > 0 {
			e.tracks.Store(true)
		}
		e.declare(t, p)
	}
	e.declareSharers(c.Pools)
	used := map[*template]bool{}
	for _, p := range e.pools {
		p.resize()
		for _, branch := range p.branches {
			branch.resize()
		}
		e.halted(p)
		used[p.template] = true
	}
	for name, t := range e.templates {
		if named[name] {
			continue
		}
		t.removed.Store(true)
		t.halts = halts{}
		if !used[t] && t.clients.Taken() == 0 {
			delete(e.templates, name)
		}
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
				have.serves.Store(0)
			}
			have = &upstream{address: u.Address, role: u.Role, allowance: t.allowance(u.Address, shards)}
			have.serves.Store(servesRoot | servesTransactions | servesBranch)
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
		u.serves.Store(0)
	}
	t.upstreams.Store(&list)
}

// allowance is that of an address, with what its servers of earlier configurations have of it.
func (t *template) allowance(address string, shards int) *allowance {
	a := t.allowances[address]
	if a == nil {
		a = &allowance{starving: make([]atomic.Int64, shards), turn: make([]atomic.Int64, shards)}
		t.allowances[address] = a
	}
	return a
}

// join is the pool of that key, for a shard that has no part of it yet; it is made where it is not there.
func (e *Engine) join(k poolKey) *sharedPool {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.templates[k.pool]
	if t == nil {
		panic("bug: engine: a client of a pool that was never declared")
	}
	return e.joined(k, t)
}

// joinDeclared is join for who does not know whether the pool is declared; nil if it is not.
func (e *Engine) joinDeclared(k poolKey) *sharedPool {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.templates[k.pool]
	if t == nil || t.removed.Load() {
		return nil
	}
	return e.joined(k, t)
}

// joined counts a shard in. Under Engine.mu.
func (e *Engine) joined(k poolKey, t *template) *sharedPool {
	p := e.pools[k]
	if p == nil {
		database := t.config.Load().databaseFor(k)
		at := feedKey{k.pool, database}
		p = &sharedPool{poolKey: k, serverDatabase: database, template: t, shared: pool.NewShared(len(e.shards), t.config.Load().PoolSize),
			catalog: e.catalog(database, t), ledger: e.ledgerOf(database), feed: e.feedOf(at), fleet: e.fleetOf(at), id: k.id(database),
			hearers: e.hearersOf(database), listenerShard: k.shardOf(len(e.shards))}
		p.resize()
		e.halted(p)
		e.pools[k] = p
	}
	p.shards++
	return p
}

// joinedBranch counts a shard in to a branch; it is made where it is not there.
func (e *Engine) joinedBranch(root *sharedPool, upstream string) *sharedPool {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := root.branches[upstream]
	if p == nil {
		p = &sharedPool{poolKey: root.poolKey, serverDatabase: root.serverDatabase, upstream: upstream, root: root, template: root.template,
			shared: pool.NewShared(len(e.shards), root.template.config.Load().PoolSize), catalog: root.catalog, ledger: root.ledger, feed: root.feed, fleet: root.fleet, id: root.id, hearers: root.hearers,
			listenerShard: root.listenerShard}
		p.resize()
		if root.branches == nil {
			root.branches = map[string]*sharedPool{}
		}
		p.renewed = root.renewed
		e.halted(p)
		root.branches[upstream] = p
		root.countTogether()
	}
	p.shards++
	return p
}

// countTogether has the clients that wait in a root and in its branches count together: max_waiting_clients bounds all of them.
func (root *sharedPool) countTogether() {
	family := []*pool.Shared{root.shared}
	for _, b := range root.branches {
		family = append(family, b.shared)
	}
	for _, member := range family {
		member.SetFamily(family)
	}
}

// part gives up a shard's part of a pool. The last forgets it, unless a server of it is between shards: its count has
// to go on with whoever joins next.
func (e *Engine) part(p *sharedPool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.shards--
	if p.root != nil && p.isOver() {
		delete(p.root.branches, p.upstream)
		p = p.root
		p.countTogether()
	}
	if p.root == nil && p.isOver() && e.pools[p.poolKey] == p {
		delete(e.pools, p.poolKey)
		e.leaveCatalog(p.catalog)
		p.ledger.pools--
		e.leaveFeed(feedKey{p.pool, p.serverDatabase})
		e.leaveFleets(p)
		e.leaveHearers(p)
	}
}

func (p *sharedPool) isOver() bool {
	return p.shards == 0 && p.shared.Size.Taken() == 0 && len(p.branches) == 0
}
