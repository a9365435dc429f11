package engine

// What new sessions begin with may be changed by somebody who does not go through this pool, or by dynamic SQL. So the answer of the
// catalog has a row for every role that is logged in, with a hash of the settings of pg_db_role_setting that its sessions begin with
// in that database, one with the time when Postgres has last read its configuration, and one about the isolation of transactions. Where
// a hash is another than before, servers are renewed as when the change is said here (defaults.go). A new configuration reaches every
// session by itself; but what settings begin with has to be learned again.

// The sorts of these rows. The second column of the first is a role, the third of both is what is compared.
const (
	beginsRole   = "role"
	beginsLoaded = "loaded"
	// beginsCommitted is one whose third column says whether transactions are at READ COMMITTED by default, for every role.
	beginsCommitted = "committed"
)

// beginning is what a row is about. Upstreams need not agree.
type beginning struct{ upstream, sort, role string }

func (b beginning) isOne() bool {
	return b.sort == beginsRole || b.sort == beginsLoaded || b.sort == beginsCommitted
}

// begun is what the row said that a server was asked for at a time.
type begun struct {
	value string
	at    int64
}

// maxBeginnings bounds the rows that are remembered; past it all are learned anew.
const maxBeginnings = 4096

// learnBeginnings takes these rows from the answer of a server.
func (s *Shard) learnBeginnings(srv *server) {
	if srv.Failed {
		return
	}
	g := srv.pool.shared.catalog
	srv.Rows(func(columns [][]byte) {
		if len(columns) != 3 {
			return
		}
		b := beginning{srv.upstream.address, string(columns[0]), string(columns[1])}
		if !b.isOne() {
			return
		}
		if g.learnBeginning(b, begun{string(columns[2]), srv.studiedAt}) {
			s.beginsAnew(g, b)
		}
	})
}

// learnBeginning remembers a row. It reports whether it was another before.
func (g *catalog) learnBeginning(b beginning, now begun) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, known := g.beginnings[b]
	if g.beginnings == nil || !known && len(g.beginnings) >= maxBeginnings {
		g.beginnings = map[beginning]begun{}
	}
	g.beginnings[b] = now
	if b.sort == beginsCommitted {
		g.committed.Store(g.allCommitted() && now.at >= g.saidAt)
	}
	return known && was.value != now.value
}

// allCommitted reports whether all upstreams have said that transactions are at READ COMMITTED by default. Under mu.
func (g *catalog) allCommitted() (all bool) {
	for b, now := range g.beginnings {
		if b.sort == beginsCommitted {
			if all = now.value == "t"; !all {
				return false
			}
		}
	}
	return all
}

// beginsAnew does what has to be done after a change. It may be the one that has been said here, for which all has been done; but
// another's may hide behind that, and servers are renewed once too often sooner than kept too long.
func (s *Shard) beginsAnew(g *catalog, b beginning) {
	if b.sort == beginsCommitted {
		return // allCommitted has been asked again
	}
	for _, t := range s.engine.beginAnew(g, b) {
		s.engine.defaultsChanged(t, s.now)
	}
}

// beginAnew is the templates of the pools of a catalog whose servers have to be renewed after a change.
func (e *Engine) beginAnew(g *catalog, b beginning) (renewed []*template) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.pools {
		switch {
		case p.catalog != g:
		case b.sort == beginsLoaded:
			p.greetings.forgetOthers()
			e.dropAll(p.ledger) // TimeZone and the like reach every session
		case p.user == b.role:
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

// beginningsSQL asks for these rows.
const beginningsSQL = `SELECT '` + beginsRole + `', pg_get_userbyid(a.usesysid), md5(string_agg(
  concat_ws(' ', d.setdatabase, d.setrole, d.setconfig), ' ' ORDER BY d.setdatabase, d.setrole))
FROM (SELECT DISTINCT b.oid, usesysid FROM pg_stat_get_activity(NULL) JOIN pg_database b ON b.oid=datid
  WHERE b.datname=current_database() AND usesysid IS NOT NULL) a
LEFT JOIN pg_db_role_setting d ON d.setdatabase IN (0, a.oid) AND d.setrole IN (0, a.usesysid)
GROUP BY a.oid, a.usesysid
UNION ALL SELECT '` + beginsLoaded + `', '', (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint::text
UNION ALL SELECT '` + beginsCommitted + `', '', CASE WHEN reset_val IN ('read committed', 'read uncommitted') AND NOT EXISTS (
  SELECT FROM pg_db_role_setting WHERE setconfig::text ~* 'default_transaction_isolation') THEN 't' ELSE 'f' END
  FROM pg_settings WHERE name = 'default_transaction_isolation'`
