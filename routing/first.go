package routing

// First takes the first that is offered, in the order in which they were declared: the next one gets something only while those
// before it are down or full. Weights and slow start do not matter.
type First struct{}

// Select implements Policy.
func (First) Select([]Candidate, *Request) int { return 0 }
