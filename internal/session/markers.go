package session

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A notification names the server that has sent it, and clients are to be told the client. Which that was, those who hear cannot find out
// from when they hear it. So the servers say it, where notifications are: Postgres delivers those of one server in the order in
// which it has committed them, and within a transaction in the order in which they were said. A NOTIFY of ours on a channel that
// nobody else knows, a marker, names the client; what comes behind it is that client's. So
//
//  1. ahead of a text that notifies goes a marker that names its client, unless the last one did, and has committed. Outside a
//     transaction it is one of its own. Inside, it is part of it, and gone with it if that is undone; so it does not count as said,
//     and goes ahead of the next text again: Postgres sends equal ones once;
//  2. ahead of a text that may notify, without a word of it, goes a marker that names nobody, where the last one has named another
//     client. Inside a transaction, which might then not be prepared (PREPARE TRANSACTION) as it would have been, there is none:
//     who hears is told that nobody knows (Doubt). The same where a marker cannot be kept: it fails, or the text rolls back itself.
//
// What nobody is named for is the server's, by its own process ID. Where nobody listens, nothing is said.

// Markers is where it stands whether a database has somebody who hears markers: it changes when another begins, who has heard none
// of those that were said before. 0: nobody does.
type Markers = atomic.Uint64

// named is whom the markers of a server have named, by the process IDs of clients; 0 is nobody.
type named struct {
	// firm is whom the last has named that has committed, or will, whatever comes. loose is whom those have named since that were said
	// in transactions; several: not all the same.
	firm, loose uint32
	several     bool
	// heardBy is what Markers was when firm was said.
	heardBy uint64
}

// anybody reports whether those who hear may take anybody for the sender of what is sent now.
func (n *named) anybody() bool { return n.firm|n.loose != 0 }

// another reports whether they may take another than who.
func (n *named) another(who uint32) bool {
	return n.several || n.firm != 0 && n.firm != who || n.loose != 0 && n.loose != who
}

// sends is what a text may send.
type sends struct {
	// notifies: it says so, or mentions who does. may: it may, without a word of it.
	notifies, may bool
	// called: it is not the text itself that says so.
	called bool
	// undoes: it may roll back what goes ahead of it.
	undoes bool
}

// marking reports whether anybody hears markers of the server.
func (f *feed) marking() bool {
	return f.s.Markers != nil && f.s.Markers.Load() != 0 && !f.s.ReadsOnly // on a standby nothing is sent
}

// namesAhead sees to it that what a text sends is not taken for another client's: a simple Query, or one that is parsed now, to run
// later. It reports false if everything before it has to be answered first.
func (f *feed) namesAhead(st *sql.Statement, text []byte, simple bool) bool {
	if !f.marking() {
		return true
	}
	x := f.s.suspects()
	var p Pins
	if x != nil {
		p = x.of(st, text)
	}
	w := f.sendsOf(st.Effects, x, p, text)
	w.may = w.may || x == nil && !runsNothing(st) || !simple && f.mayLater(x)
	w.undoes = st.Effects.Has(sql.Multi) && (st.Effects.Has(sql.Ends|sql.Unknown) || containsFold(text, "rollback"))
	return f.name(w, simple, !simple)
}

// namesBound is namesAhead for a statement of the client that is executed now.
func (f *feed) namesBound(name []byte) bool {
	if !f.marking() {
		return true
	}
	id := f.c.unnamed
	if len(name) > 0 {
		id, _ = f.e.Names.Get(f.c.Slot, name)
	}
	if id == prepared.None {
		if !f.c.NoPrepared && !f.s.private && !f.s.Pins.Has(PinPrepare|PinLarge|PinUnknown) {
			return true // there is no such statement
		}
		return f.name(sends{notifies: f.effectsNamed(name).Has(sql.Notifies), may: true}, false, false)
	}
	x, p := f.s.suspects(), Pins(0)
	if x != nil {
		p = f.verdictOf(x, id).pins
	}
	w := f.sendsOf(f.e.effectsOf(id), x, p, f.e.Statements.Text(id))
	w.may = w.may || x == nil && !f.e.effectsOf(id).Has(runsNone) || f.mayLater(x)
	w.notifies = w.notifies || f.e.effectsOf(id).Has(sql.SQLExecute) // what that is, is not looked for yet
	return f.name(w, false, false)
}

