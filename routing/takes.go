package routing

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
