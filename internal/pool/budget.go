package pool

import "sync/atomic"

// Budget is a hard limit shared by shards: what is taken never exceeds it, at any instant. The zero Budget has no
// limit.
type Budget struct {
	// out is how many permits are out and, in units of going, how many of them are going to be given back: one word, so that
	// both are of one instant.
	out   atomic.Int64
	limit atomic.Int64
}

// going is one permit in Budget.out that is going to be given back.
const going = 1 << 32

// SetLimit changes the limit; not positive means none. What is taken beyond a smaller limit is given back in time: see
// Over.
func (b *Budget) SetLimit(n int) { b.limit.Store(int64(n)) }

// Limit is the limit; not positive means none.
func (b *Budget) Limit() int { return int(b.limit.Load()) }

// Taken is how many permits are out.
func (b *Budget) Taken() int { return int(uint32(b.out.Load())) }

// Take takes a permit if there is one.
func (b *Budget) Take() bool {
	for {
		out, limit := b.out.Load(), b.limit.Load()
		if limit > 0 && int64(uint32(out)) >= limit {
			return false
		}
		if b.out.CompareAndSwap(out, out+1) {
			return true
		}
	}
}

// TakeBelow takes a permit if fewer than n are out, whatever the limit.
func (b *Budget) TakeBelow(n int) bool {
	for {
		out := b.out.Load()
		if int64(uint32(out)) >= int64(n) {
			return false
		}
		if b.out.CompareAndSwap(out, out+1) {
			return true
		}
	}
}

// Give gives a permit back.
func (b *Budget) Give() { b.lessen(1) }

// Going announces that a permit is going to be given back; Gone gives it back.
func (b *Budget) Going() { b.out.Add(going) }

// GoingAbove is Going if more than n stay.
func (b *Budget) GoingAbove(n int) bool {
	for {
		out := b.out.Load()
		if staying(out) <= int64(n) {
			return false
		}
		if b.out.CompareAndSwap(out, out+going) {
			return true
		}
	}
}

// Gone gives back a permit that was announced as Going.
func (b *Budget) Gone() { b.lessen(going + 1) }

func (b *Budget) lessen(by int64) {
	if int32(b.out.Add(-by)) < 0 {
		panic("bug: pool: a permit was given back that nobody had taken")
	}
}

// Leaving is how many permits are going to be given back soon.
func (b *Budget) Leaving() int { return int(b.out.Load() >> 32) }

// Staying is how many permits are out and not going to be given back soon.
func (b *Budget) Staying() int { return int(staying(b.out.Load())) }

func staying(out int64) int64 { return int64(uint32(out)) - out>>32 }

// Over reports whether more is taken than a limit that was lowered allows, without what is going to be given back.
func (b *Budget) Over() bool { return b.OverBy(0) }

// OverBy reports whether what stays is more than so many beyond the limit.
func (b *Budget) OverBy(n int) bool {
	limit := b.limit.Load()
	return limit > 0 && staying(b.out.Load()) > limit+int64(n)
}
