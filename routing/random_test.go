package routing

import (
	"math"
	"testing"
)

// checkShares fails where a share is off by more than four standard deviations of a binomial distribution.
func checkShares(t *testing.T, name string, list []Candidate, got []int) {
	t.Helper()
	n, all := 0, float64(totalWeight(list))
	for i := range got {
		n += got[i]
	}
	for i := range got {
		share := float64(list[i].Weight) / all
		want, deviation := float64(n)*share, math.Sqrt(float64(n)*share*(1-share))
		if math.Abs(float64(got[i])-want) > 4*deviation {
			t.Errorf("%s: %d got %d and not %.0f ± %.0f", name, i, got[i], want, 4*deviation)
		}
	}
}

func TestRandomFollowsWeights(t *testing.T) {
	list := weights(1, 2, 3, 10)
	checkShares(t, "random", list, count(Random{}, list, 100000))
	list[3].Weight /= 16 // slow start
	checkShares(t, "slow start", list, count(Random{}, list, 100000))
}

func TestLeastConnFollowsWeightsWhileNothingIsBusy(t *testing.T) {
	list := weights(1, 2, 3, 10)
	checkShares(t, "least_conn", list, count(LeastConn{}, list, 100000))
}

func TestLeastConnBalancesWhatRuns(t *testing.T) {
	next, list := requests(4), equal(5)
	for step := range 10000 {
		least, most := int32(math.MaxInt32), int32(0)
		list[LeastConn{}.Select(list, next())].Busy++
		for i := range list {
			least, most = min(least, list[i].Busy), max(most, list[i].Busy)
		}
		if most-least > 1 {
			t.Fatalf("step %d: between %d and %d run", step, least, most)
		}
	}
}

// TestLeastConnBalancesByWeight: what runs for each unit of weight differs by no more than one transaction would.
func TestLeastConnBalancesByWeight(t *testing.T) {
	next, w := requests(4), []int{1, 2, 5}
	list := weights(w...)
	for range 8000 {
		list[LeastConn{}.Select(list, next())].Busy++
	}
	for i, w := range w {
		if n := int(list[i].Busy); n < 1000*w-w || n > 1000*w+w {
			t.Errorf("%d of weight %d has %d", i, w, n)
		}
	}
}
