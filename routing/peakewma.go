package routing

// PeakEWMA takes the better one of two that it draws at random: the one with less latency × (busy + 1) ÷ weight. Latency is as
// Latency tells it, so an upstream that becomes slow is avoided from its first slow query on. To compare two only is nearly as good
// as to compare all (Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001), and does not send everybody
// to the one that seems best at the moment.
type PeakEWMA struct{}

// unmeasured is the latency, in nanoseconds, of an upstream of which none is known while something runs there.
const unmeasured = 1e9

// Select implements Policy.
func (PeakEWMA) Select(candidates []Candidate, r *Request) int {
	n := uint64(len(candidates))
	if n < 2 {
		return 0
	}
	one := below(r.Random, n)
	two := (one + 1 + below(mix(r.Random), n-1)) % n
	if candidates[two].cost() < candidates[one].cost() {
		return int(two)
	}
	return int(one)
}

// cost is what it costs to go there. One of which no latency is known is tried at once, but by one transaction only until it is.
func (c *Candidate) cost() float64 {
	latency := float64(c.Latency)
	if c.Latency <= 0 && c.Busy > 0 {
		latency = unmeasured
	}
	return latency * float64(max(c.Busy, 0)+1) / float64(max(c.Weight, 1))
}
