package routing

import (
	"math"
	"time"
)

// state is what is told of an upstream; primary is the index of the primary, or -1.
func (t *Tracker) state(now int64, i, primary int) State {
	u := &t.upstreams[i]
	s := State{
		Address: u.address, Declared: u.declared, Role: u.role, Doubted: u.doubted, Stranger: u.stranger,
		Up: !u.health.down, Why: u.health.why, Since: u.health.since, Breaker: u.circuit.state,
		Weight:   weightOf(u.weight, &u.health, now, &t.settings),
		Timeline: u.claim.timeline, Position: u.claim.position, System: u.claim.system,
		Latency: u.latency, Probes: u.probes, Failures: u.failures,
	}
	switch {
	case i == primary:
		s.Fresh = math.MaxUint64
	case u.role == Replica:
		s.Fresh = t.fresh(u, primary)
		s.Lag, s.HasLag = t.lag(now, u, primary)
		s.TooLate = t.tooLate(&s, primary)
	}
	return s
}

// tooLate: the lag is more than is allowed. Where it could be known and is not it may be any; without a primary nobody can tell,
// and reads go on.
func (t *Tracker) tooLate(s *State, primary int) bool {
	if t.settings.MaxLag <= 0 || primary < 0 || !t.settings.probes() {
		return false
	}
	return !s.HasLag || s.Lag > t.settings.MaxLag
}

// lag is how late a replica is, as far as is known.
func (t *Tracker) lag(now int64, u *upstream, primary int) (time.Duration, bool) {
	if primary < 0 || !t.comparable(u, primary) {
		return 0, false
	}
	lag, ok := t.flushed.lag(u.claim.position, now)
	return time.Duration(lag), ok
}
