package poolhandler

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// newQuery is the queries of one normal form as the admin API tells them.
func newQuery(q *engine.QueryStats) adminapi.Query {
	s := adminapi.Query{
		Pool: q.Pool, Query: q.Form, Fingerprint: fmt.Sprintf("%016x", q.Fingerprint), Kind: q.Kind,
		Calls: q.Calls, Rows: q.Rows, Errors: q.Errors, CacheHits: q.CacheHits, Why: map[string]uint64{},
		TotalSeconds: q.Total.Seconds(), MeanSeconds: meanSeconds(q), P99Seconds: q.P99.Seconds(), MaxSeconds: q.Max.Seconds(),
	}
	for reason, n := range q.Reasons {
		if n > 0 {
			s.Why[engine.Reason(reason).String()] = n
		}
	}
	return s
}

// meanSeconds is of those calls that took a server; 0: there were none.
func meanSeconds(q *engine.QueryStats) float64 {
	served := q.Calls - q.CacheHits
	if served == 0 {
		return 0
	}
	return q.Total.Seconds() / float64(served)
}
