package load

import (
	"math/rand/v2"
	"testing"
)

func TestBucketsHoldTheirValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	last := 0
	for v := uint64(0); v < 1<<39; v += 1 + random.Uint64N(1+v/7) {
		i := bucket(v)
		if top := upper(i); top < int64(v) || float64(top-int64(v)) > float64(v)/(1<<subBits)+1 {
			t.Fatalf("%d lies in bucket %d, which ends at %d", v, i, top)
		}
		if i < last {
			t.Fatalf("%d lies in bucket %d, a smaller value in %d", v, i, last)
		}
		last = i
	}
}

func TestQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Fatal("nothing was counted, and the median is not 0")
	}
	for i := int64(1); i <= 1000; i++ {
		h.Add(i*1000, 1)
	}
	for _, q := range []struct {
		share float64
		want  int64
	}{{0, 1000}, {0.5, 501_000}, {0.99, 991_000}, {0.999, 1_000_000}, {1, 1_000_000}} {
		got := h.Quantile(q.share)
		if got < q.want || float64(got) > float64(q.want)*1.04 {
			t.Errorf("quantile %v is %d, want %d or up to 4 %% more", q.share, got, q.want)
		}
	}
}
