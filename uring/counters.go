//go:build linux

package uring

import "sync/atomic"

// counters are the loop's own; once a turn they are shown to whoever asks.
type counters struct {
	submitted, completions, rearms, starved, short, blocked uint64

	shown [7]atomic.Uint64
}

func (c *counters) publish(enters uint64) {
	for i, v := range [...]uint64{enters, c.blocked, c.submitted, c.completions, c.rearms, c.starved, c.short} {
		if c.shown[i].Load() != v {
			c.shown[i].Store(v)
		}
	}
}

// Stats returns what the driver has done up to its last turn. Any goroutine may ask.
func (d *Driver) Stats() Stats {
	s := &d.count.shown
	return Stats{
		Enters: s[0].Load(), Blocked: s[1].Load(),
		Submitted: s[2].Load(), Completions: s[3].Load(),
		Rearms: s[4].Load(), Starved: s[5].Load(), ShortSends: s[6].Load(),
	}
}
