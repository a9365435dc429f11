package command

import (
	"math"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// rates is how often things happen in a second, from what two pictures have counted. What only one of them has, and what has been counted
// backwards, because Caddy was started anew in between, is not known: NaN.
type rates struct {
	pools   map[string]poolRates
	queries map[queryKey]queryRates
}

type poolRates struct{ queries, transactions, received, sent float64 }

// queryRates is calls per second, and load: how many servers they keep busy on average.
type queryRates struct{ calls, load float64 }

type queryKey struct{ pool, fingerprint string }

func keyOf(q *adminapi.Query) queryKey { return queryKey{q.Pool, q.Fingerprint} }

var (
	noPoolRates  = poolRates{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	noQueryRates = queryRates{math.NaN(), math.NaN()}
)

// ratesOf compares two pictures; before may be nil.
func ratesOf(before, now *picture) rates {
	r := rates{pools: make(map[string]poolRates), queries: make(map[queryKey]queryRates)}
	if before == nil || now == nil {
		return r
	}
	seconds := now.at.Sub(before.at).Seconds()
	pools := make(map[string]*adminapi.Pool)
	for i := range before.pools {
		pools[before.pools[i].Name] = &before.pools[i]
	}
	for i := range now.pools {
		if p := &now.pools[i]; pools[p.Name] != nil {
			r.pools[p.Name] = poolRatesOf(&pools[p.Name].Figures, &p.Figures, seconds)
		}
	}
	queries := make(map[queryKey]*adminapi.Query)
	for i := range before.queries {
		queries[keyOf(&before.queries[i])] = &before.queries[i]
	}
	for i := range now.queries {
		if q := &now.queries[i]; queries[keyOf(q)] != nil {
			was := queries[keyOf(q)]
			r.queries[keyOf(q)] = queryRates{perSecond(was.Calls, q.Calls, seconds), perSecond(was.TotalSeconds, q.TotalSeconds, seconds)}
		}
	}
	return r
}

func poolRatesOf(was, is *adminapi.Figures, seconds float64) poolRates {
	return poolRates{
		queries: perSecond(was.Queries, is.Queries, seconds), transactions: perSecond(was.Transactions, is.Transactions, seconds),
		received: perSecond(was.BytesReceived, is.BytesReceived, seconds), sent: perSecond(was.BytesSent, is.BytesSent, seconds),
	}
}

func perSecond[N uint64 | float64](was, is N, seconds float64) float64 {
	if seconds <= 0 || is < was {
		return math.NaN()
	}
	return float64(is-was) / seconds
}

// pool and query are the rates of one, not known if there are none.
func (r *rates) pool(name string) poolRates {
	if found, ok := r.pools[name]; ok {
		return found
	}
	return noPoolRates
}

func (r *rates) query(q *adminapi.Query) queryRates {
	if found, ok := r.queries[keyOf(q)]; ok {
		return found
	}
	return noQueryRates
}
