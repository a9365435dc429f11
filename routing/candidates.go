package routing

// Who may have a transaction.
//
//  1. Nobody who is down, has no weight, or whose circuit breaker is open.
//  2. A write: the primary. Where several are declared primary, any of them.
//  3. A read: a replica that is not too late and, if its session has written, has replayed that. `any`: or the primary.
//  4. As long as nothing is known of anybody's role, because nobody asks or nobody tells, those of unknown role stand for the
//     primary: see unknown.
//  5. Where pools do not tell reads from writes and there can be no primary, because all that are declared are replicas, or all
//     are found to be and none ever was anything else, transactions go to replicas, too late or not.
//  6. Otherwise the transaction waits. That there was a primary is remembered for this: another one will be promoted.
//
// All return indexes, in the order in which upstreams were declared, appended to dst; they do not allocate if dst has room.

// serves is rule 1.
func (s *State) serves() bool { return s.Up && s.Weight > 0 && s.Breaker != Open }

// reads is rule 3, for replicas; mark is 0 for a session that has written nothing.
func (s *State) reads(mark uint64) bool {
	return s.Role == Replica && s.serves() && !s.TooLate && (mark == 0 || s.Fresh > mark)
}

// ReadCandidates are those who may have a read of a session whose newest write has the mark (0: it has written nothing). Where
// there are none, wait tells that the read waits for one; otherwise it goes where writes go.
func (t *Topology) ReadCandidates(dst []int, mark uint64, prefer Reads) (candidates []int, wait bool) {
	if prefer == ReadsPrimary {
		return dst, false
	}
	n, target := len(dst), t.WriteTarget()
	for i := range t.Upstreams {
		s := &t.Upstreams[i]
		if s.reads(mark) || prefer == ReadsAny && s.serves() && (i == target || s.Role == Primary && mark == 0) {
			dst = append(dst, i)
		}
	}
	return dst, prefer == ReadsReplica && len(dst) == n
}

// WriteTarget is the upstream in whose queue writes wait; -1: none is known now. Its breaker may be open: then nobody waits.
func (t *Topology) WriteTarget() int {
	if t.Primary >= 0 || !t.unknown() {
		return t.Primary
	}
	for i := range t.Upstreams {
		if t.standsIn(&t.Upstreams[i]) {
			return i
		}
	}
	return -1
}

// TakesWrites reports whether an upstream may have connections for writes, whatever its circuit breaker says of new ones: rules 2
// and 4.
func (t *Topology) TakesWrites(i int) bool {
	s := &t.Upstreams[i]
	return s.Up && (i == t.Primary || s.Role == Primary || t.unknown() && t.standsIn(s))
}

// TakesTransactions is that for a pool that does not tell reads from writes: rules 2, 4 and 5.
func (t *Topology) TakesTransactions(i int) bool {
	s := &t.Upstreams[i]
	return t.TakesWrites(i) || s.Up && s.Role == Replica && t.replicasOnly()
}

// unknown is rule 4: nobody is, or claims to be, primary, and none of those that may turn out to be one has been found to be a
// replica. The latter would mean that roles can be found out.
func (t *Topology) unknown() bool {
	for i := range t.Upstreams {
		s := &t.Upstreams[i]
		if s.Role == Primary || s.Doubted || s.Role == Replica && s.Declared != Replica {
			return false
		}
	}
	return true
}

// standsIn: it is one of unknown role that may be the primary. Where roles are found out, one that has not been asked yet is
// awaited, unless it is the only one.
func (t *Topology) standsIn(s *State) bool {
	return s.Role == Unknown && s.Up && !s.Stranger && (!t.probed || s.Probes > 0 || len(t.Upstreams) == 1)
}

// replicasOnly is rule 5.
func (t *Topology) replicasOnly() bool {
	declared := true
	for i := range t.Upstreams {
		s := &t.Upstreams[i]
		if s.Role != Replica || s.Declared == Primary {
			return false
		}
		declared = declared && s.Declared == Replica
	}
	return declared || !t.hadPrimary
}
