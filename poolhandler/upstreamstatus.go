package poolhandler

import (
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/routing"
)

// upstreamStatus is one upstream of one pool in the admin API. What is not known is absent.
type upstreamStatus struct {
	Pool    string `json:"pool"`
	Address string `json:"address"`
	// DeclaredRole is what the configuration says: primary, replica or auto; Role what it is now: primary, replica or unknown.
	DeclaredRole string `json:"declared_role"`
	Role         string `json:"role"`
	// Up: it gets new transactions. Why not is said in Why, and whether connections to it are tried in Breaker: closed (they are),
	// open, half-open.
	Up      bool   `json:"up"`
	Why     string `json:"why,omitempty"`
	Breaker string `json:"breaker"`
	// Weight is what is configured, EffectiveWeight what counts now: less while it slowly starts, 0 where it gets nothing.
	Weight          int     `json:"weight"`
	EffectiveWeight float64 `json:"effective_weight"`
	// LagSeconds is how late a replica is; TooLate, that this is more than max_replica_lag.
	LagSeconds *float64 `json:"lag_seconds,omitempty"`
	TooLate    bool     `json:"too_late,omitempty"`
	// LatencySeconds is how long the last probe took.
	LatencySeconds *float64 `json:"latency_seconds,omitempty"`
	// Timeline, Position (written by a primary, replayed by a replica) and SystemIdentifier are as Postgres has them.
	Timeline         uint32 `json:"timeline,omitempty"`
	Position         string `json:"position,omitempty"`
	SystemIdentifier string `json:"system_identifier,omitempty"`
	// Servers are the connections to it, over all databases and users of the pool.
	Servers upstreamServers `json:"servers"`
	// Since is when it came up or went down. Probes and Failures count since it was declared.
	Since    *time.Time `json:"since,omitempty"`
	Probes   uint64     `json:"probes"`
	Failures uint64     `json:"failures"`
}

// upstreamServers is servers open, and those of them that clients have.
type upstreamServers struct {
	Open   int `json:"open"`
	Active int `json:"active"`
}

// unknownRole is the role of an upstream that has not told it, or is not believed.
const unknownRole = "unknown"

// upstreams is every upstream of every pool in force, by pool, in the order in which they are declared.
func (p *process) upstreams(s engine.Snapshot) []upstreamStatus {
	all := []upstreamStatus{}
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

func newUpstreamStatus(s *routing.State) upstreamStatus {
	u := upstreamStatus{
		Address: s.Address, DeclaredRole: s.Declared.String(), Role: s.Role.String(),
		Up: s.Up, Why: s.Why, Breaker: s.Breaker.String(),
		EffectiveWeight: float64(s.Weight) / routing.WeightUnit,
		TooLate:         s.TooLate, Timeline: s.Timeline, Probes: s.Probes, Failures: s.Failures,
	}
	if s.Role == routing.Unknown {
		u.Role = unknownRole
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
func countServers(s engine.Snapshot) map[serversOf]upstreamServers {
	counts := make(map[serversOf]upstreamServers)
	for i := range s.Pools {
		p := &s.Pools[i]
		for address, open := range p.Upstreams {
			of := serversOf{p.Pool, address}
			c := counts[of]
			counts[of] = upstreamServers{c.Open + open, c.Active + p.UpstreamsActive[address]}
		}
	}
	return counts
}
