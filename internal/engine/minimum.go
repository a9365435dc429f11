package engine

import "slices"

// min_pool_size is a floor over all shards, kept with the same permits as pool_size, so that it is not overshot: a server
// is dialed for it while fewer permits are out. Who needs a permit of the upstream goes before it, and may take servers
// below it; dials that are refused pause for it too.

// minimum is how many servers the pool keeps whoever uses them.
func (p *shardPool) minimum() int {
	if !p.shared.warm.Load() || p.leaving() || p.isGone() || p.root == nil && p.view().mode == routeBalanced {
		return 0
	}
	return min(p.config().MinPoolSize, p.shared.shared.Size.Limit())
}

// isGone reports whether a branch is of an upstream that is configured no longer.
func (p *shardPool) isGone() bool {
	return p.root != nil && !slices.ContainsFunc(p.view().upstreams, func(u *upstream) bool {
		return u.address == p.shared.upstream
	})
}

// kept reports whether min_pool_size is reason enough for the pool to be there: not where Postgres has refused it for
// good.
func (p *shardPool) kept() bool { return p.minimum() > 0 && !p.refusedForGood() }

func (p *shardPool) refusedForGood() bool { return p.refusal != nil && p.refusal.Permanent }

// keepMinimum dials what is missing of min_pool_size.
func (s *Shard) keepMinimum(p *shardPool) {
	for n := p.minimum(); p.shared.shared.Size.Taken() < n; {
		u := s.spare(p)
		if u == nil || !u.servers.Take() {
			return
		}
		if !p.shared.shared.Size.TakeBelow(n) {
			u.servers.Give()
			return
		}
		s.dial(p, u)
	}
}

// spare is the upstream for a server that no client waits for; nil if now is not the time for such, because the pool ends,
// dials are refused, or others wait for the upstream's permits: a replication client looks for one that is free only now
// and then.
func (s *Shard) spare(p *shardPool) *upstream {
	if s.stopping || p.leaving() || s.now < p.retryAt || p.refusedForGood() || p.shared.template.seekers.Load() > 0 {
		return nil
	}
	if u := s.choose(p); u != nil && !u.starved() {
		return u
	}
	return nil
}

// warmBranches is for a root whose servers are all in branches.
func (s *Shard) warmBranches(root *shardPool) {
	v := root.view()
	if v.mode != routeBalanced {
		return
	}
	for _, u := range v.upstreams {
		s.branch(root, u.address).shared.warm.Store(true)
	}
}

// warm makes this shard's share of the pools that have min_pool_size servers from the start.
func (s *Shard) warm() {
	if s.stopping {
		return
	}
	for i := range s.engine.config.Load().Pools {
		cfg := &s.engine.config.Load().Pools[i]
		if cfg.MinPoolSize <= 0 {
			continue
		}
		for j, id := range cfg.Warm {
			if j%len(s.engine.shards) != s.index {
				continue
			}
			if p := s.joinDeclared(poolKey{cfg.Name, id.Database, id.User}); p != nil {
				s.warmBranches(p)
				p.shared.warm.Store(true)
				if s.now >= p.retryAt {
					p.refusal = nil // somebody may have seen to it
				}
			}
		}
	}
}
