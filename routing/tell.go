package routing

// tell makes events of what differs between two topologies.
func (t *Tracker) tell(now int64, before, after *Topology) {
	for i := range after.Upstreams {
		s := &after.Upstreams[i]
		was := before.stateOf(s.Address)
		if was == nil {
			was = &State{Role: s.Declared, Up: true}
		}
		t.tellHealth(now, was, s)
		t.tellRole(now, was, s, after)
	}
	if a := after.Primary; a >= 0 && before.addressOf(before.Primary) != after.addressOf(a) {
		t.happened(now, EventPrimary, after.Upstreams[a].Address, "it is the primary: writes go there")
	}
}

func (t *Tracker) tellHealth(now int64, was, s *State) {
	switch {
	case was.Up && !s.Up:
		t.happened(now, EventDown, s.Address, "it is down: %s", s.Why)
	case !was.Up && s.Up:
		t.happened(now, EventUp, s.Address, "it is up again")
	}
	switch {
	case was.Breaker != Open && s.Breaker == Open:
		t.happened(now, EventBreakerOpened, s.Address, "its circuit breaker is open: connecting to it fails")
	case was.Breaker != Closed && s.Breaker == Closed:
		t.happened(now, EventBreakerClosed, s.Address, "its circuit breaker is closed: it can be connected to")
	}
}

func (t *Tracker) tellRole(now int64, was, s *State, after *Topology) {
	if was.Role != s.Role {
		t.happened(now, EventRole, s.Address, "its role is %s, and was %s", word(s.Role), word(was.Role))
	}
	if s.Doubted && !was.Doubted {
		t.happened(now, EventDoubted, s.Address, "it claims to be primary, and gets no writes: %s", t.doubt(s, after))
	}
	if s.Stranger && !was.Stranger {
		t.happened(now, EventStranger, s.Address, "its system identifier is %d, that of the primary's cluster is %d", s.System,
			t.cluster.system)
	}
}

// doubt is why a claim is not believed.
func (t *Tracker) doubt(s *State, after *Topology) string {
	switch {
	case s.Declared == Replica:
		return "it is declared a replica"
	case t.hasDeclared(Primary):
		return "another one is declared primary"
	case s.Stranger:
		return "it is of another cluster"
	case s.Timeline < t.cluster.newest:
		return "there is a newer timeline than its own"
	}
	return "so does " + after.addressOf(t.chosen)
}

// word is the role as it is said: what is auto when it is declared is unknown when it was to be found out.
func word(r Role) string {
	if r == Unknown {
		return "unknown"
	}
	return r.String()
}

// stateOf is the state of an address; nil: there is none.
func (t *Topology) stateOf(address string) *State {
	for i := range t.Upstreams {
		if t.Upstreams[i].Address == address {
			return &t.Upstreams[i]
		}
	}
	return nil
}

// addressOf is the address of an index; empty for that of nobody.
func (t *Topology) addressOf(i int) string {
	if i < 0 || i >= len(t.Upstreams) {
		return ""
	}
	return t.Upstreams[i].Address
}
