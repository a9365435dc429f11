package routing

import "time"

// Report is what one probe of an upstream has found.
type Report struct {
	Address string
	// Failed says why there was no answer; empty: there was one.
	Failed string
	// RoleUnknown: the server answered, but would not tell (we may not log in, for example): it is up, and no more is known.
	RoleUnknown bool
	InRecovery  bool
	// Timeline is the one that a primary writes or a replica replays; 0: not known.
	Timeline uint32
	// System is the cluster's identifier; 0: not known.
	System uint64
	// Position is up to where a primary has written, or a replica replayed; 0: not known.
	Position LSN
	// Flushed is up to where a primary's log is on its disk, which is as far as replicas can be; 0: not known. What has been written
	// beyond it, by transactions that are open, may stay there for 15 seconds where nobody commits: so a replica's lag is by Flushed,
	// and only its freshness by Position.
	Flushed LSN
	// Mark was taken before a primary was asked for its Position; 0: none was.
	Mark uint64
	// Latency is how long the question and its answer took.
	Latency time.Duration
}

// Settings is what a Tracker goes by.
type Settings struct {
	// Passes is how many probes in a row must be answered before an upstream that was down is up again, Fails how many must fail
	// before one that was up is down. At least 1 each.
	Passes, Fails int
	// Interval is how often upstreams are probed. Not positive: they are not; roles are what is declared, or Unknown.
	Interval time.Duration
	// MaxLag is how late a replica may be. Not positive: as late as it likes.
	MaxLag time.Duration
	// SlowStart is how long an upstream that comes back gets less than its share. 0: not at all.
	SlowStart time.Duration
	// BreakerFails is how many connections in a row must fail to open the breaker, for BreakerOpen. Not positive: it never opens.
	BreakerFails int
	BreakerOpen  time.Duration
}

// Declared is an upstream as the configuration, or what discovers upstreams, says it is.
type Declared struct {
	Address string
	Role    Role
	Weight  int // at least 1
}
