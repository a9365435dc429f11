package routing

import "sync/atomic"

// RoundRobin takes one after the other. As long as the candidates stay the same, each gets the same number, or one more. Weights and
// slow start do not matter; see WeightedRoundRobin.
type RoundRobin struct{ turn atomic.Uint64 }

// Select implements Policy.
func (p *RoundRobin) Select(candidates []Candidate, _ *Request) int {
	return int((p.turn.Add(1) - 1) % uint64(len(candidates)))
}
