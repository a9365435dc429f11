package sim

import (
	"math"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// place is an upstream, as one declared pool uses it: what max_server_connections is about.
type place struct{ pool, address string }

// part is the servers that a pool has of an upstream.
type part struct {
	key     key
	address string
}

// levels is how many there are of what has a limit.
type levels struct {
	servers map[key]int    // pool_size
	parts   map[part]int   // likewise, where each upstream has its own
	places  map[place]int  // max_server_connections
	clients map[string]int // max_client_connections of a pool
	users   map[place]int  // max_user_client_connections, by pool and user
	hosts   map[place]int  // max_address_client_connections, by pool and address
	all     int            // max_client_connections
}

func newLevels() levels {
	return levels{map[key]int{}, map[part]int{}, map[place]int{}, map[string]int{}, map[place]int{}, map[place]int{}, 0}
}

// checkLimits is rule 8, for servers and for clients: never more than the limit, over all shards. A limit that was made
// smaller, or taken away with what it was about, is kept from then on: nothing is added above it.
func (r *Run) checkLimits() {
	if r.watch.census == r.census {
		return
	}
	r.watch.census = r.census
	was, is := r.watch.levels, &r.watch.spare
	r.count(is)
	for k, n := range is.servers {
		d := r.declaredAs(k.pool)
		limit := r.mostServers(k.pool) + r.mayListen(k.pool)
		if c := &d.config; !d.splits && n > limit && n > was.servers[k] && !c.AutoSize { // whose limit is that of places
			r.Violate("rule 8: %d servers of %v, pool_size is %d and reserve_pool_size %d", n, k, c.PoolSize, c.ReservePoolSize)
		}
	}
	for at, n := range is.parts {
		d := r.declaredAs(at.key.pool)
		c := &d.config
		limit := c.PoolSize + c.ReservePoolSize + r.mayListen(at.key.pool)
		if r.Upsets > 0 {
			limit *= 2 // some were for reads, before it became the primary
		}
		if d.splits && n > limit && n > was.parts[at] && !c.AutoSize {
			r.Violate("rule 8: %d servers of %v, pool_size is %d and reserve_pool_size %d", n, at, c.PoolSize, c.ReservePoolSize)
		}
	}
	for at, n := range is.places {
		d, limit := r.declaredAs(at.pool), 0
		u := d.upstream(at.address)
		if u != nil {
			limit = d.limit(u)
		}
		if (limit > 0 && n > limit || u == nil) && n > was.places[at] {
			r.Violate("rule 8: %d servers of %v, max_server_connections is %d, configured %v", n, at, limit, u != nil)
		}
	}
	for name, n := range is.clients {
		if limit := r.declaredAs(name).config.MaxClientConnections; limit > 0 && n > limit && n > was.clients[name] {
			r.Violate("rule 8: %d clients of %s, max_client_connections is %d", n, name, limit)
		}
	}
	r.checkShares("max_user_client_connections", is.users, was.users, func(p *engine.PoolConfig) int { return p.MaxUserClientConnections })
	r.checkShares("max_address_client_connections", is.hosts, was.hosts, func(p *engine.PoolConfig) int { return p.MaxAddressClientConnections })
	if limit := r.Config.MaxClientConnections; limit > 0 && is.all > limit && is.all > was.all {
		r.Violate("rule 8: %d clients, max_client_connections is %d", is.all, limit)
	}
	if n := r.Engine.Clients(); n < is.all {
		r.Violate("rule 8: the engine counts %d clients, and %d are connected", n, is.all)
	}
	r.watch.levels, r.watch.spare = r.watch.spare, was
}

// mostServers is how many a pool may have, or might have had: when fewer upstreams balance, the servers of the others leave in time.
func (r *Run) mostServers(pool string) int {
	d := r.declaredAs(pool)
	n, size := d.sizes(), d.config.PoolSize+d.config.ReservePoolSize
	d.changed = d.changed || d.most != 0 && n != d.most
	d.most, d.largest = max(d.most, n), max(d.largest, size)
	if d.changed {
		return d.most*size + d.largest // those dialed before for all upstreams together, too, as long as clients have them
	}
	return d.most * size
}

// mayListen is how many servers more than a pool may have can be on their way to listen for its clients, which look like others
// until they do: one, and one for each shard that has crashed while it dialed; and one more than there are, where there are too
// many because the limit was made smaller.
func (r *Run) mayListen(pool string) int {
	switch {
	case r.Listening == 0:
		return 0
	case r.declaredAs(pool).shrunk:
		return math.MaxInt32
	}
	return 1 + r.crashed
}

// checkShares checks what one user or one address may have of a pool.
func (r *Run) checkShares(name string, is, was map[place]int, limitOf func(*engine.PoolConfig) int) {
	for at, n := range is {
		if limit := limitOf(&r.declaredAs(at.pool).config); limit > 0 && n > limit && n > was[at] {
			r.Violate("rule 8: %d clients of %v, %s is %d", n, at, name, limit)
		}
	}
}

// count counts as the limits do: connections on their way too, and those the engine has not closed.
func (r *Run) count(l *levels) {
	clear(l.servers)
	clear(l.parts)
	clear(l.places)
	clear(l.clients)
	clear(l.users)
	clear(l.hosts)
	l.all = 0
	for k, n := range r.host.connecting {
		l.servers[k] += n
	}
	for at, n := range r.host.joining {
		l.parts[at] += n
	}
	for at, n := range r.host.dialing {
		l.places[at] += n
	}
	left := r.backends[:0]
	for _, b := range r.backends {
		if b.alive() {
			if !b.hears {
				l.servers[b.key]++
				l.parts[part{b.key, b.up.address}]++
			}
			l.places[place{b.key.pool, b.up.address}]++
		}
		if !b.engine.closed || !b.end.closed {
			left = append(left, b)
		}
	}
	clear(r.backends[len(left):])
	r.backends = left
	for _, c := range r.clients {
		if c.admitted && !c.end.peer.closed {
			l.clients[c.key.pool]++
			l.users[place{c.key.pool, c.key.user}]++
			if host, _, ok := strings.Cut(c.address(), ":"); ok {
				l.hosts[place{c.key.pool, host}]++
			}
			l.all++
		}
	}
}

// checkDial checks that a server is wanted where the configuration says that it may be.
func (h *Host) checkDial(at place) {
	d := h.run.declaredAs(at.pool)
	switch u := d.upstream(at.address); {
	case u == nil:
		h.w.Violate("a server of %v is dialed, which is not configured", at)
	case !d.takesTransactions(u):
		h.w.Violate("a server of %v is dialed, which is for nobody beside the others", at)
	}
}

// overWaiting is how many figures in a row may show more clients waiting than max_waiting_clients: those of several
// shards are not of one instant.
const overWaiting = 5

// checkWaiting is rule 9 for the queue. One that had a server and lost it before it was used waits again however many
// do; that takes a server that died, or a limit that was made smaller.
func (r *Run) checkWaiting(k key, waiting int) {
	d := r.declaredAs(k.pool)
	limit := max(d.config.MaxWaitingClients, r.watch.limits[k]) // it may have been larger when they began to wait
	r.watch.limits[k] = d.config.MaxWaitingClients
	if d.config.MaxWaitingClients <= 0 || waiting <= limit || waiting <= r.watch.waiting[k] {
		r.watch.over[k] = 0
	} else {
		r.watch.over[k]++
	}
	r.watch.waiting[k] = waiting
	if n := r.watch.over[k]; n > overWaiting || n > 0 && r.Shards == 1 && r.weather == (Weather{}) && r.Upsets == 0 {
		r.Violate("rule 9: %d clients of %v wait, max_waiting_clients is %d", waiting, k, limit)
	}
}
