package routing

import "cmp"

// Which writes a replica has replayed is concluded from samples: positions that the primary had written up to, each under a mark.
//
//  1. Samples are of one primary on one timeline. When another one is believed, or none because the last one says that it is none,
//     they are forgotten, and no replica is fresh until it has replayed one of the new. While the primary is down they stay: what
//     a replica has replayed of it remains true, and reads go on.
//  2. A replica is compared with them only if its timeline is theirs and its cluster is. Where its timeline is not known, it is as
//     long as the primary is up; after that it may follow another one, whose positions mean something else.
//  3. A replica is as fresh as the newest mark whose position it has replayed.
//  4. Its lag is the age of the oldest position that the primary had flushed, and it has not replayed. What the primary has written and
//     not flushed no replica can have: where nobody commits, that may be so for many seconds.
//  5. A replica that says it is none, or that has not said up to where it has replayed since something failed, is neither.
//  6. One that cannot be compared any more, because the primary is down and its own timeline is not known, remains as fresh as it was
//     found to be last, until something fails or it is at an earlier position: what it has replayed, it has.

// sampled remembers the position that a report tells of, if it is of the primary.
func (t *Tracker) sampled(now int64, r *Report) {
	primary := t.primary()
	if primary < 0 || r.Failed != "" || r.Mark == 0 || r.Position == 0 {
		return
	}
	if u := &t.upstreams[primary]; u.address == r.Address && u.claim.role == Primary {
		asked := now - int64(max(r.Latency, 0))
		t.samples.add(sample{mark: r.Mark, position: r.Position, at: asked})
		t.flushed.add(sample{mark: r.Mark, position: cmp.Or(r.Flushed, r.Position), at: asked})
	}
}

// fresh is the newest mark whose position a replica has replayed.
func (t *Tracker) fresh(u *upstream, primary int) uint64 {
	if t.comparable(u, primary) {
		u.proof = proof{fresh: t.samples.fresh(u.claim.position), position: u.claim.position, of: t.samples.source}
		return u.proof.fresh
	}
	if u.remains(t.samples.source) {
		return u.proof.fresh
	}
	return 0
}

// proof is how fresh a replica was found to be, when it had replayed up to a position, by samples of a source.
type proof struct {
	fresh    uint64
	position LSN
	of       source
}

// remains reports whether a replica is still as fresh as it was found to be last: rule 6.
func (u *upstream) remains(of source) bool {
	return u.proof.of == of && u.claim.role == Replica && !u.stranger && u.claim.position != 0 && u.claim.position >= u.proof.position
}

// comparable: the replica's position can be compared with the samples.
func (t *Tracker) comparable(u *upstream, primary int) bool {
	of := t.samples.source
	if u.claim.role != Replica || u.claim.position == 0 || u.stranger {
		return false
	}
	if u.claim.timeline == 0 || of.timeline == 0 {
		return primary >= 0
	}
	return u.claim.timeline == of.timeline
}
