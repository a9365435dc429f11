package routing

// LeastConn takes the one where the fewest transactions run or wait for its weight. Of several such it takes anyone, each as often as
// its weight says: so while nothing is busy, weights and slow start still hold.
type LeastConn struct{}

// Select implements Policy.
func (LeastConn) Select(candidates []Candidate, r *Request) int {
	best, weight, random := 0, uint64(0), r.Random
	for i := range candidates {
		c := &candidates[i]
		switch c.compareBusy(&candidates[best]) {
		case -1:
			best, weight = i, uint64(c.Weight)
		case 0:
			weight += uint64(c.Weight)
			if below(random, weight) < uint64(c.Weight) { // so in the end each of them was, as often as its weight says
				best = i
			}
			random = mix(random + 1)
		}
	}
	return best
}

// compareBusy is -1 if c is less busy for its weight than d is, and 1 if it is more so.
func (c *Candidate) compareBusy(d *Candidate) int {
	mine, its := uint64(max(c.Busy, 0))*uint64(d.Weight), uint64(max(d.Busy, 0))*uint64(c.Weight)
	switch {
	case mine < its:
		return -1
	case mine > its:
		return 1
	}
	return 0
}
