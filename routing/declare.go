package routing

// Declare takes which upstreams there are, and what to go by: the configuration has changed, or what discovers upstreams has found
// others. What is known of those that stay is kept, unless they are declared as something else now.
func (t *Tracker) Declare(now int64, s Settings, list []Declared) (changed bool) {
	t.settings = s.sensible()
	upstreams := make([]upstream, len(list))
	for i, d := range list {
		upstreams[i] = t.declared(now, d)
	}
	t.upstreams = upstreams
	t.judge()
	return t.settle(now)
}

// declared is what is known of an upstream that is declared now.
func (t *Tracker) declared(now int64, d Declared) upstream {
	u := upstream{address: d.Address, declared: d.Role, health: health{since: now}}
	if known := t.known(d); known != nil {
		u = *known
	} else if d.Role == Primary {
		t.cluster = cluster{} // judge's rule 7
	}
	u.weight = d.Weight
	if !t.settings.probes() {
		u.unasked(now)
	}
	if t.settings.BreakerFails <= 0 {
		u.circuit = circuit{}
	}
	return u
}

// known is the upstream that has been declared in the same way before; nil: none has.
func (t *Tracker) known(d Declared) *upstream {
	for i := range t.upstreams {
		if u := &t.upstreams[i]; u.address == d.Address && u.declared == d.Role {
			return u
		}
	}
	return nil
}

// unasked forgets what probes have told: nobody would correct it any more.
func (u *upstream) unasked(now int64) {
	u.claim = claim{}
	if u.health.down {
		u.health.since = now
	}
	u.health = health{since: u.health.since}
}
