package engine

import "slices"

// What new sessions begin with may be changed by somebody who does not go through this pool, or by dynamic SQL. So the answer of the
// catalog has a row for every role that has settings of its own in pg_db_role_setting, with a hash of all that its sessions begin with in
// that database, and one for every other role; one with the time when Postgres has last read its configuration; and one about the isolation
// of transactions. Where the hash of a role is another than before, servers are renewed as when the change is said here (defaults.go). A
// new configuration reaches every session by itself; but what settings begin with has to be learned again.

// The sorts of these rows. The second column of the first is the role, empty for every other; the third of each is what is compared.
const (
	beginsRole   = "role"
	beginsLoaded = "loaded"
	// beginsCommitted is one whose third column says whether transactions are at READ COMMITTED by default, for every role.
	beginsCommitted = "committed"
)

// isBeginning reports whether a row is one of these.
func isBeginning(sort string) bool {
	return sort == beginsRole || sort == beginsLoaded || sort == beginsCommitted
}

// beginnings is what sessions begin with, as one answer of an upstream tells. Upstreams need not agree.
type beginnings struct {
	at        int64 // when it was asked
	roles     map[string]string
	loaded    string
	committed string
}

// of is what is compared of a role.
func (b *beginnings) of(role string) string {
	if own, ok := b.roles[role]; ok {
		return own
	}
	return b.roles[everyOtherRole]
}

const everyOtherRole = ""

// add takes a row, if it is one of these.
func (b *beginnings) add(sort, role, value string) {
	switch sort {
	case beginsRole:
		if b.roles == nil {
			b.roles = map[string]string{}
		}
		b.roles[role] = value
	case beginsLoaded:
		b.loaded = value
	case beginsCommitted:
		b.committed = value
	}
}

// learnBeginnings takes these rows from the answer of a server, and does what has to be done after a change. That may be the one that has
// been said here, for which all has been done; but another's may hide behind that, and servers are renewed once too often sooner than kept
// too long.
func (s *Shard) learnBeginnings(srv *server) {
	if srv.Failed {
		return
	}
	now := beginnings{at: srv.studiedAt}
	srv.Rows(func(columns [][]byte) {
		if len(columns) == 3 {
			now.add(string(columns[0]), string(columns[1]), string(columns[2]))
		}
	})
	g := srv.pool.shared.catalog
	if was, known := g.learnBeginnings(srv.upstream.address, now); known {
		for _, t := range s.engine.beginAnew(g, &was, &now) {
			s.engine.defaultsChanged(t, s.now)
		}
	}
}

// learnBeginnings remembers what an upstream says now, and returns what it said before, if it has. Of two answers the one that was asked
// for later counts, whichever comes first.
func (g *catalog) learnBeginnings(upstream string, now beginnings) (was beginnings, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if was, known = g.beginnings[upstream]; known && now.at < was.at {
		return was, false
	}
	if g.beginnings == nil {
		g.beginnings = map[string]beginnings{}
	}
	g.beginnings[upstream] = now
	g.committed.Store(g.allCommitted() && now.at >= g.saidAt)
	return was, known
}

// allCommitted reports whether all upstreams have said that transactions are at READ COMMITTED by default. Under mu.
func (g *catalog) allCommitted() bool {
	for _, b := range g.beginnings {
		if b.committed != "t" {
			return false
		}
	}
	return len(g.beginnings) > 0
}

// beginAnew is the templates of the pools of a catalog whose servers have to be renewed after a change. What one of the two does not tell
// has not changed.
func (e *Engine) beginAnew(g *catalog, was, now *beginnings) (renewed []*template) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.pools {
		if p.catalog != g {
			continue
		}
		if now.loaded != was.loaded && was.loaded != "" {
			p.greetings.forgetOthers()
			e.dropAll(p.ledger) // TimeZone and the like reach every session
		}
		if was.roles != nil && now.roles != nil && now.of(p.user) != was.of(p.user) && !slices.Contains(renewed, p.template) {
			renewed = append(renewed, p.template)
		}
	}
	return renewed
}

// again has the catalog asked by the next server that is free: what is being answered now may be older than what has just been said.
func (g *catalog) again(now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.defined++
	g.saidAt = now
	g.committed.Store(false)
	if g.defining == 0 {
		g.due.Store(0)
	}
}

// beginningsSQL asks for these rows. Of more than a thousand roles it tells only whether anything of any has changed.
const beginningsSQL = `SELECT '` + beginsRole + `', name, md5(string_agg(begins, ' ' ORDER BY setrole)) FROM (
  SELECT setrole, CASE WHEN setrole=0 OR count(*) OVER () > 1000 THEN '' ELSE pg_get_userbyid(setrole) END AS name, (
    SELECT md5(string_agg(concat_ws(' ', d.setdatabase, d.setrole, d.setconfig), ' ' ORDER BY d.setdatabase, d.setrole))
    FROM pg_db_role_setting d WHERE d.setdatabase IN (0, b.oid) AND d.setrole IN (0, own.setrole)) AS begins
  FROM pg_database b, LATERAL (SELECT 0::oid AS setrole
    UNION SELECT setrole FROM pg_db_role_setting WHERE setdatabase IN (0, b.oid)) own
  WHERE b.datname=current_database()) r
GROUP BY name
UNION ALL SELECT '` + beginsLoaded + `', '', (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint::text
UNION ALL SELECT '` + beginsCommitted + `', '', CASE WHEN reset_val IN ('read committed', 'read uncommitted') AND NOT EXISTS (
  SELECT FROM pg_db_role_setting WHERE setconfig::text ~* 'default_transaction_isolation') THEN 't' ELSE 'f' END
  FROM pg_settings WHERE name = 'default_transaction_isolation'`
