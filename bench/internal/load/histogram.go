package load

import "math/bits"

const (
	// subBits is the precision: a bucket is at most 1/2^subBits of its value wide, about 3 %.
	subBits = 5
	// buckets cover up to 2^40 ns, about 18 minutes.
	buckets = (40 - subBits + 1) << subBits
)

// Histogram counts durations in nanoseconds, in buckets whose width grows with the value.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
}

// Add counts n durations.
func (h *Histogram) Add(nanos int64, n uint64) {
	h.counts[bucket(uint64(max(nanos, 0)))] += n
	h.total += n
}

// Quantile is the duration in nanoseconds that a share q of all did not exceed; 0 if there were none.
func (h *Histogram) Quantile(q float64) int64 {
	want := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen > want || (seen == h.total && n > 0) {
			return upper(i)
		}
	}
	return 0
}

// Total is how many were counted.
func (h *Histogram) Total() uint64 { return h.total }

// bucket of a value: its position is its highest bit and the subBits bits after it.
func bucket(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return min((shift<<subBits)+int(v>>shift), buckets-1)
}

// upper is the largest value of a bucket.
func upper(i int) int64 {
	if i < 1<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	return int64(i&(1<<subBits-1)+1<<subBits+1)<<shift - 1
}
