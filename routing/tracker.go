package routing

import "slices"

// Tracker makes a Topology of what is found out about the upstreams of a pool.
//
//	Declare   ─▶ ┌──────────┐
//	Probed    ─▶ │ health   │ up or down          health.go
//	Failed    ─▶ │ circuit  │ may it be dialed    breaker.go     ─▶ Topology, a new one if anything differs
//	Ended     ─▶ │ judge    │ who is primary      judge.go       ─▶ Events, what differs in words
//	Succeeded ─▶ │ samples  │ who has what        freshness.go
//	Tick      ─▶ └──────────┘
//
// All times are nanoseconds of one clock, whichever; one that is a little before the last does no harm. It is not safe for use by
// several goroutines at once; what Topology returns is. Methods that return changed tell whether where transactions go may have changed;
// numbers that are for people only do not count.
type Tracker struct {
	settings  Settings
	upstreams []upstream // as declared
	cluster   cluster
	chosen    int     // of the upstreams, who is believed to be primary, up or not; -1: nobody
	samples   samples // of what it has written
	flushed   samples // of what it has flushed

	topology *Topology
	scratch  []State
	events   []Event
}

// NewTracker is one of no upstreams.
func NewTracker(s Settings) *Tracker {
	return &Tracker{settings: s.sensible(), chosen: -1, topology: &Topology{Primary: -1}}
}

// Probed takes a probe's result. One of an address that is not declared is ignored, and any if Interval says that none are made.
func (t *Tracker) Probed(now int64, r Report) (changed bool) {
	if !t.settings.probes() {
		return false
	}
	for u := range t.named(r.Address) {
		u.heard(now, &r, &t.settings)
	}
	t.judge()
	t.sampled(now, &r)
	return t.settle(now)
}

// Failed takes a dial that has failed.
func (t *Tracker) Failed(now int64, address string) (changed bool) {
	for u := range t.named(address) {
		u.shaken()
		u.health.refused(now, &t.settings)
		u.circuit.failed(now, &t.settings)
	}
	return t.settle(now)
}

// Ended takes that a server has ended a connection because it goes away, with 57P01, 57P02 or 57P03 or without a word. The breaker
// does not mind: whether it can be dialed is another question.
func (t *Tracker) Ended(now int64, address string) (changed bool) {
	for u := range t.named(address) {
		u.shaken()
		u.health.leaves(now, &t.settings)
	}
	return t.settle(now)
}

// Succeeded takes a connection that was made. It costs next to nothing where nothing had failed.
func (t *Tracker) Succeeded(now int64, address string) (changed bool) {
	for u := range t.named(address) {
		u.health.connected()
		changed = changed || u.circuit.state != Closed
		u.circuit.succeeded()
	}
	return changed && t.settle(now)
}

// Admit tells whether a dial may be tried now. Whoever is told yes tells what came of it: Failed or Succeeded.
func (t *Tracker) Admit(now int64, address string) bool {
	admitted := false
	for u := range t.named(address) {
		admitted = u.circuit.admit(now, &t.settings) || admitted
	}
	t.settle(now)
	return admitted
}

// Tick lets time pass: breakers become half open, upstreams that have come back get more, lags grow.
func (t *Tracker) Tick(now int64) (changed bool) { return t.settle(now) }

// Topology is what is known now. It is immutable, and the same one as long as nothing differs.
func (t *Tracker) Topology(now int64) *Topology {
	t.settle(now)
	return t.topology
}

// named yields the upstreams of an address: one, unless it was declared twice.
func (t *Tracker) named(address string) func(func(*upstream) bool) {
	return func(yield func(*upstream) bool) {
		for i := range t.upstreams {
			if t.upstreams[i].address == address && !yield(&t.upstreams[i]) {
				return
			}
		}
	}
}

// settle makes a new Topology if anything differs from the last one.
func (t *Tracker) settle(now int64) (changed bool) {
	for i := range t.upstreams {
		t.upstreams[i].circuit.tick(now)
	}
	t.judge()
	before, primary := t.topology, t.primary()
	t.scratch = t.scratch[:0]
	for i := range t.upstreams {
		t.scratch = append(t.scratch, t.state(now, i, primary))
	}
	probed, had := t.settings.probes(), t.cluster.sitting != ""
	same := before.Primary == primary && before.probed == probed && before.hadPrimary == had
	if same && slices.Equal(t.scratch, before.Upstreams) {
		return false
	}
	t.topology = &Topology{Upstreams: slices.Clone(t.scratch), Primary: primary, probed: probed, hadPrimary: had}
	t.tell(now, before, t.topology)
	return !same || !slices.EqualFunc(before.Upstreams, t.scratch, steersAlike)
}

// steersAlike: transactions go by the same, whatever else is told of them.
func steersAlike(a, b State) bool { return steering(a) == steering(b) }

// steering is what transactions go by.
func steering(s State) State {
	return State{
		Address: s.Address, Declared: s.Declared, Role: s.Role, Doubted: s.Doubted, Stranger: s.Stranger, Up: s.Up,
		Breaker: s.Breaker, Weight: s.Weight, Fresh: s.Fresh, TooLate: s.TooLate, Probes: min(s.Probes, 1),
	}
}
