package sim

import (
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// declared is a pool as the configuration has it, or had it last.
type declared struct {
	// most is how many times pool_size it may have, by any configuration so far; changed: these differ. largest is the largest
	// pool_size, with its reserve.
	most    int
	largest int
	changed bool
	config  engine.PoolConfig
	removed bool
	// statements: it was pool_mode statement at first, and its clients know no transactions.
	statements bool
	// What has been so at any time: its clients may be told of it.
	wasRemoved, wasLimited bool
	// hides: its clients call functions that leave state.
	hides bool
	// timesOut: its clients may be closed for what they do too long, or for doing nothing; overruns: their queries may be
	// cancelled.
	timesOut, overruns bool
	// sticky: a server may stay with a client that has left nothing in its session.
	sticky bool
	// bounded: its upstreams have been able to be so full that nobody could be had to listen.
	bounded bool
	// shrunk: its size was made smaller.
	shrunk bool
	// splits: its reads are split from its writes; causal: clients read what they have written; defers: BEGIN is deferred.
	splits, causal, defers bool
	// ttl is the longest that its query cache has kept anything.
	ttl time.Duration
}

func newDeclared(p engine.PoolConfig) *declared {
	p.Upstreams = slices.Clone(p.Upstreams)
	return &declared{config: p, statements: p.Mode == engine.Statement, hides: p.HiddenState,
		splits: p.Split, causal: p.Split && p.ReadYourWrites, defers: p.DeferBegin}
}

// apply tells the engine what is declared now.
func (r *Run) apply() {
	c := r.Config
	c.Pools = nil
	for _, d := range r.declared {
		p := &d.config
		d.wasRemoved = d.wasRemoved || d.removed
		d.wasLimited = d.wasLimited || c.MaxClientConnections > 0 || p.MaxClientConnections > 0 || p.MaxWaitingClients > 0 ||
			p.MaxUserClientConnections > 0 || p.MaxAddressClientConnections > 0
		d.ttl = max(d.ttl, p.Cache.TTL)
		d.overruns = d.overruns || p.QueryTimeout > 0
		d.timesOut = d.timesOut || d.overruns || p.TransactionTimeout > 0 || p.IdleTransactionTimeout > 0 || p.ClientIdleTimeout > 0
		d.sticky = d.sticky || p.Mode == engine.Session || p.MaxPreparedStatements == 0
		d.bounded = d.bounded || slices.ContainsFunc(p.Upstreams, func(u engine.Upstream) bool { return d.limit(&u) > 0 })
		if !d.removed {
			c.Pools = append(c.Pools, *p)
			c.Pools[len(c.Pools)-1].Upstreams = slices.Clone(p.Upstreams)
		}
	}
	r.census++
	r.Fault.in(&c)
	r.Engine.Apply(&c)
}

// reload changes the configuration as somebody would who tunes, moves servers, and changes his mind.
func (r *Run) reload() {
	if r.reckoning {
		return
	}
	d := r.declared[r.random.IntN(len(r.declared))]
	switch n := r.random.IntN(10); {
	case d.removed:
		r.bringBack(d)
		return
	case n < 5:
		r.tune(d)
	case n < 9:
		r.move(d)
	default:
		r.remove(d)
	}
	r.Note("reload: removed %v, %+v", d.removed, d.config)
	r.apply()
}

// tune changes sizes and times, and the mode where clients can live with it.
func (r *Run) tune(d *declared) {
	p := &d.config
	size := p.PoolSize + p.ReservePoolSize
	p.PoolSize = r.Between(1, 6)
	p.FIFO = r.Chance(0.5)
	p.MinPoolSize = min(p.MinPoolSize, p.PoolSize)
	if r.Chance(0.5) {
		r.lives(p)
	}
	d.shrunk = d.shrunk || p.PoolSize+p.ReservePoolSize < size
	p.Mode = []engine.Mode{engine.Transaction, engine.Session, engine.Statement}[r.random.IntN(3)]
	if p.Mode == engine.Statement && !d.statements || p.Mode == engine.Session && d.splits {
		p.Mode = engine.Transaction
	}
	if p.MaxPreparedStatements > 0 {
		p.MaxPreparedStatements = r.Between(1, 20)
	}
	if p.MaxServerConnections > 0 {
		p.MaxServerConnections = r.Between(max(r.Users, 2), 6) // with 1, who listens hears nothing any more
	}
	if p.MaxClientConnections > 0 {
		p.MaxClientConnections = r.Between(1, 8)
	}
	if p.MaxWaitingClients > 0 {
		p.MaxWaitingClients = r.Between(1, 10)
	}
	if p.MaxUserClientConnections > 0 {
		p.MaxUserClientConnections = r.Between(1, 8)
	}
	if p.MaxAddressClientConnections > 0 {
		p.MaxAddressClientConnections = r.Between(1, 8)
	}
	if d.timesOut {
		r.timeouts(p)
	}
	if r.Caching {
		r.recache(p)
	}
	if r.Config.MaxClientConnections > 0 {
		r.Config.MaxClientConnections = r.Between(1, r.Clients)
	}
}

// move changes the upstreams of a pool: one is taken out, put in again, or becomes something else.
func (r *Run) move(d *declared) {
	if d.splits {
		return
	}
	p := &d.config
	u := r.upstream(r.random.IntN(addresses), r.Users)
	at := slices.IndexFunc(p.Upstreams, func(v engine.Upstream) bool { return v.Address == u.Address })
	switch {
	case at < 0:
		p.Upstreams = append(p.Upstreams, u)
	case r.Chance(0.5) && len(p.Upstreams) > 1:
		p.Upstreams = slices.Delete(p.Upstreams, at, at+1)
	default:
		u.Role = engine.Role(r.random.IntN(3))
		p.Upstreams[at] = u
	}
}

// remove takes a pool out. Most are missed before long.
func (r *Run) remove(d *declared) {
	d.removed = true
	if r.Chance(0.8) {
		r.After(int64(r.random.IntN(int(20*Millisecond))), func() { r.bringBack(d) })
	}
}

// bringBack declares a removed pool again, and some of its clients come back.
func (r *Run) bringBack(d *declared) {
	if !d.removed || r.draining || r.reckoning {
		return
	}
	d.removed = false
	r.Note("reload: %s is declared again", d.config.Name)
	r.apply()
	for range r.Between(1, r.Clients) {
		r.arrive(d)
	}
}

// declaredAs is the pool of that name.
func (r *Run) declaredAs(name string) *declared {
	for _, d := range r.declared {
		if d.config.Name == name {
			return d
		}
	}
	panic("bug: no pool " + name)
}

// upstream is how a pool uses an address now; nil if it does not.
func (d *declared) upstream(address string) *engine.Upstream {
	for i := range d.config.Upstreams {
		if u := &d.config.Upstreams[i]; u.Address == address {
			return u
		}
	}
	return nil
}

// takesTransactions reports whether an upstream gets servers: where some are declared primary, those; or else all that may be; or
// all, where all are replicas.
func (d *declared) takesTransactions(u *engine.Upstream) bool {
	switch {
	case d.splits:
		return true
	case d.declares(engine.RolePrimary) > 0:
		return u.Role == engine.RolePrimary
	case d.declares(engine.RoleAuto) > 0:
		return u.Role == engine.RoleAuto
	}
	return true
}

// declares is how many upstreams there are of a role.
func (d *declared) declares(role engine.Role) (n int) {
	for i := range d.config.Upstreams {
		if d.config.Upstreams[i].Role == role {
			n++
		}
	}
	return n
}

// sizes is how many times pool_size a pool may have: once for each upstream among which transactions are balanced.
func (d *declared) sizes() int {
	n, primaries := len(d.config.Upstreams), d.declares(engine.RolePrimary)
	switch {
	case d.splits:
		return n
	case primaries > 1:
		return primaries
	case d.declares(engine.RoleReplica) == n:
		return n
	}
	return 1
}

// limit is how many servers a pool may have of an upstream; 0 is no limit.
func (d *declared) limit(u *engine.Upstream) int {
	if u.MaxServerConnections > 0 {
		return u.MaxServerConnections
	}
	return max(d.config.MaxServerConnections, 0)
}
