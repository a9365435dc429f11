package routing

// judge makes roles of claims.
//
//  1. One that is declared `role primary` is Primary, unless it says that it is in recovery: then it is a Replica. Its timeline does
//     not matter, and there may be several: an operator says so. Where one is declared so, no `auto` is believed to be one.
//  2. One that is declared `role replica` is a Replica, even if it claims to be primary. Then it is doubted, and not fresh.
//  3. One that is `auto` is a Replica if it says that it is in recovery; if it is of another cluster than the primary, it is Unknown.
//  4. One that is `auto` and claims to be primary is believed if it is of the same cluster and no newer timeline is known of. All
//     that were ever told of count, so an old primary that returns is not believed even if the new one is not there.
//  5. Of several that are to be believed, one is: the one that was primary last, if it is up; or else the first that is up.
//  6. A claim that is not believed makes it Unknown and doubted: it gets neither reads nor writes.
//  7. What is remembered, the cluster and its newest timeline, is forgotten when an upstream is declared primary that was not.
//
// One report is enough for each of this: rising and falling is about being up, not about being the primary.
func (t *Tracker) judge() {
	t.identify()
	t.learn()
	t.chosen = t.choose()
	for i := range t.upstreams {
		u := &t.upstreams[i]
		u.stranger = t.cluster.strange(u)
		u.role, u.doubted = t.roleOf(u, i == t.chosen)
	}
	t.samples.from(t.source())
	t.flushed.from(t.source())
}

// primary is the index of the one that is believed, if it is up; else -1.
func (t *Tracker) primary() int {
	if t.chosen < 0 || t.upstreams[t.chosen].health.down {
		return -1
	}
	return t.chosen
}

// source is whose positions can be compared now.
func (t *Tracker) source() source {
	if t.chosen < 0 {
		return source{}
	}
	u := &t.upstreams[t.chosen]
	return source{address: u.address, timeline: u.claim.timeline, system: u.claim.system}
}

// roleOf is what an upstream is, and whether its claim is doubted; chosen: it is the one that is believed.
func (t *Tracker) roleOf(u *upstream, chosen bool) (role Role, doubted bool) {
	switch {
	case u.declared == Replica:
		return Replica, u.claim.role == Primary
	case u.declared == Primary && u.claim.role != Replica:
		return Primary, false
	case u.claim.role == Replica && u.stranger:
		return Unknown, false
	case u.claim.role == Replica:
		return Replica, false
	case u.claim.role == Primary && !chosen:
		return Unknown, true
	}
	return u.claim.role, false
}

// choose finds whom to believe: the index of the one that is declared primary and up, or of the `auto` whose claim is best; -1: none.
func (t *Tracker) choose() int {
	if t.hasDeclared(Primary) {
		return t.chooseDeclared()
	}
	best := -1
	for i := range t.upstreams {
		u := &t.upstreams[i]
		if u.declared != Unknown || u.claim.role != Primary || t.cluster.strange(u) || u.claim.timeline < t.cluster.newest {
			continue
		}
		if best < 0 || t.rank(u) > t.rank(&t.upstreams[best]) {
			best = i
		}
	}
	if best >= 0 {
		t.cluster.sitting = t.upstreams[best].address
	}
	return best
}

// rank orders claims that are all to be believed.
func (t *Tracker) rank(u *upstream) (r int) {
	if !u.health.down {
		r += 2
	}
	if u.address == t.cluster.sitting {
		r++
	}
	return r
}

// chooseDeclared is the first of the declared primaries that is up, or, if none is, the one that was chosen last, or the first.
func (t *Tracker) chooseDeclared() int {
	other := -1
	for i := range t.upstreams {
		u := &t.upstreams[i]
		switch {
		case u.declared != Primary || u.claim.role == Replica:
		case !u.health.down:
			t.cluster.sitting = u.address
			return i
		case other < 0 || u.address == t.cluster.sitting:
			other = i
		}
	}
	return other
}

func (t *Tracker) hasDeclared(r Role) bool {
	for i := range t.upstreams {
		if t.upstreams[i].declared == r {
			return true
		}
	}
	return false
}
