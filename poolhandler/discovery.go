package poolhandler

import (
	"context"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// discoveries is what sources have found; those of the plan in force look for more. It is part of process, and under its mutex.
//
// What a source has found outlives a reload that leaves it as it is written, so that no pool loses upstreams until its new source has
// looked; the source itself does not, as Caddy ends all of a configuration.
type discoveries struct {
	lists map[sourceID][]config.Upstream
	stop  context.CancelFunc // of those that look; nil: nobody does
	// inForce is what the engine was told last, with all that was found.
	inForce atomic.Pointer[engine.Config]
}

// discover has the sources of a plan look, in the place of those of another one.
func (p *process) discover(next *plan) {
	if p.discoveries.stop != nil {
		p.discoveries.stop()
	}
	ctx, stop := context.WithCancel(context.Background())
	p.discoveries.stop = stop
	for _, name := range next.names {
		for _, s := range next.pools[name].sources {
			go s.watch(ctx, func(list []config.Upstream) { p.found(next, s.id, list) })
		}
	}
}

// found takes what a source has found, and tells the engine where that is new. It comes too late once the plan is not in force.
func (p *process) found(by *plan, id sourceID, list []config.Upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.running.Load()
	if p.current.Load() != by || r == nil {
		return
	}
	list = sound(list, by.logger)
	before, known := p.discoveries.lists[id]
	if known && slices.EqualFunc(before, list, sameUpstream) {
		return
	}
	p.discoveries.lists[id] = list
	by.logger.Info("upstreams have been found", zap.String("pool", id.pool), zap.Strings("upstreams", addresses(list)))
	p.tell(r, by)
}

// tell tells the engine a plan, with what has been found for it.
func (p *process) tell(r *running, current *plan) {
	c := current.with(p.discoveries.lists)
	p.discoveries.inForce.Store(c)
	r.Apply(c)
	p.probes.follow(c)
}

// forget leaves of what was found only what a plan has a source for.
func (p *process) forget() {
	used := make(map[sourceID]bool)
	for _, plan := range p.stack {
		for _, pool := range plan.pools {
			for _, s := range pool.sources {
				used[s.id] = true
			}
		}
	}
	for id := range p.discoveries.lists {
		if !used[id] {
			delete(p.discoveries.lists, id)
		}
	}
}

// with is what the engine needs to know: the plan, and behind the upstreams that are written those that were found.
func (p *plan) with(lists map[sourceID][]config.Upstream) *engine.Config {
	out := p.engine
	for i, name := range p.names {
		sources := p.pools[name].sources
		if len(sources) == 0 {
			continue
		}
		if out == p.engine {
			copied := *p.engine
			copied.Pools = slices.Clone(p.engine.Pools)
			out = &copied
		}
		merged := merge(p.engine.Pools[i].Upstreams, sources, lists)
		if len(merged) > config.MaxUpstreams {
			p.logger.Warn("more upstreams were found than a pool can have; the last ones are left out",
				zap.String("pool", name), zap.Int("found", len(merged)), zap.Int("most", config.MaxUpstreams))
			merged = merged[:config.MaxUpstreams]
		}
		out.Pools[i].Upstreams = merged
		p.pools[name].found.set(merged[len(p.engine.Pools[i].Upstreams):])
	}
	return out
}

// merge leaves out an address that is there already.
func merge(written []engine.Upstream, sources []source, lists map[sourceID][]config.Upstream) []engine.Upstream {
	merged := slices.Clone(written)
	seen := make(map[string]bool, len(written))
	for _, u := range written {
		seen[u.Address] = true
	}
	for _, s := range sources {
		for _, u := range lists[s.id] {
			if !seen[u.Address] {
				seen[u.Address] = true
				merged = append(merged, engineUpstream(&u))
			}
		}
	}
	return merged
}

// sameUpstream compares what they mean.
func sameUpstream(a, b config.Upstream) bool { return engineUpstream(&a) == engineUpstream(&b) }

func addresses(list []config.Upstream) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.Address
	}
	return out
}

// foundAddresses is the addresses of the upstreams that were found for a pool, for who asks Postgres for secrets.
type foundAddresses struct{ list atomic.Pointer[[]string] }

func (f *foundAddresses) get() []string {
	if list := f.list.Load(); list != nil {
		return *list
	}
	return nil
}

func (f *foundAddresses) set(upstreams []engine.Upstream) {
	list := make([]string, len(upstreams))
	for i, u := range upstreams {
		list[i] = u.Address
	}
	f.list.Store(&list)
}
