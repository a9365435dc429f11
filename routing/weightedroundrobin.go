package routing

import (
	"math/bits"
	"sync/atomic"
)

// WeightedRoundRobin takes each as often as its weight says, and as evenly spread as it can. In a cycle of as many transactions as
// all weights together (divided by what divides all), each gets exactly its weight of them, wherever the cycle begins; if
// candidates come or go, a new cycle begins.
//
// Imagine a row of places, a candidate having as many as its weight says. Turns go through the row in strides that have no divisor in
// common with its length: so each place is visited once a cycle. What others do with a counter for each candidate and a lock, this
// does with one counter.
type WeightedRoundRobin struct {
	turn    atomic.Uint64
	strides [rememberedStrides]atomic.Uint64 // by the length: the length in the upper half, the stride in the lower
}

// rememberedStrides is how many are remembered. Candidates come and go while upstreams are full, so there are a few in use.
const rememberedStrides = 16

// Select implements Policy.
func (p *WeightedRoundRobin) Select(candidates []Candidate, _ *Request) int {
	unit := commonDivisor(candidates)
	places := totalWeight(candidates) / unit
	if places == 0 {
		return 0
	}
	turn := (p.turn.Add(1) - 1) % places
	over, place := bits.Mul64(turn, p.strideFor(places))
	return at(candidates, bits.Rem64(over, place, places)*unit)
}

// strideFor is the stride for a row of some places.
func (p *WeightedRoundRobin) strideFor(places uint64) uint64 {
	remembered := &p.strides[places%rememberedStrides]
	if last := remembered.Load(); last>>32 == places {
		return last & (1<<32 - 1)
	}
	stride := findStride(places)
	if places < 1<<32 {
		remembered.Store(places<<32 | stride)
	}
	return stride
}

// findStride looks for a stride that spreads turns evenly: those of any part of the row are off their share by no more than about the
// sum of the partial quotients of stride ÷ places (Niederreiter, Random Number Generation and Quasi-Monte Carlo Methods, 3.1). The
// golden ratio's are all 1, so it looks there, until it finds one whose sum is nearly as small, or has tried enough.
func findStride(places uint64) uint64 {
	const tries = 32
	best, least := uint64(1), places
	first := uint64(float64(places) * 0.6180339887498949)
	for stride := max(first, 1); stride < min(first+tries, places); stride++ {
		divisor, sum := euclid(stride, places)
		if divisor == 1 && sum < least {
			best, least = stride, sum
		}
		if least <= uint64(bits.Len64(places))*5/4 {
			break
		}
	}
	return best
}

// commonDivisor is the greatest number that divides all weights.
func commonDivisor(candidates []Candidate) uint64 {
	all := uint64(0)
	for i := range candidates {
		if all, _ = euclid(uint64(candidates[i].Weight), all); all == 1 {
			break
		}
	}
	return max(all, 1)
}

// euclid finds the greatest common divisor of two numbers, of 0 and a number the number, and the sum of the partial quotients of the
// first divided by the second.
func euclid(a, b uint64) (divisor, quotients uint64) {
	for b != 0 {
		quotients += a / b
		a, b = b, a%b
	}
	return a, quotients
}
