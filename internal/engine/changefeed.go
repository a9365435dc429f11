package engine

import (
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// Where others write as well (invalidation wal), the Host follows a stream of the changes of a database, and tells what it hears. What
// was cached while it could not be heard is dropped, and nothing is cached or served before it is heard again.

// feed is the stream of changes of one database, for one declared pool.
type feed struct {
	// published is the tables whose changes are told; nil: the stream is not heard.
	published atomic.Pointer[map[string]bool]
	// wanted: the Host has been asked for it.
	wanted atomic.Bool
}

// follows reports whether what is cached in a pool may be served: it is heard what others write, where they do.
func (s *Shard) follows(p *shardPool) bool {
	c := p.template.cache.Load()
	if c == nil {
		return true
	}
	switch rules := c.rules.Load(); {
	case rules.WAL:
		return p.shared.feed.published.Load() != nil
	case rules.Shared:
		return p.shared.fleet.joined.Load() != nil
	}
	return true
}

// tells reports whether all changes of these tables are told, and has the Host see to it if they are not.
func (s *Shard) tells(p *shardPool, tables []*querycache.Table) bool {
	c := p.template.cache.Load()
	if c == nil {
		return true
	}
	rules := c.rules.Load()
	if rules.Shared && !s.inTouch(p) && !rules.WAL {
		return false
	}
	return !rules.WAL || s.streams(p, tables)
}

// streams reports whether the change stream tells of all these tables, and has the Host follow it if nobody does.
func (s *Shard) streams(p *shardPool, tables []*querycache.Table) bool {
	published := p.shared.feed.published.Load()
	if published == nil {
		s.wantFeed(p)
		return false
	}
	for _, t := range tables {
		if !(*published)[t.Name] {
			return false
		}
	}
	return true
}

func (s *Shard) wantFeed(p *shardPool) {
	if p.shared.feed.wanted.CompareAndSwap(false, true) {
		s.engine.host.Follow(p.shared.pool, p.shared.serverDatabase)
	}
}

// feedKey is of one stream. The database is the servers'.
type feedKey struct{ pool, database string }

// feedOf is the stream of a pool that is made. Under Engine.mu.
func (e *Engine) feedOf(key feedKey) *feed {
	f := e.feeds[key]
	if f == nil {
		f = &feed{}
		e.feeds[key] = f
	}
	return f
}

// Follows tells that the changes of these tables, by their names without schemas, are told from now on: of a declared pool, in a
// database. What was before may have been missed.
func (e *Engine) Follows(pool, database string, published []string) {
	set := map[string]bool{}
	for _, name := range published {
		set[name] = true
	}
	e.feeding(pool, database, &set)
}

// FollowsNot tells that changes may be missed from now on, and that nobody follows them unless wanted again.
func (e *Engine) FollowsNot(pool, database string) { e.feeding(pool, database, nil) }

func (e *Engine) feeding(pool, database string, published *map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, l := e.feeds[feedKey{pool, database}], e.ledgers[database]
	if f == nil || l == nil {
		return
	}
	f.published.Store(nil)
	e.dropAll(l)
	f.published.Store(published)
}

// Unfollowed tells that the Host has given a stream up: it is asked again when somebody wants it.
func (e *Engine) Unfollowed(pool, database string) {
	e.FollowsNot(pool, database)
	e.mu.Lock()
	defer e.mu.Unlock()
	k := feedKey{pool, database}
	if f := e.feeds[k]; f != nil {
		f.wanted.Store(false)
		e.leaveFeed(k)
	}
}

// leaveFeed forgets a stream that nobody follows, and no pool knows. Under Engine.mu.
func (e *Engine) leaveFeed(k feedKey) {
	if f := e.feeds[k]; f != nil && !f.wanted.Load() && !e.uses(k) {
		delete(e.feeds, k)
	}
}

// Changing tells that a transaction has changed tables in a database, whoever has, which those may not see yet who read now; nil: any table.
func (e *Engine) Changing(database string, tables []string) {
	for _, t := range e.tablesOf(database, tables) {
		t.See(querycache.OpBegin, 0)
	}
}

// Changed tells that those who read from now on see what Changing has told. For each Changing there is one Changed.
func (e *Engine) Changed(database string, tables []string) {
	mark := e.marks.Load()
	for _, t := range e.tablesOf(database, tables) {
		t.See(querycache.OpEnd, mark)
	}
}

// tablesOf is tables of a database; nil: all of it. That of a database that no pool knows, now or lately, does not matter.
func (e *Engine) tablesOf(database string, names []string) (tables []*querycache.Table) {
	switch l := e.ledgerAt(database); {
	case l == nil:
	case names == nil:
		tables = append(tables, &l.All)
	default:
		for _, name := range names {
			tables = append(tables, l.Ledger.Table(name))
		}
	}
	return tables
}

// Uses reports whether a declared pool has clients, servers or something else to do with a database. A pool that shares its replies has as long
// as any pool has: what that writes has to be told.
func (e *Engine) Uses(pool, database string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.uses(feedKey{pool, database})
}

// uses is Uses. Under Engine.mu.
func (e *Engine) uses(k feedKey) bool {
	shares := e.shares(k.pool)
	for _, other := range e.pools {
		if other.serverDatabase == k.database && (shares || other.pool == k.pool) {
			return true
		}
	}
	return false
}

// PrimaryOf is the address of the upstream that takes writes of a pool; empty: none is known to.
func (e *Engine) PrimaryOf(pool string) string {
	t := e.template(pool)
	if t == nil {
		return ""
	}
	v := t.view.Load()
	for i := range v.Upstreams {
		if v.TakesWrites(i) {
			return v.upstreams[i].address
		}
	}
	return ""
}
