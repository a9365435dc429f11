package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// readQuery reads the names in a simple Query, whose text was scanned last. It reports whether there are any; the client
// may have to wait before they are known.
func (f *feed) readQuery(length int, frame []byte) bool {
	st := &f.e.scan
	if st.Effects.Has(listing) && !f.c.NoPrepared || f.executesInside(st, frame[pgwire.HeaderLen:]) {
		if f.becomeNative(); f.stop != More {
			return false
		}
	}
	if !st.Effects.Has(naming) {
		return false
	}
	text, _, ok := pgwire.CString(frame[pgwire.HeaderLen:])
	if f.c.NoPrepared || !ok || length > len(frame) {
		if st.Effects.Has(sql.SQLPrepare) {
			f.s.Pins |= PinPrepare
		}
		return false
	}
	r := f.read(text)
	if r.early {
		f.e.unread()
		f.flushServer()
		f.stop = Await
		return false
	}
	if r.native {
		if f.becomeNative(); f.stop != More {
			f.e.unread()
			return false
		}
		f.s.Pins |= PinPrepare
		r = f.read(text)
	}
	st.Effects = r.effects
	return true
}

// rewriteQuery forwards the simple Query that was read, with its names replaced; false if there was nothing to replace.
// What it names is prepared ahead of it, for which there is a Sync that nobody sees.
//
// If the batch before has no Sync, there is none either: it would commit what the batch has done, and Postgres takes both
// for one transaction. The Query then waits until it is known that what goes ahead of it has not failed: it would be
// skipped.
func (f *feed) rewriteQuery(frame []byte) bool {
	e := f.e
	text, _, _ := pgwire.CString(frame[pgwire.HeaderLen:])
	amid, before := f.s.open, f.s.owed.tail
	for i := range e.reading.mentions {
		if m := &e.reading.mentions[i]; !amid || !m.gives {
			f.ahead(m)
		}
	}
	if amid && f.s.owed.tail != before {
		e.unread()
		f.flushServer()
		f.stop = Await
		return false
	}
	for i := range e.reading.mentions {
		if m := &e.reading.mentions[i]; amid && m.gives {
			f.ahead(m)
		}
	}
	f.syncOurs(amid)
	out := append(e.room(pgwire.HeaderLen+f.roomForRead(text)+1), pgwire.Query, 0, 0, 0, 0)
	out, changed := f.appendRead(out, text)
	if !changed {
		return false
	}
	f.replace(len(frame), e.keep(framed(append(out, 0))))
	return true
}

// endOfBatch puts a Sync in the place of a Query that Postgres would skip, and not if we had put nothing ahead of it. The
// error has been told, and the ReadyForQuery is the client's.
func (f *feed) endOfBatch(length int) {
	f.discard(length)
	f.s.pushSync()
	f.put(f.e.keep(pgwire.AppendEmpty(f.e.room(8), pgwire.Sync)))
}

// ahead sees to it that the server has what the text is going to name, and that it does not have what the text is going to
// make.
func (f *feed) ahead(m *mention) {
	if m.id == prepared.None {
		return
	}
	if !m.gives {
		if !m.inside {
			f.ensure(m.id)
		}
		return
	}
	state := prepared.Absent
	if !m.inside {
		state = f.s.Prepared.Has(f.e.Statements.Hash(m.id), f.e.Statements.Version(m.id))
	}
	f.s.mayUndo = f.s.mayUndo || f.s.open
	f.makeRoom(m.id, state)
}

// oweRead hands what was read over to the server's queue, for the message whose entry was pushed last.
func (f *feed) oweRead() {
	f.s.owe(f.e.reading.mentions...)
	f.e.reading.mentions = f.e.reading.mentions[:0]
}

// oweParsed hands what was read over for a Parse: it makes nothing, but may be wrong.
func (f *feed) oweParsed() {
	if f.stop != More {
		f.e.unread()
		return
	}
	for i := range f.e.reading.mentions {
		f.e.reading.mentions[i].gives = false
	}
	f.oweRead()
}

// onServer is the statement that a server is given for one of the client's: the same, or, where its text names statements,
// one that calls them as servers do. It is retained. What was read stays to be looked at.
func (f *feed) onServer(id prepared.StmtID) prepared.StmtID {
	e := f.e
	if effects := e.effectsOf(id); !effects.Has(naming) && f.mayGiveNull(effects) {
		return f.withoutNulls(id)
	}
	if !e.effectsOf(id).Has(naming) || f.c.NoPrepared || e.Statements.FromSQL(id) {
		e.Statements.Retain(id)
		return id
	}
	text := e.Statements.Text(id)
	f.look(text, false)
	r := f.read(text)
	out, changed := f.appendRead(e.room(f.roomForRead(text)), text)
	on := prepared.None
	if changed {
		on = e.Statements.Intern(f.meaning(), e.Statements.Types(id), out)
	}
	if on == prepared.None {
		e.Statements.Retain(id)
		return id
	}
	e.setEffects(on, r.effects)
	for i := range r.mentions {
		if m := &r.mentions[i]; m.effect == sql.SQLExecute {
			f.ahead(m) // so that Postgres can say what it returns
		}
	}
	return on
}

// settleNames sees to it that what was read can be relied on: the client waits for that, or the server becomes native. It
// reports whether either is so, and the statement has to be looked for again.
func (f *feed) settleNames(id prepared.StmtID) bool {
	r, effects := &f.e.reading, f.e.effectsOf(id)
	switch {
	case effects.Has(naming) && r.early:
		f.e.unread()
		f.flushServer()
		f.stop = Await
	case effects.Has(listing) || effects.Has(naming) && r.native || f.executesInsideBound(id):
		done := f.s.Pins.Has(PinPrepare)
		if !effects.Has(naming) {
			done = f.s.isNative(f.c)
		}
		if done || f.s.owed.len() == 0 && f.s.Status == pgwire.StatusFailed {
			return false
		}
		native := effects.Has(naming) && r.native
		f.e.unread()
		if f.becomeNative(); f.stop == More && native {
			f.s.Pins |= PinPrepare
		}
		return f.stop != More || f.s.Pins.Has(PinPrepare)
	default:
		return false
	}
	return true
}

// bindRead notes that the portal executes what was read.
func (f *feed) bindRead(portal []byte) {
	f.s.bind(f.e, portal, f.e.reading.mentions)
	f.e.reading.mentions = f.e.reading.mentions[:0]
}

// execute takes an Execute. What the portal's text names is prepared ahead of it.
func (f *feed) execute(length int, frame []byte) {
	s := f.s
	s.executes = true
	runs := s.portals.of(frame)
	if len(s.bound) == 0 {
		f.passExecute(runs, length)
		return
	}
	portal, _, _ := pgwire.CString(frame[pgwire.HeaderLen:])
	for i := range s.bound {
		if string(s.bound[i].portal) == string(portal) {
			f.ahead(&s.bound[i].mention)
		}
	}
	f.passExecute(runs, length)
	for i := range s.bound {
		b := &s.bound[i]
		if string(b.portal) != string(portal) {
			continue
		}
		if b.fixes != nil {
			f.restoreAfter(b)
			continue
		}
		if b.id != prepared.None {
			f.e.Statements.Retain(b.id)
		}
		s.owe(b.mention)
		s.barrier = s.barrier || b.effect != sql.SQLExecute
	}
}
