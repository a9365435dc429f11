package engine

import "maps"

// Pools that nobody uses are forgotten; what they have counted is not: totals that go backwards are taken for those of a new process. It is kept
// by declared pool, whole; and by database of one, what is told of single databases, as others may use the same database.

// Totals is what is told of a database after all its users have been forgotten.
type Totals struct {
	Assignments                    uint64 // how often a server was asked for, and got
	Transactions, Queries          uint64
	BytesReceived, BytesSent       uint64 // from and to clients
	QuerySumNanos, AcquireSumNanos uint64 // how long queries took, and how long they had waited for a server
	Prepares                       Prepares
}

// Totals is that of what has been counted.
func (t *Counts) Totals() Totals {
	out := Totals{
		Transactions: t.Transactions, Queries: t.Queries, BytesReceived: t.BytesReceived, BytesSent: t.BytesSent,
		QuerySumNanos: t.QuerySumNanos, AcquireSumNanos: t.AcquireSumNanos, Prepares: t.Prepares,
	}
	for _, n := range t.Acquire {
		out.Assignments += n
	}
	return out
}

// Add adds what other has counted.
func (t *Totals) Add(other Totals) {
	t.Assignments += other.Assignments
	t.Transactions += other.Transactions
	t.Queries += other.Queries
	t.BytesReceived += other.BytesReceived
	t.BytesSent += other.BytesSent
	t.QuerySumNanos += other.QuerySumNanos
	t.AcquireSumNanos += other.AcquireSumNanos
	t.Prepares.Add(other.Prepares)
}

// maxForgotten bounds the databases of which a shard keeps totals: clients choose the names. Past it, those are let go that nobody uses now, on any
// shard; the totals of their pools have them still.
const maxForgotten = 4096

// keepCounts keeps what a pool that is forgotten has counted.
func (s *Shard) keepCounts(p *shardPool) {
	k := p.shared.poolKey
	addCounts(s.forgotten, k.pool, &p.counts)
	totals := p.counts.Totals()
	if totals == (Totals{}) {
		return
	}
	if of := s.totalsOf(Target{k.pool, k.database}); of != nil {
		of.Add(totals)
	}
}

// totalsOf is those of a database; nil if there are too many.
func (s *Shard) totalsOf(at Target) *Totals {
	if s.totals[at] == nil && len(s.totals) >= maxForgotten {
		s.forgetUnused()
	}
	if s.totals[at] == nil && len(s.totals) < maxForgotten {
		s.totals[at] = &Totals{}
	}
	return s.totals[at]
}

func (s *Shard) forgetUnused() {
	used := s.engine.usedDatabases()
	maps.DeleteFunc(s.totals, func(at Target, _ *Totals) bool { return !used[at] })
}

// usedDatabases is the databases that have a pool on any shard.
func (e *Engine) usedDatabases() map[Target]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	used := make(map[Target]bool, len(e.pools))
	for k := range e.pools {
		used[Target{k.pool, k.database}] = true
	}
	return used
}

// forgetRemoved lets go of what is kept of pools that are not declared any more.
func (s *Shard) forgetRemoved() {
	isRemoved := func(name string) bool {
		t := s.engine.template(name)
		return t == nil || t.removed.Load()
	}
	maps.DeleteFunc(s.forgotten, func(name string, _ *Counts) bool { return isRemoved(name) })
	maps.DeleteFunc(s.totals, func(at Target, _ *Totals) bool { return s.forgotten[at.Pool] == nil })
}

// addCounts adds what was counted of a declared pool.
func addCounts(to map[string]*Counts, name string, counts *Counts) {
	if to[name] == nil {
		to[name] = &Counts{}
	}
	to[name].Add(counts)
}

// addTotals adds the totals of a database.
func addTotals(to map[Target]Totals, at Target, totals Totals) {
	sum := to[at]
	sum.Add(totals)
	to[at] = sum
}
