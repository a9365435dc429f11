package poolhandler

import (
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/routing"
)

// upstreams is every upstream of every pool in force, by pool, in the order in which they are declared.
func (p *process) upstreams(s engine.Snapshot) []adminapi.Upstream {
	all := []adminapi.Upstream{}
	plan, r := p.current.Load(), p.running.Load()
	if plan == nil || r == nil {
		return all
	}
	servers := countServers(s)
	now, wall := monotonic(), time.Now()
	for _, name := range plan.names {
		for _, state := range plan.pools[name].states(r.Topology(name)) {
			u := newUpstreamStatus(&state)
			u.Pool, u.Weight = name, plan.pools[name].weight(state.Address)
			u.Servers = servers[serversOf{name, state.Address}]
			if state.Since > 0 {
				since := wall.Add(time.Duration(state.Since - now)).UTC().Truncate(time.Millisecond)
				u.Since = &since
			}
			all = append(all, u)
		}
	}
	return all
}

// states is what is known of a pool's upstreams; before anything is, what is declared.
func (p *pool) states(known *routing.Topology) []routing.State {
	if known != nil {
		return known.Upstreams
	}
	out := make([]routing.State, len(p.upstreams))
	for i, d := range p.upstreams {
		out[i] = routing.State{Address: d.Address, Declared: d.Role, Role: d.Role, Up: true, Weight: uint32(d.Weight) * routing.WeightUnit}
	}
	return out
}

// weight is the configured weight of an upstream.
func (p *pool) weight(address string) int {
	for _, d := range p.upstreams {
		if d.Address == address {
			return d.Weight
		}
	}
	return config.DefaultWeight
}

func newUpstreamStatus(s *routing.State) adminapi.Upstream {
	u := adminapi.Upstream{
		Address: s.Address, DeclaredRole: s.Declared.String(), Role: s.Role.String(),
		Up: s.Up, Why: s.Why, Breaker: s.Breaker.String(),
		EffectiveWeight: float64(s.Weight) / routing.WeightUnit,
		TooLate:         s.TooLate, Timeline: s.Timeline, Probes: s.Probes, Failures: s.Failures,
	}
	if s.Role == routing.Unknown {
		u.Role = adminapi.UnknownRole
	}
	if s.HasLag && s.Role == routing.Replica {
		u.LagSeconds = inSeconds(s.Lag)
	}
	if s.Latency > 0 {
		u.LatencySeconds = inSeconds(s.Latency)
	}
	if s.Position > 0 {
		u.Position = fmt.Sprintf("%X/%X", uint32(s.Position>>32), uint32(s.Position))
	}
	if s.System > 0 {
		u.SystemIdentifier = fmt.Sprint(int64(s.System)) // as pg_control_system has it: signed
	}
	return u
}

func inSeconds(d time.Duration) *float64 {
	seconds := d.Seconds()
	return &seconds
}

// serversOf is an upstream of a pool.
type serversOf struct{ pool, upstream string }

// countServers adds the servers up, by upstream.
func countServers(s engine.Snapshot) map[serversOf]adminapi.UpstreamServers {
	counts := make(map[serversOf]adminapi.UpstreamServers)
	for i := range s.Pools {
		p := &s.Pools[i]
		for address, open := range p.Upstreams {
			of := serversOf{p.Pool, address}
			c := counts[of]
			counts[of] = adminapi.UpstreamServers{Open: c.Open + open, Active: c.Active + p.UpstreamsActive[address]}
		}
	}
	return counts
}
