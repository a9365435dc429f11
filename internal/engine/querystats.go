package engine

import (
	"sync"
	"time"
)

// OtherQueries is the Form of all queries of a pool that are not told of by themselves: those of forms that are seldom and quick, and
// those whose text is not known, or was not read.
const OtherQueries = "(other)"

// QueryStats is what the queries of one normal form have been, in one declared pool, since the process began or since the pool was
// declared. The Calls of all forms of a pool are all its Queries.
type QueryStats struct {
	// Pool is the declared pool.
	Pool string
	// Form is the normal form: every literal and parameter is $n, and none is ever kept. It is at most 1 KiB; what is missing is " …". Or it is
	// OtherQueries.
	Form string
	// Kind is that of the last that has not failed: select, insert and so on.
	Kind string
	// Fingerprint is of Form, another in every process; 0: of OtherQueries.
	Fingerprint uint64
	// Calls is how often they were run, CacheHits how often without a server, Errors how often with an error. Rows is what was
	// returned or changed, but by hits.
	Calls, Rows, CacheHits, Errors uint64
	// Reasons is how many of them went where they went for each reason.
	Reasons [Reasons]uint64
	// Total, P99 and Max are of those that took a server; see ran.go for how they are measured, and spread.go for how exact P99 is.
	Total, P99, Max time.Duration
}

// queryCollector gathers the forms of all shards. What they tell is added up by who has asked, not in a turn of a loop: there may be tens of
// thousands of forms, of each shard.
type queryCollector struct {
	mu      sync.Mutex
	missing int
	told    []*toldForms
	out     chan func() []QueryStats
}

// Queries asks every loop for the busiest queries of all pools. When the last has answered, the channel yields once what adds up the
// answers, to a list in no order.
func (e *Engine) Queries() <-chan func() []QueryStats {
	q := &queryCollector{missing: len(e.shards), out: make(chan func() []QueryStats, 1)}
	for _, s := range e.shards {
		s.post(mail{kind: mailQueries, queries: &toldForms{to: q}})
	}
	return q.out
}

// answered takes what a shard has told, and completes the collection with the last.
func (q *queryCollector) answered(t *toldForms) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.told = append(q.told, t)
	if q.missing--; q.missing == 0 {
		q.out <- q.sum
	}
}

// sum adds up what all shards have told.
func (q *queryCollector) sum() []QueryStats {
	sums := formSums{}
	for _, t := range q.told {
		for _, p := range t.pools {
			sums.add(formKey{p.pool, 0}, []byte(OtherQueries), "other", &p.other)
			for i := range p.forms {
				f := &p.forms[i]
				sums.add(formKey{p.pool, f.fingerprint}, f.text, f.kind.String(), &f.figures)
			}
		}
	}
	all := make([]QueryStats, 0, len(sums))
	for k, f := range sums {
		all = append(all, f.stats(k))
	}
	return all
}

// formSums is forms over all shards.
type formSums map[formKey]*formSum

type formKey struct {
	pool        string
	fingerprint uint64
}

type formSum struct {
	text []byte
	kind string
	figures
}

func (m formSums) add(k formKey, text []byte, kind string, f *figures) {
	if f.calls == 0 {
		return
	}
	if m[k] == nil {
		m[k] = &formSum{text: text, kind: kind}
	}
	m[k].add(f)
}

// stats is what is told of a form.
func (f *formSum) stats(k formKey) QueryStats {
	return QueryStats{
		Pool: k.pool, Form: string(f.text), Kind: f.kind, Fingerprint: k.fingerprint,
		Calls: f.calls, Rows: f.rows, CacheHits: f.hits, Errors: f.errors, Reasons: f.reasons,
		Total: time.Duration(f.nanos), P99: time.Duration(f.spread.p99(f.longest)), Max: time.Duration(f.longest),
	}
}
