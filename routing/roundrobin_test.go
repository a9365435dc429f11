package routing

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRoundRobinGivesEachTheSameOrOneMore(t *testing.T) {
	for n := 1; n <= 7; n++ {
		var p RoundRobin
		for round := range 50 {
			got := count(&p, equal(n), 10+round)
			if slices.Max(got)-slices.Min(got) > 1 {
				t.Errorf("of %d candidates: %v", n, got)
			}
		}
	}
}

func TestFirstIsFirst(t *testing.T) {
	if got := count(First{}, weights(1, 100, 100), 10); got[0] != 10 {
		t.Error(got)
	}
}

// TestWeightedRoundRobinIsExact: in each cycle, wherever it begins, and when candidates have come or gone.
func TestWeightedRoundRobinIsExact(t *testing.T) {
	var p WeightedRoundRobin
	r := rand.New(rand.NewPCG(1, 5))
	for range 500 {
		w := make([]int, 1+r.IntN(8))
		cycle := 0
		for i := range w {
			w[i] = 1 + r.IntN(20)
			cycle += w[i]
		}
		list := weights(w...)
		count(&p, list, r.IntN(2*cycle))
		if got := count(&p, list, cycle); !slices.Equal(got, w) {
			t.Fatalf("weights %v, selected %v", w, got)
		}
	}
}

func TestWeightedRoundRobinDividesByWhatDividesAll(t *testing.T) {
	var p WeightedRoundRobin
	count(&p, weights(6, 9, 15), 1)
	if got := count(&p, weights(6, 9, 15), 10); !slices.Equal(got, []int{2, 3, 5}) {
		t.Error(got)
	}
}

// TestWeightedRoundRobinIsEven: after any number of turns from any beginning, each has had its share, give or take 3.
func TestWeightedRoundRobinIsEven(t *testing.T) {
	worst, r := 0.0, rand.New(rand.NewPCG(2, 5))
	for range 300 {
		var p WeightedRoundRobin
		w := []int{1 + r.IntN(50), 1 + r.IntN(50), 1 + r.IntN(50), 1 + r.IntN(50)}
		list, all := weights(w...), float64(w[0]+w[1]+w[2]+w[3])
		count(&p, list, r.IntN(200))
		got := make([]float64, 4)
		for turn := 1.0; turn <= 2*all; turn++ {
			got[p.Select(list, nil)]++
			for i := range w {
				worst = max(worst, math.Abs(got[i]-turn*float64(w[i])/all))
			}
		}
	}
	if t.Logf("off by %.2f at most", worst); worst > 3 {
		t.Errorf("off by %.2f", worst)
	}
}

func TestWeightedRoundRobinOfFiveOneOneIsSpread(t *testing.T) {
	var p WeightedRoundRobin
	var got []int
	for range 7 {
		got = append(got, p.Select(weights(5, 1, 1), nil))
	}
	if !slices.Equal(got, []int{0, 0, 0, 1, 0, 2, 0}) {
		t.Error(got)
	}
}

func TestWeightedRoundRobinStandsHugeWeights(t *testing.T) {
	list := equal(9)
	for i := range list {
		list[i].Weight = math.MaxUint32 - uint32(i)
	}
	for i, n := range count(new(WeightedRoundRobin), list, 9000) {
		if n < 990 || n > 1010 {
			t.Errorf("%d got %d", i, n)
		}
	}
	if i := new(WeightedRoundRobin).Select([]Candidate{{}, {}}, nil); i != 0 {
		t.Error("without weights it is", i)
	}
}
