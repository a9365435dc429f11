package querycache

import (
	"math"
	"testing"
)

// A TTL is shortened by a tenth at most, and never lengthened.
func TestJitter(t *testing.T) {
	for _, ttl := range []int64{math.MinInt64, -1, 0, 1, 9, 10, 11, 1000, math.MaxInt64} {
		for _, random := range []uint64{0, 1, 2, 99, 100, 101, 1 << 40, math.MaxUint64} {
			if got := Jitter(ttl, random); got > ttl || ttl > 0 && got < ttl-ttl/10 || ttl <= 0 && got != ttl {
				t.Errorf("Jitter(%d, %d) is %d", ttl, random, got)
			}
		}
	}
	seen := map[int64]bool{}
	for random := range uint64(1000) {
		seen[Jitter(1000, random)] = true
	}
	if !seen[900] || !seen[1000] || len(seen) != 101 {
		t.Errorf("of a TTL of 1000, %d different ones are made", len(seen))
	}
}

// A use is counted up to the bound; from then on a hit changes nothing.
func TestUsesAreBounded(t *testing.T) {
	var e Entry
	for i := range uint32(maxUses + 2) {
		if got := e.uses.Load(); got != min(i, maxUses) {
			t.Errorf("after %d uses, %d are counted", i, got)
		}
		e.use()
	}
}
