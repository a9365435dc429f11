package routing

import (
	"math"
	"sync/atomic"
	"time"
)

// LatencyDecay is the time constant of Latency: what was measured this long ago counts 1/e, what was measured twice as long ago
// 1/e². It is Finagle's choice for its policy of the same name.
const LatencyDecay = 10 * time.Second

// Latency is how long queries have taken lately, where peaks count more than what is better: a sample above the average is the
// average from then on, one below it moves it down slowly. With nothing measured it decays to nothing, so that an upstream that was
// slow, and hence is avoided, is tried again.
//
// The zero Latency has measured nothing. It is safe for use by several goroutines at once.
type Latency struct {
	// word is the average in nanoseconds, as a float32, in its upper half; in its lower half when it was changed, in ticks.
	word atomic.Uint64
}

// tickShift makes ticks of nanoseconds: of 17 ms each. A difference of ticks in 32 bits holds more than a year. Of the samples
// that are not peaks, the first of each tick counts, and it counts for the whole tick: so most cost one load.
const tickShift = 24

// Observe counts a sample; now and sample are nanoseconds.
func (l *Latency) Observe(now, sample int64) {
	fresh := float64(max(sample, 1))
	for {
		word := l.word.Load()
		average, elapsed := unpack(word, now)
		if fresh <= average && elapsed == 0 {
			return
		}
		if fresh < average {
			fresh = average*decay(elapsed) + fresh*(1-decay(elapsed))
		}
		if l.word.CompareAndSwap(word, pack(fresh, now)) {
			return
		}
		fresh = float64(max(sample, 1))
	}
}

// Value is the latency now, in nanoseconds; 0: nothing was measured, or too long ago to count.
func (l *Latency) Value(now int64) int64 {
	average, elapsed := unpack(l.word.Load(), now)
	if elapsed == 0 {
		return int64(average)
	}
	return int64(average * decay(elapsed))
}

// decay is how much an average counts after some ticks.
func decay(ticks int64) float64 { return math.Exp(-float64(ticks<<tickShift) / float64(LatencyDecay)) }

func pack(average float64, now int64) uint64 {
	return uint64(math.Float32bits(float32(average)))<<32 | uint64(uint32(now>>tickShift))
}

// unpack is an average and how many ticks ago it was changed.
func unpack(word uint64, now int64) (average float64, elapsed int64) {
	elapsed = int64(int32(uint32(now>>tickShift) - uint32(word)))
	return float64(math.Float32frombits(uint32(word >> 32))), max(elapsed, 0)
}
