package engine

import "math/bits"

// spread counts durations in so few buckets that each form of query can have its own, and so narrow ones that a percentile of them is
// worth something: two to a doubling, from 16 µs to 69 s. The first bucket is for all that is shorter, the last for all that is longer.
type spread [spreadBuckets]uint64

const (
	spreadBuckets = 2*(spreadLongest-spreadShortest) + 2
	// spreadShortest and spreadLongest are powers of two, of nanoseconds: where the second bucket begins, and the last.
	spreadShortest, spreadLongest = 14, 36
)

// spreadBucket is the bucket of a duration in nanoseconds.
func spreadBucket(d int64) int {
	if d < 1<<spreadShortest {
		return 0
	}
	log := bits.Len64(uint64(d)) - 1
	upperHalf := int(d >> (log - 1) & 1)
	return min(2*(log-spreadShortest)+upperHalf+1, spreadBuckets-1)
}

// spreadFrom is the shortest duration of a bucket.
func spreadFrom(bucket int) int64 {
	if bucket == 0 {
		return 0
	}
	log := (bucket-1)/2 + spreadShortest
	return 1<<log + int64((bucket-1)%2)<<(log-1)
}

func (s *spread) add(other *spread) {
	for i, n := range other {
		s[i] += n
	}
}

// p99 is the duration that 99 of 100 do not exceed, given the longest of all: exact to the bucket, which is off by half at most, and inside
// that as if all were spread evenly.
func (s *spread) p99(longest int64) int64 {
	var all uint64
	for _, n := range s {
		all += n
	}
	rank := all - all/100 // of the duration that is looked for
	for i, n := range s {
		if rank > n {
			rank -= n
			continue
		}
		if n == 0 {
			break // there are none at all
		}
		from, to := spreadFrom(i), longest
		if i < spreadBuckets-1 {
			to = min(spreadFrom(i+1), longest)
		}
		return from + int64(float64(max(to-from, 0))*float64(rank)/float64(n))
	}
	return 0
}