// namesBatch is namesAhead for a message that runs nothing, but may begin a batch that does.
func (f *feed) namesBatch() {
	if f.marking() && f.mayLater(f.s.suspects()) {
		f.name(sends{may: true}, false, true)
	}
}

// namesCalled is namesAhead for a FunctionCall.
func (f *feed) namesCalled(frame []byte) bool {
	const pgNotify = 3036
	if !f.marking() || len(frame) < pgwire.HeaderLen+4 {
		return true
	}
	function := binary.BigEndian.Uint32(frame[pgwire.HeaderLen:])
	return f.name(sends{notifies: function == pgNotify, may: !largeObjects[function]}, true, false)
}

// sendsOf is what a text of these effects may send, which mentions suspects of the kinds p.
func (f *feed) sendsOf(effects sql.Effects, x *Suspects, p Pins, text []byte) (w sends) {
	w.notifies, w.may = effects.Has(sql.Notifies), p.Has(MayNotify) || effects.Has(sql.SQLExecute)
	switch {
	case w.notifies:
	case effects.Has(sql.DoBlock|sql.Unknown) && containsFold(text, "notify"):
		w.notifies, w.called = true, true
	case effects.Has(sql.DoBlock) && containsFold(text, "execute"), effects.Has(sql.Unknown):
		w.may = true
	}
	w.called = w.called || !w.notifies && p.Has(Notifying)
	w.notifies = w.notifies || w.called
	if effects.Has(sql.Begins) { // inside it is too late
		w.may = w.may || x == nil || x.all.Has(MayNotify)
		w.notifies = w.notifies || x != nil && x.TwoPhase && x.all.Has(Notifying)
	}
	return w
}

// mayLater reports whether a batch of extended messages begins, which may come to run what may notify: then it is too late.
func (f *feed) mayLater(x *Suspects) bool {
	return !f.s.open && (x == nil || x.all.Has(MayNotify))
}

// name says whose it is, what w tells of. parsed: the text does not run yet.
func (f *feed) name(w sends, simple, parsed bool) bool {
	c, s := f.c, f.s
	n := &s.named
	if !w.notifies && (!w.may || !n.anybody()) {
		return true
	}
	hearing, who := s.Markers.Load(), f.e.Listeners.PID(c)
	if !n.another(who) && (!w.notifies || n.firm == who && n.heardBy == hearing) {
		return true
	}
	switch inside := s.open || s.Status != pgwire.StatusIdle || s.private; { // a Query drops an unnamed statement that nobody remembers
	case inside && parsed:
		return true
	case !s.open && s.owed.batches > 0, s.CancelComes:
		if !parsed {
			f.stop = Await // whether a transaction is open is not known yet, or what is said now would be cancelled
		}
		return parsed
	case inside:
		f.nameInside(w, who, simple)
		return true
	}
	if !w.notifies && n.loose != who {
		who = 0
	}
	*n = named{firm: who, heardBy: hearing}
	text := f.e.Listeners.Marker(s, who)
	s.owed.push(oweQueryOurs, prepared.None).marks = true
	s.setUnnamed(f.e, prepared.None)
	f.put(f.e.keep(pgwire.AppendQuery(f.e.room(len(text)+8), text)))
	return true
}

// nameInside is name amid a transaction, or a batch.
func (f *feed) nameInside(w sends, who uint32, simple bool) {
	s := f.s
	failed, amid := s.Status == pgwire.StatusFailed, s.open
	switch x := s.suspects(); {
	case failed && !s.executes && !w.undoes:
		return // it sends nothing
	case failed, w.undoes, !w.notifies, w.called && (x == nil || x.TwoPhase):
		s.doubtNames(f.e)
		return
	}
	n := &s.named
	n.several = n.several || n.loose != 0 && n.loose != who
	n.loose = who
	f.extendedOurs([]string{f.e.Listeners.Marker(s, who)})
	if simple {
		f.syncOurs(amid)
	}
}

// doubtNames has nobody believe the markers that the server has said.
func (s *Server) doubtNames(e *Env) {
	s.named = named{}
	e.Listeners.Doubt(s)
}
