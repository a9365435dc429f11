package adminapi

import "time"

// Upstream is one upstream of one pool. What is not known is absent.
type Upstream struct {
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
	Servers UpstreamServers `json:"servers"`
	// Since is when it came up or went down. Probes and Failures count since it was declared.
	Since    *time.Time `json:"since,omitempty"`
	Probes   uint64     `json:"probes"`
	Failures uint64     `json:"failures"`
}

// UpstreamServers is servers open, and those of them that clients have.
type UpstreamServers struct {
	Open   int `json:"open"`
	Active int `json:"active"`
}

// UnknownRole is the role of an upstream that has not told it, or is not believed.
const UnknownRole = "unknown"
