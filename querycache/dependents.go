package querycache

import "slices"

// dependents is how many entries of a cache depend on each table; of the cache's writers. It is kept as entries come and go, so that who wants
// to know need not go through all of them. A table that none depends on is not in it: it keeps no ledger that has been forgotten.
type dependents map[*Table]int

func (d dependents) add(e *Evidence) {
	for _, t := range e.tables {
		d[t]++
	}
}

func (d dependents) remove(e *Evidence) {
	for _, t := range e.tables {
		switch n := d[t]; n {
		case 0:
			panic("bug: querycache: an entry goes that depends on a table on which none does")
		case 1:
			delete(d, t)
		default:
			d[t] = n - 1
		}
	}
}

// countedAtOnce bounds for how many tables writers wait: some ten microseconds.
const countedAtOnce = 256

// Dependents is how many entries depend on each of these tables, in their order. Others write in between, after each countedAtOnce of them. It
// takes a time for each table, however many entries there are.
func (c *Cache) Dependents(tables []*Table) []int {
	counts := make([]int, 0, len(tables))
	for some := range slices.Chunk(tables, countedAtOnce) {
		c.mu.Lock()
		for _, t := range some {
			counts = append(counts, c.dependents[t])
		}
		c.mu.Unlock()
	}
	return counts
}
