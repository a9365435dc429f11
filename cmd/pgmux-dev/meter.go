package main

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// meter counts what clients meet.
type meter struct {
	// took counts transactions by duration, in eighths of a power of two of microseconds.
	took   [bucketCount]atomic.Uint64
	errors atomic.Uint64

	mu   sync.Mutex
	last string // error
}

// bucketCount covers durations to beyond an hour, each bucket an eighth of a power of two wide.
const bucketCount = 8 * 33

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 8))
	exponent := bits.Len64(us) - 1
	return min(8*exponent+int(us>>(exponent-3)&7), bucketCount-1)
}

// upperBound is the duration below which those of a bucket lie.
func upperBound(bucket int) time.Duration {
	exponent, eighth := bucket/8, bucket%8
	if exponent < 3 {
		return 8 * time.Microsecond
	}
	return time.Duration((uint64(8+eighth+1))<<(exponent-3)) * time.Microsecond
}

func (m *meter) add(d time.Duration) { m.took[bucketOf(d)].Add(1) }

// failed notes an error, unless it is the end.
func (m *meter) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	m.errors.Add(1)
	m.mu.Lock()
	m.last = err.Error()
	m.mu.Unlock()
}

func (m *meter) lastError() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// counts is a meter's buckets at an instant.
type counts [bucketCount]uint64

func (m *meter) read() *counts {
	var c counts
	for i := range m.took {
		c[i] = m.took[i].Load()
	}
	return &c
}

// since is what was counted after an earlier instant.
func (c *counts) since(before *counts) *counts {
	var d counts
	for i := range c {
		d[i] = c[i] - before[i]
	}
	return &d
}

func (c *counts) total() (n uint64) {
	for _, k := range c {
		n += k
	}
	return n
}

// quantile is the duration that a share of all stayed below.
func (c *counts) quantile(q float64) time.Duration {
	rank := uint64(q * float64(c.total()))
	var n uint64
	for i, k := range c {
		if n += k; n > rank {
			return upperBound(i)
		}
	}
	return 0
}
