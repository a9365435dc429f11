package engine

import (
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// What texts change, and what reads depend on, is found out once for each fingerprint and lineage, and remembered by the shard.

// maxEffects bounds what is remembered; past it all is found out anew.
const maxEffects = 8192

// maxLineages bounds the lineages that are kept for it: each may take some MiB.
const maxLineages = 16

// remembers notes that something is going to be remembered by a lineage.
func (s *Shard) remembers(lineage *querycache.Lineage) {
	if slices.Contains(s.lineages, lineage) {
		return
	}
	if len(s.lineages) >= maxLineages {
		clear(s.effects)
		clear(s.dependences)
		clear(s.lately[:])
		clear(s.lineages)
		s.lineages = s.lineages[:0]
	}
	s.lineages = append(s.lineages, lineage)
}

// effectKey is of what a text does: the lineage is of the catalog that it was read by, and the ledger has the tables.
type effectKey struct {
	fingerprint uint64
	lineage     *querycache.Lineage
	ledger      *ledger
}

// recentEffect is one that was needed lately: that of a text of that fingerprint, in most cases, found without looking in the map.
type recentEffect struct {
	effectKey
	effect
}

// recentEffects is how many there are.
const recentEffects = 256

// dependence is what a read depends on, or why it cannot be cached.
type dependence struct {
	tables []*querycache.Table
	why    querycache.Reason
}

// changes notes what a text changes that is about to run on a server; nil is one that nobody can read. Whether it may change the catalog
// itself is told apart (redefines): what a function does in dynamic SQL is not seen. The catalog is asked soon, and believed until then.
//
// What may run code that nobody reads may also change what the client's own names stand for on the server (session/native_texts.go). COMMIT
// PREPARED runs none.
func (s *Shard) changes(srv *server, text []byte, id prepared.StmtID, defining session.Defining) {
	l, g := srv.pool.shared.ledger, srv.pool.shared.catalog
	var of uint64
	var f *sql.Facts
	var asked bool
	if text != nil {
		of, f, asked = s.env.FactsOf(text, id)
	}
	if f == nil && asked && s.guess(srv, of, text, defining) {
		if srv.writes.active {
			srv.writes.begin()
		}
		return
	}
	x := s.changedBy(l, g, of, f, text, defining)
	if x.everything(l) && defining != session.DefinesPrepared {
		srv.DoubtTexts()
	}
	srv.writes.add(l, srv.widened(f, x))
}

// widened is what a text changes on a server: of a client that has temporary tables, and perhaps views, of any name, all.
func (srv *server) widened(f *sql.Facts, x effect) effect {
	if srv.Pins&session.PinTemp != 0 && (f == nil || f.Class != sql.ClassReads) {
		x.tables = []*querycache.Table{&srv.pool.shared.ledger.All}
	}
	return x
}

// effect is what a text changes.
type effect struct {
	tables []*querycache.Table
	// redefines: perhaps the catalog itself. hides: it runs what nobody can read, and which seldom does.
	redefines, hides bool
}

// everything reports whether it is the whole database.
func (x *effect) everything(l *ledger) bool { return slices.Contains(x.tables, &l.All) }

// changedBy is what a text of those facts changes; nil facts: it may do anything.
func (s *Shard) changedBy(l *ledger, g *catalog, of uint64, f *sql.Facts, text []byte, defining session.Defining) effect {
	if f == nil {
		return effect{tables: []*querycache.Table{&l.All}, redefines: defining != session.DefinesNot, hides: true}
	}
	x := s.effectOf(l, g.lineage.Load(), of, f, text)
	if !f.Traits.Has(sql.Understood) {
		x.redefines = defining == session.MayDefine || defining == session.DefinesPrepared && l.definesPrepared.Load()
	}
	return x
}

// effectOf is changedBy as far as it is the same for all texts with that fingerprint.
func (s *Shard) effectOf(l *ledger, lineage *querycache.Lineage, of uint64, f *sql.Facts, text []byte) effect {
	k := effectKey{of, lineage, l}
	lately := &s.lately[of%recentEffects]
	if lately.effectKey == k {
		return lately.effect
	}
	x, known := s.effects[k]
	if !known {
		x, known = s.findEffect(k, f, text)
	}
	if known {
		*lately = recentEffect{k, x}
	}
	return x
}

// findEffect finds out what a text changes. remembered: it is remembered.
func (s *Shard) findEffect(k effectKey, f *sql.Facts, text []byte) (x effect, remembered bool) {
	l, lineage := k.ledger, k.lineage
	s.remembers(lineage)
	s.form = sql.NormalForm(s.form[:0], text)
	names, all := lineage.Writes(f, s.form)
	for _, name := range names {
		x.tables = append(x.tables, l.Table(name))
	}
	if all {
		x.tables, x.hides = append(x.tables, &l.All), lineage != nil
	}
	if f.Traits.Has(sql.Roles) {
		x.tables = append(x.tables, s.everything(l)...)
		return x, false // databases may come
	}
	if len(s.effects) >= maxEffects {
		clear(s.effects)
	}
	s.effects[k] = x
	return x, true
}

// everything is all databases but one.
func (s *Shard) everything(but *ledger) (tables []*querycache.Table) {
	for _, l := range s.engine.allLedgers() {
		if l != but {
			tables = append(tables, &l.All)
		}
	}
	return tables
}

// dependsOn is what a read depends on.
func (s *Shard) dependsOn(l *ledger, lineage *querycache.Lineage, of uint64, f *sql.Facts, text []byte) dependence {
	k := effectKey{of, lineage, l}
	if d, known := s.dependences[k]; known {
		return d
	}
	s.remembers(lineage)
	s.form = sql.NormalForm(s.form[:0], text)
	names, why := lineage.Reads(f, s.form)
	d := dependence{why: why}
	for _, name := range names {
		d.tables = append(d.tables, l.Table(name))
	}
	if len(s.dependences) >= maxEffects {
		clear(s.dependences)
	}
	s.dependences[k] = d
	return d
}
