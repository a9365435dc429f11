package engine

// Of several upstreams some may be full: no server is free there, and there may be no more. What is said here is of this moment; other
// shards take and give.

// leaveOutFull takes those out of the candidates that have no server to spare and may have no more, unless all are such. Then those go
// where not even another pool's server rests that would make room.
func (s *Shard) leaveOutFull(root *shardPool, v *view) {
	if !s.keepCandidates(root, v, func(p *shardPool, u *upstream) bool { return !p.isFull(u) }) {
		s.keepCandidates(root, v, (*shardPool).couldMakeRoom)
	}
}

// keepCandidates keeps those that are such, if there are any.
func (s *Shard) keepCandidates(root *shardPool, v *view, are func(p *shardPool, u *upstream) bool) bool {
	n := 0
	for k, i := range s.offered {
		if are(s.poolAt(root, v, i), v.upstreams[i]) {
			s.candidates[n], s.candidates[k] = s.candidates[k], s.candidates[n]
			s.offered[n], s.offered[k] = s.offered[k], s.offered[n]
			n++
		}
	}
	if n > 0 {
		s.candidates, s.offered = s.candidates[:n], s.offered[:n]
	}
	return n > 0
}

// isFull reports whether a pool has no server to spare, on whatever shard, and may have no more of its upstream.
func (p *shardPool) isFull(u *upstream) bool {
	return p.ledger.Idle() == 0 && p.ledger.Lender() < 0 && (p.hasItsSize() || isTaken(u))
}

// couldMakeRoom reports whether an upstream that has all the servers that it may have has some, of others, that nobody uses: more than
// those who wait there already will get. Who has those in use is not known: it may be this pool, and may be that not all of its own are.
func (p *shardPool) couldMakeRoom(u *upstream) bool {
	used := max(p.shared.shared.Size.Taken(), int(u.busy.Load()))
	return !p.hasItsSize() && u.servers.Taken()-used > p.shared.shared.Waiting()
}

// poolOf is the pool whose servers are of an upstream; nil if there is none yet.
func poolOf(root *shardPool, v *view, i int) *shardPool {
	if v.mode == routeSplit && v.upstreams[i].serves.Load()&servesRoot != 0 {
		return root
	}
	return root.branch(v.upstreams[i].address)
}

// hasItsSize reports whether a pool has as many servers as pool_size allows.
func (p *shardPool) hasItsSize() bool {
	size := &p.shared.shared.Size
	return size.Taken() >= size.Limit()
}

// isTaken reports whether an upstream has all the servers that it may have.
func isTaken(u *upstream) bool {
	limit := u.servers.Limit()
	return limit > 0 && u.servers.Taken() >= limit
}

// hasRoomAt is that for the pool of an upstream, of which this shard may have no part.
func hasRoomAt(root *shardPool, v *view, i int) bool {
	if p := poolOf(root, v, i); p != nil {
		return !p.isFull(v.upstreams[i])
	}
	return !isTaken(v.upstreams[i])
}
