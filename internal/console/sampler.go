package console

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// StatsPeriod is how often a Sampler wants to be given a snapshot: PgBouncer's stats_period, as it is by default.
const StatsPeriod = 60 * time.Second

// Sample is what had been counted at a time: of all, and by database of a pool.
type Sample struct {
	At     time.Time
	sum    counted
	counts map[place]counted
}

// Sampler keeps the last two samples. What averages tell is what has been counted since the first of them, so over one to two periods, as
// PgBouncer's do. Its methods are not to be called at the same time.
type Sampler struct{ older, newer Sample }

// Add takes a sample.
func (s *Sampler) Add(at time.Time, snapshot engine.Snapshot) {
	sample := Sample{at, countedOfAll(&snapshot), countedBy(&snapshot)}
	if s.older = s.newer; s.older.At.IsZero() {
		s.older = sample
	}
	s.newer = sample
}

// Before is the first of the two; the zero one if there is none.
func (s *Sampler) Before() Sample { return s.older }

// counted is what SHOW STATS has: in its order, its units and its words. Times are in microseconds.
type counted struct {
	assignments, transactions, queries uint64
	received, sent                     uint64
	transactionTime, queryTime         uint64
	waitTime                           uint64
	prepares                           engine.Prepares
}

// countedOf is that of the engine's figures. How long transactions rest between queries is not measured, so their time is that of their queries.
func countedOf(t engine.Totals) counted {
	micros := uint64(time.Microsecond)
	return counted{
		assignments: t.Assignments, transactions: t.Transactions, queries: t.Queries, received: t.BytesReceived, sent: t.BytesSent,
		transactionTime: t.QuerySumNanos / micros, queryTime: t.QuerySumNanos / micros, waitTime: t.AcquireSumNanos / micros,
		prepares: t.Prepares,
	}
}

// countedBy is what each database has counted, with what users of it had that have been forgotten.
func countedBy(s *engine.Snapshot) map[place]counted {
	sums := make(map[place]engine.Totals)
	add := func(at place, t engine.Totals) {
		t.Add(sums[at])
		sums[at] = t
	}
	for i := range s.Pools {
		add(place{s.Pools[i].Pool, s.Pools[i].Database}, s.Pools[i].Totals())
	}
	for of, t := range s.ForgottenTotals {
		add(place{of.Pool, of.Database}, t)
	}
	out := make(map[place]counted, len(sums))
	for at, t := range sums {
		out[at] = countedOf(t)
	}
	return out
}

// countedOfAll is the sum of everything, with what databases had counted that have been forgotten.
func countedOfAll(s *engine.Snapshot) counted {
	var sum engine.Totals
	for i := range s.Pools {
		sum.Add(s.Pools[i].Totals())
	}
	for _, c := range s.Forgotten {
		sum.Add(c.Totals())
	}
	return countedOf(sum)
}

// with is f of the figures of both, one by one.
func (c counted) with(other counted, f func(a, b uint64) uint64) counted {
	return counted{
		f(c.assignments, other.assignments), f(c.transactions, other.transactions), f(c.queries, other.queries),
		f(c.received, other.received), f(c.sent, other.sent),
		f(c.transactionTime, other.transactionTime), f(c.queryTime, other.queryTime), f(c.waitTime, other.waitTime),
		engine.Prepares{
			ByClients: f(c.prepares.ByClients, other.prepares.ByClients), OnServers: f(c.prepares.OnServers, other.prepares.OnServers),
			Binds: f(c.prepares.Binds, other.prepares.Binds),
		},
	}
}

// minus is what has been counted since; nothing where a database has been forgotten meanwhile.
func (c counted) minus(before counted) counted {
	return c.with(before, func(a, b uint64) uint64 { return a - min(a, b) })
}

// average is what was counted in a period: numbers and bytes for each second, times for each of what they are of.
func (c counted) average(period time.Duration) counted {
	if period <= 0 {
		return counted{}
	}
	perSecond := func(n uint64) uint64 { return uint64(float64(n) / period.Seconds()) }
	return counted{
		perSecond(c.assignments), perSecond(c.transactions), perSecond(c.queries), perSecond(c.received), perSecond(c.sent),
		each(c.transactionTime, c.transactions), each(c.queryTime, c.queries), each(c.waitTime, c.assignments),
		engine.Prepares{
			ByClients: perSecond(c.prepares.ByClients), OnServers: perSecond(c.prepares.OnServers), Binds: perSecond(c.prepares.Binds),
		},
	}
}

func each(sum, n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return sum / n
}
