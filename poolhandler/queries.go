package poolhandler

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

const queriesPath = "/postgres/queries"

// How many queries are shown, unless `?limit=` says more or fewer, and at most.
const (
	shownQueries    = 50
	maxShownQueries = 10_000
)

// queryOrders is what `?sort=` may say, the default first: the most comes first.
var queryOrders = []struct {
	name string
	of   func(*engine.QueryStats) float64
}{
	{"total", func(q *engine.QueryStats) float64 { return q.Total.Seconds() }},
	{"calls", func(q *engine.QueryStats) float64 { return float64(q.Calls) }},
	{"mean", meanSeconds},
	{"p99", func(q *engine.QueryStats) float64 { return q.P99.Seconds() }},
	{"rows", func(q *engine.QueryStats) float64 { return float64(q.Rows) }},
}

// serveQueries lists the busiest queries of all pools, or of one.
func (a *Admin) serveQueries(w http.ResponseWriter, asked url.Values) error {
	if err := onlyAsked(asked, "pool", "limit", "sort"); err != nil {
		return err
	}
	pool, err := a.askedPool(asked)
	if err != nil {
		return err
	}
	limit, err := askedNumber(asked, "limit", shownQueries, maxShownQueries)
	if err != nil {
		return err
	}
	by, err := askedSort(asked.Get("sort"))
	if err != nil {
		return err
	}
	all, err := a.process.queries()
	if err != nil {
		return unavailable(err)
	}
	return answer(w, busiest(all, pool, by, limit))
}

// askedSort is by what queries are to be sorted.
func askedSort(name string) (func(*engine.QueryStats) float64, error) {
	names := make([]string, len(queryOrders))
	for i, o := range queryOrders {
		if o.name == name || name == "" {
			return o.of, nil
		}
		names[i] = o.name
	}
	return nil, badRequest("there is no order %q; there are %s", name, strings.Join(names, ", "))
}

// busiest is the first queries of a pool, or of all, in an order; of two that are equal there, the one that takes more time comes first.
func busiest(all []engine.QueryStats, pool string, by func(*engine.QueryStats) float64, limit int) []adminapi.Query {
	var list []*engine.QueryStats
	for i := range all {
		if pool == "" || all[i].Pool == pool {
			list = append(list, &all[i])
		}
	}
	slices.SortFunc(list, func(x, y *engine.QueryStats) int {
		return cmp.Or(cmp.Compare(by(y), by(x)), cmp.Compare(y.Total, x.Total), cmp.Compare(x.Pool, y.Pool), cmp.Compare(x.Form, y.Form))
	})
	first := make([]adminapi.Query, min(len(list), limit))
	for i := range first {
		first[i] = newQuery(list[i])
	}
	return first
}

// queries asks the engine for the busiest queries; none if there is no engine yet.
func (p *process) queries() ([]engine.QueryStats, error) {
	r := p.running.Load()
	if r == nil {
		return nil, nil
	}
	patience := time.NewTimer(snapshotTimeout)
	defer patience.Stop()
	select {
	case sum := <-r.Queries():
		return sum(), nil
	case <-patience.C:
		return nil, errNoAnswer
	}
}
