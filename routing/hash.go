package routing

import "math"

// Hash sends equal keys to the same upstream: by rendezvous (Thaler and Ravishankar, 1998), where each key has its own order of all
// upstreams and takes the first that there is. If one goes, only its keys move, each to the next in its order; if it comes back,
// they return. Weights are kept (Schindelhain's logarithmic method): a key's number for a candidate is distributed exponentially,
// with the weight as its rate, and the least wins. A transaction without a key goes to anyone, as Random does.
type Hash struct {
	Source KeySource
	Name   string // of the comment or the setting
}

// KeyOf implements Keyed.
func (p *Hash) KeyOf() (source KeySource, name string) { return p.Source, p.Name }

// Select implements Policy.
func (p *Hash) Select(candidates []Candidate, r *Request) int {
	if r.Key == 0 {
		return Random{}.Select(candidates, r)
	}
	if alike(candidates) {
		return highest(candidates, mix(r.Key))
	}
	best, least, key := 0, math.Inf(1), mix(r.Key)
	for i := range candidates {
		if score := candidates[i].score(key, least); score < least {
			best, least = i, score
		}
	}
	return best
}

// highest is the candidate with the highest number. For equal weights it is also the one of the least score, and it needs no
// logarithm.
func highest(candidates []Candidate, key uint64) int {
	best, most := 0, uint64(0)
	for i := range candidates {
		if n := candidates[i].number(key); n > most {
			best, most = i, n
		}
	}
	return best
}

// number is of a mixed key and a candidate: evenly distributed, and different from those for other candidates.
func (c *Candidate) number(key uint64) uint64 { return mix(key ^ c.Hash) }

// score is less the higher the number is, and the higher the weight; infinite, if it is not less than least. The logarithm is most of
// what a selection costs, and is not needed where 1-x, which -log(x) is never less than, is too much already.
func (c *Candidate) score(key uint64, least float64) float64 {
	unit, weight := (float64(c.number(key)>>11)+0.5)/(1<<53), float64(c.Weight) // unit is more than 0, less than 1
	if 1-unit >= least*weight {
		return math.Inf(1)
	}
	return -math.Log(unit) / weight
}

// alike: all have the same weight.
func alike(candidates []Candidate) bool {
	for i := range candidates {
		if candidates[i].Weight != candidates[0].Weight {
			return false
		}
	}
	return true
}
