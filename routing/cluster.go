package routing

// cluster is what is remembered of all upstreams together, beyond what they say now.
type cluster struct {
	// system is the identifier of the cluster whose primary is believed; 0: not known.
	system uint64
	// newest is the newest timeline of it that anybody has told of.
	newest uint32
	// sitting is the address of the primary that was believed last; empty: none was.
	sitting string
}

// strange: the upstream says that it is of another cluster.
func (c *cluster) strange(u *upstream) bool {
	return c.system != 0 && u.claim.system != 0 && u.claim.system != c.system
}

// ours: the upstream's timeline counts among those of the cluster.
func (c *cluster) ours(u *upstream) bool { return u.claim.system == c.system || u.claim.system == 0 }

// identify finds out which cluster it is about: that of the first claim to be primary that tells. Timelines of different clusters
// have nothing to do with each other, so the newest is forgotten with it. It becomes another one only in two cases:
//
//   - the primary itself says so: behind its address there is a new cluster, of a new major version for instance;
//   - nobody of the old one is left among those that are declared.
func (t *Tracker) identify() {
	c, left := &t.cluster, false
	for i := range t.upstreams {
		u := &t.upstreams[i]
		left = left || c.system != 0 && u.claim.system == c.system
		if u.address == c.sitting && u.claim.role == Primary && c.strange(u) {
			c.system, c.newest = u.claim.system, 0
			return
		}
	}
	if left {
		return
	}
	for i := range t.upstreams {
		if u := &t.upstreams[i]; u.declared != Replica && u.claim.role == Primary && u.claim.system != 0 {
			c.adopt(u.claim.system)
			return
		}
	}
}

// adopt begins with another cluster, or with knowing which one it is.
func (c *cluster) adopt(system uint64) {
	if c.system != 0 {
		c.newest = 0
	}
	c.system = system
}

// learn remembers the newest timeline that is told of. A replica's counts, too: whoever follows a newer one knows of a primary
// that we have not heard of yet, and the old one must not be written to until we have.
func (t *Tracker) learn() {
	for i := range t.upstreams {
		u := &t.upstreams[i]
		if u.declared != Replica && u.claim.role == Primary || u.claim.role == Replica {
			if t.cluster.ours(u) {
				t.cluster.newest = max(t.cluster.newest, u.claim.timeline)
			}
		}
	}
}
