package engine

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// shardPool is one shard's part of a (pool, database, user). It is made when the first client of it comes to the shard,
// or because it has servers from the start, and forgotten when nobody uses it any more.
type shardPool struct {
	index  uint32
	shared *sharedPool
	// template is shared.template, at hand: every query looks at it several times.
	template *template
	// root is nil of one that is no branch; branches are those of a root on this shard.
	root     *shardPool
	branches []*shardPool
	ledger   *pool.Ledger
	servers  map[*server]struct{}
	clients  int
	linked   int // of them, those that have a server; changed by linking

	// What measure has not added to the pool's load yet: how often a server was asked for, and got, and for how long servers
	// were in use until busyAt.
	arrivals, starts uint64
	busy, busyAt     int64

	dialing int
	// retryAt is when dialing may be tried again, after fails failures in a row; refusal is the last.
	retryAt   int64
	fails     int
	refusal   *Refusal
	refusedAt int64
	// dismissed is when its clients were asked to leave, because it was removed.
	dismissed int64
	// evictedAt is when other pools were last asked to give up a server for this one.
	evictedAt int64
	// expireAt is when the first of the waiters will have waited too long, for which a timer is set. 0: none.
	expireAt int64
	// replacing is how many servers are to be dialed for the place of some that were too old.
	replacing int
	// reserveAt is when the next client will have waited for reserve_pool_timeout, for which a timer is set. 0: none.
	reserveAt int64
	// accepted is the profiles that Postgres has taken here.
	accepted map[uint64]bool
	// hub is what its clients here listen to, and listener, on one shard, the server that does; nil where nobody listens.
	hub      *hub
	listener *listener
	counts   Counts // its loop's thread alone writes them
	// busiest is that of the declared pool.
	busiest *busiest
}

// join is this shard's part of the root of a pool.
func (s *Shard) join(k poolKey) *shardPool {
	if p := s.byKey[k]; p != nil {
		return p
	}
	return s.part(s.engine.join(k))
}

// joinDeclared is join, or nil if the pool is not declared now.
func (s *Shard) joinDeclared(k poolKey) *shardPool {
	if p := s.byKey[k]; p != nil {
		return p
	}
	if shared := s.engine.joinDeclared(k); shared != nil {
		return s.part(shared)
	}
	return nil
}

// part makes this shard's part of a pool.
func (s *Shard) part(shared *sharedPool) *shardPool {
	p := &shardPool{
		shared:   shared,
		template: shared.template,
		ledger:   pool.NewLedger(shared.shared, s.index),
		servers:  map[*server]struct{}{},
		busyAt:   s.now,
		busiest:  s.busiestOf(shared.pool),
	}
	shared.load.begin(s.now)
	p.configure()
	if n := len(s.gaps); n > 0 {
		p.index = s.gaps[n-1]
		s.gaps = s.gaps[:n-1]
		s.pools[p.index] = p
	} else {
		p.index = uint32(len(s.pools))
		s.pools = append(s.pools, p)
	}
	if shared.root == nil {
		s.byKey[shared.poolKey] = p
	}
	return p
}

// eachPool is every pool that this shard has a part of.
func (s *Shard) eachPool(yield func(*shardPool) bool) {
	for _, p := range s.pools {
		if p != nil && !yield(p) {
			return
		}
	}
}

// forgetPools forgets the pools that nobody uses. So there are never more than there are clients and servers, pools that
// keep min_pool_size because they have had a server, and databases that Postgres has refused within the last
// ServerLoginRetry, whatever names clients come with.
func (s *Shard) forgetPools() {
	for p := range s.eachPool {
		if !p.unused(s.now) {
			continue
		}
		if !p.template.removed.Load() {
			s.keepCounts(p)
			for _, t := range s.telling {
				t.forgets(p)
			}
		}
		s.forget(p)
	}
}

// forget takes a pool out.
func (s *Shard) forget(p *shardPool) {
	if p.root == nil {
		delete(s.byKey, p.shared.poolKey)
	} else {
		p.root.branches = slices.DeleteFunc(p.root.branches, func(b *shardPool) bool { return b == p })
	}
	s.pools[p.index] = nil
	s.gaps = append(s.gaps, p.index)
	s.engine.part(p.shared)
}

// unused reports whether nothing would be lost with a pool: it has no client, no server here, elsewhere or between
// shards, no pause before the next dial to keep, and no min_pool_size.
func (p *shardPool) unused(now int64) bool {
	return p.clients == 0 && len(p.branches) == 0 && p.ledger.Waiting() == 0 && p.dialing == 0 && len(p.servers) == 0 && p.shared.shared.Size.Taken() == 0 && now >= p.retryAt &&
		!p.kept() && p.listener == nil && (p.hub == nil || len(p.hub.waits) == 0)
}

// isRefused reports whether the pool has no server, and it is not the time to try for one again.
func (p *shardPool) isRefused(now int64) bool {
	return p.refusal != nil && now < p.retryAt && !p.hasServers()
}

func (p *shardPool) config() *PoolConfig { return p.template.config.Load() }

// leaving reports whether the clients of the pool are sent away: it was removed, or is drained.
func (p *shardPool) leaving() bool { return p.template.removed.Load() || p.shared.drains() }

// view is what is known of its upstreams.
func (p *shardPool) view() *view { return p.template.view.Load() }

// chooses reports whether transactions are sent to one of several upstreams.
func (p *shardPool) chooses() bool { return p.view().mode != routeRoot }

func (p *shardPool) configure() {
	cfg := p.config()
	p.ledger.FIFO = cfg.FIFO
	p.ledger.MaxWaiting = cfg.MaxWaitingClients
}

// inOrder is the servers of a pool here in the order in which they came to be, whatever becomes of them meanwhile.
func (p *shardPool) inOrder() []*server {
	return slices.SortedFunc(maps.Keys(p.servers), func(a, b *server) int { return cmp.Compare(a.id, b.id) })
}
