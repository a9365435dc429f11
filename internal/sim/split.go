package sim

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/routing"
)

// Fault is something that is done wrong on purpose, so that it can be seen to be found.
type Fault uint8

// The faults. The grammar takes an INSERT for a read, or the pooler is told not to care whether sessions read what they have written.
const (
	NoFault Fault = iota
	TakesWritesForReads
	ForgetsWrites
	// HidesWrites: the grammar says of an UPDATE that it changes nothing.
	HidesWrites
	// ForgetsOthers: what other processes write is not told to the pooler.
	ForgetsOthers
)

// in does it in a configuration.
func (f Fault) in(c *engine.Config) {
	for i := range c.Pools {
		if p := &c.Pools[i]; f == ForgetsWrites && p.Split {
			p.ReadYourWrites, p.Reads = false, routing.ReadsReplica // so that those have something to miss
		}
	}
}

// Split is a scenario of a primary and its replicas, in which reads are split from writes: nothing goes wrong, but replicas replay late.
func (w *World) Split() Scenario {
	s := w.Calm()
	s.Reloads, s.Startup = min(s.Reloads, 2), 0.2
	s.Clients, s.Batches = w.Between(2, 12), w.Between(10, 60) // who comes first reads on the primary: nobody knows what reads yet
	s.Replicas = w.Between(1, 2)
	for i := range s.Config.Pools {
		w.splits(&s.Config.Pools[i], s.Replicas, s.Users)
	}
	return s
}

// Failing is a scenario of that kind in which servers are lost, and replaced, in whatever weather.
func (w *World) Failing() Scenario {
	s := w.Split()
	s.Upsets = w.Between(1, 6)
	if w.Chance(0.5) {
		s.Weather = w.storm()
	}
	for i := range s.Config.Pools {
		p := &s.Config.Pools[i]
		if w.Chance(0.3) {
			p.Health.BreakerFails, p.Health.BreakerOpen = w.Between(1, 4), time.Duration(w.Between(1, 20))*time.Millisecond
		}
		if w.Chance(0.3) {
			p.Health.SlowStart = 20 * time.Millisecond
		}
		if w.Chance(0.2) {
			p.QueryWaitTimeout = time.Duration(w.Between(1, 40)) * time.Millisecond
		}
	}
	return s
}

// splits makes a pool one that splits.
func (w *World) splits(p *engine.PoolConfig, replicas, users int) {
	p.Split, p.HiddenState = true, true
	p.ReadYourWrites, p.DeferBegin = w.Chance(0.9), w.Chance(0.4)
	p.Reads = []routing.Reads{routing.ReadsPreferReplica, routing.ReadsPreferReplica, routing.ReadsReplica, routing.ReadsAny,
		routing.ReadsPrimary}[w.random.IntN(5)]
	p.Policy = []routing.Policy{nil, new(routing.RoundRobin), routing.Random{}}[w.random.IntN(3)]
	if p.Mode == engine.Session {
		p.Mode = engine.Transaction
	}
	interval := time.Duration(w.Between(1, 10)) * time.Millisecond
	p.Health = routing.Settings{Passes: w.Between(1, 2), Fails: w.Between(1, 3), Interval: interval}
	if w.Chance(0.5) {
		p.Health.MaxLag = interval * time.Duration(w.Between(1, 4))
	}
	declared := w.Chance(0.3)
	p.Upstreams = nil
	for i := range 1 + replicas {
		u := engine.Upstream{Address: address(i), Weight: w.Between(0, 3)}
		if declared {
			u.Role = engine.RoleReplica
		}
		if declared && i == 0 {
			u.Role = engine.RolePrimary
		}
		if w.Chance(0.2) {
			u.MaxServerConnections = w.Between(users+1, 6)
		}
		p.Upstreams = append(p.Upstreams, u)
	}
}

// replicate makes a cluster of the first upstreams.
func (r *Run) replicate() {
	var ups []*Upstream
	for i := range 1 + r.Replicas {
		ups = append(ups, r.host.ups[address(i)])
	}
	r.cluster = r.newCluster(ups)
	r.cluster.probing = r.host.probing
}
