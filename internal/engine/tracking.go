package engine

import (
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// What a client may change becomes known as its texts are sent to its server. Nothing that is cached and rests on a table holds from the
// moment when a change of it may be on its way to be committed, until that is answered; and what held before never holds again.
//
//  1. A text changes what its grammar and the catalog say (effects.go): tables, or, as soon as anything about it is not known, the whole
//     database.
//  2. Inside a transaction that is open for certain nothing is committed: its changes are only noted.
//  3. As soon as something is sent that may end the transaction, or where it is not certain that there is one, its changes begin
//     (querycache.Table.Begin).
//  4. When the server is as it was before, with nothing owed and no transaction open, they end.
//  5. Where the server is lost before, nobody knows whether they were committed, or will be: they end lostChanges later.
//  6. A text that nobody has read before is read at once, but off the loop. Until it has been, it may change everything, wherever
//     its server is by then (guesses.go).

// lostChanges is how long nothing holds that rests on what a server may have been committing when it was lost.
const lostChanges = time.Minute

// maxChanges bounds the tables that one transaction may change; more are the whole database.
const maxChanges = 256

// writes is what a server's client may have changed in its transaction.
type writes struct {
	tables []*querycache.Table // each once
	// begun is how many of them have been; active: all that come must be, at once.
	begun  int
	active bool
	// ran: something has been sent since the last was over; ends: that may end the transaction. heard is when the last was.
	ran, ends bool
	heard     int64
	// reads: it is at READ COMMITTED, and has only read (inside.go).
	reads bool
	// redefines, hides: perhaps the catalog itself has been changed; see effect.
	redefines, hides bool
	// turn counts the transactions, or what was none, that are over.
	turn uint64
}

// add notes changes.
func (w *writes) add(l *ledger, x effect) {
	w.redefines, w.hides = w.redefines || x.redefines, w.hides || x.hides
	for _, t := range x.tables {
		switch {
		case slices.Contains(w.tables, t):
		case len(w.tables) < maxChanges:
			w.tables = append(w.tables, t)
		default:
			w.widen(&l.All)
		}
	}
	if w.active {
		w.begin()
	}
}

// widen puts the whole database in the last place: what stood there is part of that.
func (w *writes) widen(all *querycache.Table) {
	const last = maxChanges - 1
	if w.begun > last { // first the one, then not the other: in between both may be asked for
		all.Begin()
		w.tables[last].Cancel()
	}
	w.tables[last] = all
}

// begin has all changes begin that have not yet.
func (w *writes) begin() {
	w.active = true
	for ; w.begun < len(w.tables); w.begun++ {
		w.tables[w.begun].Begin()
	}
}

// end has all of them end.
func (w *writes) end(mark uint64) {
	for i, t := range w.tables {
		if i < w.begun {
			t.End(mark)
		} else {
			t.Change(mark)
		}
	}
	clear(w.tables)
	*w = writes{tables: w.tables[:0], turn: w.turn + 1}
}

// runs is session.Env.Runs.
func (s *Shard) runs(machine *session.Server, text []byte, id prepared.StmtID, effects sql.Effects, defining session.Defining) {
	srv := s.serverAt(machine.Conn)
	if srv == nil {
		return
	}
	s.engine.sharesWrites(srv.pool.shared.ledger)
	w := &srv.writes
	w.reads, w.heard = s.stillReads(srv, text, id, effects), s.now
	w.ran, w.ends = true, w.ends || text == nil || effects.Has(sql.Ends|sql.Unknown)
	w.active = w.ends || w.begun > 0 || !machine.Inside()
	s.changes(srv, text, id, defining)
	if w.redefines && effects.Has(sql.Ends) && session.PreparesTransaction(text) {
		srv.pool.shared.ledger.definesPrepared.Store(true)
	}
}

// settleWrites ends what a server's client has changed, if its transaction is over.
func (s *Shard) settleWrites(srv *server) {
	if srv.writes.ran && srv.Releasable() {
		s.endWrites(srv)
	}
}

func (s *Shard) endWrites(srv *server) {
	srv.pool.shared.catalog.doubtLineage(srv.writes.redefines, srv.writes.hides)
	srv.writes.end(s.engine.marks.Load())
}

// quarantined is changes of which nobody knows whether they are committed.
type quarantined struct {
	tables []*querycache.Table
	until  int64
}

// writesLost keeps what a server may have been committing from being cached for a while. What has not begun is rolled back.
func (s *Shard) writesLost(srv *server) {
	w := &srv.writes
	switch {
	case !w.ran:
		return
	case srv.Releasable():
		s.endWrites(srv)
		return
	case w.active && s.guessesAbout(srv):
		w.add(srv.pool.shared.ledger, effect{tables: []*querycache.Table{&srv.pool.shared.ledger.All}})
	}
	if w.begun > 0 {
		s.quarantine = append(s.quarantine, quarantined{slices.Clone(w.tables[:w.begun]), s.now + int64(lostChanges)})
	}
	srv.writes = writes{turn: w.turn + 1}
}

// endQuarantine ends what has been kept long enough.
func (s *Shard) endQuarantine() {
	n := 0
	for n < len(s.quarantine) && s.now >= s.quarantine[n].until {
		s.endAll(s.quarantine[n].tables)
		n++
	}
	s.quarantine = slices.Delete(s.quarantine, 0, n)
}

func (s *Shard) endAll(tables []*querycache.Table) {
	for _, t := range tables {
		t.End(s.engine.marks.Load())
	}
}

// crashedWrites ends what this shard's clients were changing: nobody will come to it any more.
func (s *Shard) crashedWrites() {
	for _, srv := range s.slots.servers {
		if srv != nil {
			s.endAll(srv.writes.tables[:srv.writes.begun])
		}
	}
	for _, q := range s.quarantine {
		s.endAll(q.tables)
	}
	s.quarantine = nil
	s.crashedGuesses()
	if s.tracks {
		for _, l := range s.engine.allLedgers() {
			l.All.Change(s.engine.marks.Load())
		}
	}
}

// track has this shard follow what its clients write, from now on for good. What they write now may be anything.
func (s *Shard) track() {
	if s.tracks || !s.engine.tracks.Load() {
		return
	}
	s.tracks = true
	for _, srv := range s.slots.servers {
		if srv == nil || srv.client == 0 && srv.purpose != abandoned && srv.purpose != rollingBack {
			continue
		}
		srv.Tracks = true
		if srv.straight != nil && srv.straight.sql || srv.straight == nil && !srv.Releasable() {
			s.trackFrom(srv)
		}
	}
	s.engine.tracked.Add(1)
}

// trackFrom has a server tracked that may be amid something.
func (s *Shard) trackFrom(srv *server) {
	srv.Tracks = true
	srv.writes.ran, srv.writes.ends, srv.writes.active = true, true, true
	srv.writes.add(srv.pool.shared.ledger, effect{tables: []*querycache.Table{&srv.pool.shared.ledger.All}, redefines: true})
}

// caches reports whether what clients write is known, so that something may be cached.
func (e *Engine) caches() bool { return int(e.tracked.Load()) == len(e.shards) }
