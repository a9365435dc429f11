package routing

import "math/bits"

// Random takes anyone, each as often as its weight says on average.
type Random struct{}

// Select implements Policy.
func (Random) Select(candidates []Candidate, r *Request) int {
	return at(candidates, below(r.Random, totalWeight(candidates)))
}

// below is a number below n for one that is evenly distributed over all of 64 bits.
func below(random, n uint64) uint64 {
	b, _ := bits.Mul64(random, n)
	return b
}

func totalWeight(candidates []Candidate) (total uint64) {
	for i := range candidates {
		total += uint64(candidates[i].Weight)
	}
	return total
}

// at is whose place it is in a row in which each candidate has as many as its weight says.
func at(candidates []Candidate, place uint64) int {
	for i := range candidates {
		w := uint64(candidates[i].Weight)
		if place < w {
			return i
		}
		place -= w
	}
	return 0
}
