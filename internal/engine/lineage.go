package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// What reads depend on and what writes reach (querycache.Lineage) is asked by the server that has just asked for suspects, and believed
// as long as those. It ends sooner where a text has run that may have changed the catalog, whatever it defines (doubtLineage): the next
// server that is free asks again. Where a function has run dynamic SQL, which seldom changes the catalog, it is asked again soon, and
// believed until then. Where another answer comes than the last, though no such text was seen, somebody has changed the
// catalog who does not go through us: what was cached by the last one is dropped.

// lineageQuestion is asked amid the settings of suspectsSQL.
var lineageQuestion = lineageSettings + querycache.Question

const lineageSettings = `SET LOCAL search_path TO pg_catalog,pg_temp;SET LOCAL jit TO off;SET LOCAL statement_timeout TO '20s';`

// tracked reports whether what is written in the database of a pool is followed, so that its lineage is needed.
func (p *shardPool) tracked() bool { return p.shared.catalog.engine.tracks.Load() }

// askLineage goes on with a study.
func (s *Shard) askLineage(srv *server, x *session.Suspects) {
	srv.found = x
	s.limit(srv, askTimeout)
	srv.AskManyRows(s.env, lineageQuestion)
}

// learnedLineage takes the answer. Where there is none, writes are of everything, and nothing is cached.
func (s *Shard) learnedLineage(srv *server) {
	var lineage *querycache.Lineage
	if !srv.Failed {
		lineage = s.lineageIn(srv)
	}
	if lineage == nil {
		s.notice(Warn, "the catalog does not tell what reads depend on: nothing is cached of this database", srv,
			string(pgwire.ErrorField(srv.Failure, 'M')))
	}
	srv.ForgetRows()
	s.studied(srv, srv.found, lineage)
}

// lineageIn reads the answer, unless it is the last one again.
func (s *Shard) lineageIn(srv *server) *querycache.Lineage {
	var b querycache.LineageBuilder
	srv.Rows(b.Row)
	lineage := b.Done()
	if lineage == nil {
		return nil
	}
	lineage, isOther := srv.pool.shared.catalog.latest(lineage)
	if isOther {
		s.engine.dropAll(srv.pool.shared.ledger)
	}
	return lineage
}

// latest is a lineage that has just been learned, or the last one if it is the same; it reports whether it is another than that.
func (g *catalog) latest(lineage *querycache.Lineage) (_ *querycache.Lineage, isOther bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.last
	if was != nil && was.Sum() == lineage.Sum() {
		return was, false
	}
	g.last = lineage
	return lineage, was != nil
}

// doubtLineage notes that the catalog of a database may have been changed; or only that something has run of which nobody knows what it
// has done.
func (g *catalog) doubtLineage(redefined, hid bool) {
	switch {
	case redefined:
		for _, other := range g.engine.catalogsOf(g.key.database) {
			other.doubt(true)
		}
	case hid:
		g.doubt(false)
	}
}

// doubtShare is suspectShare where the last answer is believed no longer: no server spends more than a tenth of its time on this.
const doubtShare = 10

// earliest is when the catalog may be asked again, of which the last answer was doubted, or is not believed at all. Under mu.
func (g *catalog) earliest() int64 {
	if g.lineage.Load() == nil {
		return g.at + doubtShare*g.took
	}
	return g.at + suspectShare*g.took
}

// doubt has the catalog asked again, if not at once.
func (g *catalog) doubt(redefined bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if redefined {
		g.lineage.Store(nil)
		g.doubts++
	}
	if due := g.due.Load(); due != loop.Never { // else who asks now sees to it
		g.due.Store(min(due, g.earliest()))
	}
}
