package sim

// What happens to the servers of a cluster: they are lost and come back, and another one becomes the primary, in an orderly manner or not.
// Each event sees to it that all is well again a while later.

// upset lets something happen.
func (r *Run) upset() {
	if r.reckoning || r.draining {
		return
	}
	c := r.cluster
	n := c.nodes[r.random.IntN(len(c.nodes))]
	switch {
	case n.up.down || n.primary && n != c.newest(): // something is happening to it already
	case !n.primary:
		r.Note("%s is lost", n.up.address)
		n.falls()
		r.later(60*Millisecond, n.returns)
	case r.declaresRoles():
		r.Note("%s, the primary, is lost", n.up.address)
		n.falls()
		r.later(30*Millisecond, n.returns)
	default:
		r.replace(n)
	}
}

// replace has another server become the primary: with what the present one has written, or without some of that; the present one is
// gone by then, or not yet.
func (r *Run) replace(old *node) {
	orderly := r.Chance(0.4)
	r.Note("%s, the primary, is to be replaced, orderly %v", old.up.address, orderly)
	if orderly || r.Chance(0.7) {
		old.falls()
	}
	r.later(20*Millisecond, func() {
		next := r.successor(old)
		if next == nil || orderly && len(next.log) < len(old.log) {
			old.returns() // as what it was
			return
		}
		r.promote(next)
		if old.up.down && r.Chance(0.3) {
			r.later(20*Millisecond, old.returns) // and says that it is what it was
		}
		r.later(60*Millisecond, old.follows)
	})
}

// successor is a replica that is there.
func (r *Run) successor(old *node) *node {
	for _, i := range r.random.Perm(len(r.cluster.nodes)) {
		if n := r.cluster.nodes[i]; n != old && !n.primary && !n.up.down {
			return n
		}
	}
	return nil
}

// later does something at any time until then.
func (r *Run) later(most int64, what func()) {
	r.cluster.ahead++
	r.After(r.random.Int64N(most), func() {
		r.cluster.ahead--
		what()
	})
}

// isWell reports whether nothing is going to happen to the servers any more.
func (c *cluster) isWell() bool { return c == nil || c.ahead == 0 }

// declaresRoles reports whether any pool does, so that no other server is believed to be the primary.
func (r *Run) declaresRoles() bool {
	for _, d := range r.declared {
		if d.config.Upstreams[0].Role != 0 {
			return true
		}
	}
	return false
}

// promote makes a replica the primary of a new timeline. Who is ahead of it has to begin anew.
func (r *Run) promote(n *node) {
	c := r.cluster
	c.timeline++
	r.Note("%s becomes the primary, timeline %d, with %d entries", n.up.address, c.timeline, len(n.log))
	n.primary, n.timeline = true, c.timeline
	n.log = append(n.log[:len(n.log):len(n.log)], "")
	for _, b := range r.backends {
		if b.up == n.up {
			b.session.promoted()
		}
	}
	for _, other := range c.nodes {
		if !other.primary && len(other.log) >= len(n.log) {
			r.later(60*Millisecond, other.follows)
		}
	}
	c.stream()
}

// promoted: its server is a replica no longer, whatever is rolled back.
func (s *Session) promoted() {
	all := []map[string]string{s.initial, s.now.settings}
	if s.saved != nil {
		all = append(all, s.saved.settings)
	}
	for _, m := range s.marks {
		all = append(all, m.state.settings)
	}
	for _, settings := range all {
		settings["in_hot_standby"] = "off"
	}
}

// falls: the server is gone, with all its connections.
func (n *node) falls() {
	n.up.down = true
	n.endConnections()
}

func (n *node) endConnections() {
	for _, b := range n.cluster.w.living() {
		if b.up == n.up {
			b.die()
		}
	}
}

// returns: it is back, as what it was.
func (n *node) returns() {
	n.cluster.w.Note("%s is back", n.up.address)
	n.up.down = false
	n.cluster.stream()
}

// follows: it begins anew, as a replica of the primary, with what it has in common with that.
func (n *node) follows() {
	newest := n.cluster.newest()
	if n == newest {
		return
	}
	n.cluster.w.Note("%s follows %s", n.up.address, newest.up.address)
	n.endConnections()
	same := 0
	for same < min(len(n.log), len(newest.log)) && n.log[same] == newest.log[same] {
		same++
	}
	n.primary, n.timeline, n.log, n.up.down = false, newest.timeline, newest.log[:same:same], false
	n.cluster.stream()
}
