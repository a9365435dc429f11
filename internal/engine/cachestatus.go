package engine

import (
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// cacheCounts is what one loop has counted of a cache; each has a cache line of its own.
type cacheCounts struct {
	hits, fetched, misses, bypassed atomic.Uint64
	_                               [32]byte
}

// CacheStatus is the figures of the query caches, one for each pool that has one. They are kept as things happen, so to ask for them costs
// the loops nothing, however much is cached. It may be called from any goroutine.
func (e *Engine) CacheStatus() (all []CacheStatus) {
	for _, t := range e.cached("") {
		if c := t.cache.Load(); c != nil {
			all = append(all, e.cacheStatus(t, c))
		}
	}
	return all
}

// PurgeCache drops the replies of a pool that depend on a table, by its name without a schema, and tells how many there were. No pool: of all
// pools; no table: all replies. It may be called from any goroutine.
func (e *Engine) PurgeCache(pool, table string) (n int) {
	for _, t := range e.cached(pool) {
		if c := t.cache.Load(); c != nil {
			e.changedByHand(t, table) // or what is being recorded would be kept
			n += c.Purge(table)
		}
	}
	return n
}

// changedByHand notes that a table of the databases of a pool, or all, may have been changed; of other processes as well, where it shares.
func (e *Engine) changedByHand(t *template, table string) {
	for _, l := range e.ledgersOf(t) {
		if table == "" {
			l.All.Change(e.marks.Load())
		} else {
			l.Ledger.Table(table).Change(e.marks.Load())
		}
	}
}

// cached is the declared pools, or the one of that name, that may have a cache.
func (e *Engine) cached(pool string) (list []*template) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, t := range e.templates {
		if pool == "" || pool == name {
			list = append(list, t)
		}
	}
	return list
}

// cacheOf is a declared pool and its cache, which is nil if it has none.
func (e *Engine) cacheOf(pool string) (*template, *poolCache) {
	t := e.template(pool)
	if t == nil {
		return nil, nil
	}
	return t, t.cache.Load()
}

func (e *Engine) cacheStatus(t *template, c *poolCache) CacheStatus {
	s := c.Status()
	out := CacheStatus{
		Pool: t.name, State: e.cacheState(t, c),
		Entries: s.Entries, Bytes: s.Bytes, MaxBytes: s.MaxBytes,
		Stored: s.Puts, Refused: s.Refused, Evicted: s.Evicted, Invalidated: s.Stale,
	}
	for i := range c.counts {
		out.Hits += c.counts[i].hits.Load()
		out.Fetched += c.counts[i].fetched.Load()
		out.Misses += c.counts[i].misses.Load()
		out.Bypassed += c.counts[i].bypassed.Load()
	}
	return out
}

// CacheTables is the tables of a pool's databases that reads have depended on or writes have changed, in no order; none, if it has no cache. It
// takes a time for each. It may be called from any goroutine.
func (e *Engine) CacheTables(pool string) (out []CacheTable) {
	t, c := e.cacheOf(pool)
	if c == nil {
		return nil
	}
	for _, l := range e.ledgersOf(t) {
		tables := l.Tables()
		for i, entries := range c.Dependents(tables) {
			out = append(out, CacheTable{Database: l.database, Table: tables[i].Name, Entries: entries, Changes: tables[i].Changes()})
		}
	}
	return out
}

// CacheForms is the normal forms of what was asked in a pool, those asked most first; none, if it has no cache. It may be called from any
// goroutine.
func (e *Engine) CacheForms(pool string) (out []CacheForm) {
	_, c := e.cacheOf(pool)
	if c == nil {
		return nil
	}
	for _, r := range c.forms.Rows() {
		out = append(out, CacheForm{Text: r.Text, Hits: r.Hits, Misses: r.Misses, Stored: r.Stored, Bytes: r.Bytes,
			MissSeconds: float64(r.MissNanos) / 1e9, Refused: querycache.Reason(r.Why).String()})
	}
	return out
}

// cacheState says whether a cache is in use.
func (e *Engine) cacheState(t *template, c *poolCache) string {
	rules := c.rules.Load()
	switch {
	case !e.caches():
		return "off: an event loop does not follow yet what its clients write"
	case rules.WAL:
		return e.feedState(t.name)
	case rules.Shared:
		return e.fleetState(t.name)
	}
	return "on"
}

// neverAsked is of a cache that needs to hear what others write, and nobody has asked for that yet.
const neverAsked = "off: nothing has been asked for yet"

// feedState says whether all change streams of a pool are heard.
func (e *Engine) feedState(pool string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	state := neverAsked
	for k, f := range e.feeds {
		switch {
		case k.pool != pool || !f.wanted.Load():
		case f.published.Load() == nil:
			return "catching up"
		default:
			state = "on"
		}
	}
	return state
}

// ledgersOf is those of the databases of a declared pool that are in use.
func (e *Engine) ledgersOf(t *template) (list []*ledger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := map[*ledger]bool{}
	for _, p := range e.pools {
		if p.template == t && !seen[p.ledger] {
			seen[p.ledger] = true
			list = append(list, p.ledger)
		}
	}
	return list
}
