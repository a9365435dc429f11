package pool

import "sync/atomic"

// Budget is a hard limit shared by shards: what is taken never exceeds it, at any instant. The zero Budget has no
// limit.
type Budget struct{ taken, limit, going atomic.Int64 }

// SetLimit changes the limit; not positive means none. What is taken beyond a smaller limit is given back in time: see
// Over.
func (b *Budget) SetLimit(n int) { b.limit.Store(int64(n)) }

// Limit is the limit; not positive means none.
func (b *Budget) Limit() int { return int(b.limit.Load()) }

// Taken is how many permits are out.
func (b *Budget) Taken() int { return int(b.taken.Load()) }

// Take takes a permit if there is one.
func (b *Budget) Take() bool {
	for {
		n, limit := b.taken.Load(), b.limit.Load()
		if limit > 0 && n >= limit {
			return false
		}
		if b.taken.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Give gives a permit back.
func (b *Budget) Give() {
	if b.taken.Add(-1) < 0 {
		panic("bug: pool: a permit was given back that nobody had taken")
	}
}

// Going announces that a permit is going to be given back; Gone gives it back.
func (b *Budget) Going() { b.going.Add(1) }

// Gone gives back a permit that was announced as Going.
func (b *Budget) Gone() {
	b.going.Add(-1)
	b.Give()
}

// Leaving is how many permits are going to be given back soon.
func (b *Budget) Leaving() int { return int(b.going.Load()) }

// Over reports whether more is taken than a limit that was lowered allows, without what is going to be given back.
func (b *Budget) Over() bool {
	limit := b.limit.Load()
	return limit > 0 && b.taken.Load()-b.going.Load() > limit
}
