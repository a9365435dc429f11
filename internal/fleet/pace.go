package fleet

import "time"

// Pace is how patient the members of a fleet are with each other: all of one fleet should have the same.
type Pace struct {
	// Heartbeat is how often a member writes a record at least, and asks the store for its generation; 0: 1s.
	Heartbeat time.Duration
	// Patience is how long it may take to read back what was written; 0: 2s.
	Patience time.Duration
	// Lease is how long a member may be silent; 0: 5s. It is more than Heartbeat and Patience together: who is silent for longer than
	// those serves nothing any more.
	Lease time.Duration
	// Quarantine is how long the whole database counts as being changed when a member is silent; 0: 1m, as long as a change counts whose
	// server was lost.
	Quarantine time.Duration
	// MinPause and MaxPause bound the pause before it is tried again to join, which doubles while that fails; 0: 250ms and 10s.
	MinPause, MaxPause time.Duration
}

const (
	usualHeartbeat  = time.Second
	usualPatience   = 2 * time.Second
	usualLease      = 5 * time.Second
	usualQuarantine = time.Minute
	usualMinPause   = 250 * time.Millisecond
	usualMaxPause   = 10 * time.Second
)

// filled is a Pace with defaults where there is nothing.
func (p Pace) filled() Pace {
	for _, f := range []struct {
		field *time.Duration
		usual time.Duration
	}{
		{&p.Heartbeat, usualHeartbeat}, {&p.Patience, usualPatience}, {&p.Lease, usualLease}, {&p.Quarantine, usualQuarantine},
		{&p.MinPause, usualMinPause}, {&p.MaxPause, usualMaxPause},
	} {
		if *f.field <= 0 {
			*f.field = f.usual
		}
	}
	return p
}

// settle is how long it takes at most until everybody who is in touch has heard a record and said something behind it.
func (p *Pace) settle() time.Duration { return p.Heartbeat + p.Patience }
