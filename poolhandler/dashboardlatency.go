package poolhandler

import (
	"math"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// viewLatency is how long queries of a pool waited for a server, and took, since the start.
type viewLatency struct {
	Acquire viewHistogram `json:"acquire"`
	Query   viewHistogram `json:"query"`
}

// viewHistogram is quantiles since the start, in seconds, and what those of any interval are computed from: the difference of two Buckets.
type viewHistogram struct {
	P50     float64          `json:"p50"`
	P99     float64          `json:"p99"`
	Buckets engine.Histogram `json:"buckets"`
}

// addLatency adds the histograms of the pools shown over all their databases and users, also of those forgotten.
func (v *dashboardView) addLatency(s engine.Snapshot) {
	totals := make(map[string]*engine.Counts, len(v.Pools))
	for _, p := range v.Pools {
		totals[p.Name] = new(engine.Counts)
	}
	for i := range s.Pools {
		if t := totals[s.Pools[i].Pool]; t != nil {
			t.Add(&s.Pools[i].Counts)
		}
	}
	for name, counts := range s.Forgotten {
		if t := totals[name]; t != nil {
			t.Add(counts)
		}
	}
	for name, t := range totals {
		v.Latency[name] = viewLatency{Acquire: newViewHistogram(&t.Acquire), Query: newViewHistogram(&t.Query)}
	}
}

func newViewHistogram(h *engine.Histogram) viewHistogram {
	return viewHistogram{P50: quantile(h, 0.5), P99: quantile(h, 0.99), Buckets: *h}
}

// quantile is the duration, in seconds, that a share q of those counted stays below: spread evenly within its bucket, as Prometheus has it.
// Of the last bucket, which has no end, it is the beginning. 0 if there are none.
func quantile(h *engine.Histogram, q float64) float64 {
	var count uint64
	for _, n := range h {
		count += n
	}
	rank, below := q*float64(count), 0.0
	for i, n := range h {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		from, to := bucketBounds(i)
		return from + (to-from)*(rank-below)/float64(n)
	}
	return 0
}

// bucketBounds is between which durations, in seconds, a bucket counts.
func bucketBounds(i int) (from, to float64) {
	if i > 0 {
		from = math.Ldexp(1e-6, i-1)
	}
	if i == engine.HistogramBuckets-1 {
		return from, from
	}
	return from, math.Ldexp(1e-6, i)
}

// bucketSeconds is where all buckets but the last end.
func bucketSeconds() []float64 {
	bounds := make([]float64, engine.HistogramBuckets-1)
	for i := range bounds {
		_, bounds[i] = bucketBounds(i)
	}
	return bounds
}
