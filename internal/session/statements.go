package session

import (
	"bytes"
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// parse takes a Parse. Malformed ones go through: Postgres says what is wrong.
func (f *feed) parse(length int, frame []byte) {
	e, c, s := f.e, f.c, f.s
	if length > len(frame) {
		f.parseLarge(length)
		return
	}
	name, text, types, ok := pgwire.ParseBody(frame[pgwire.HeaderLen:])
	if !ok {
		f.forward(oweParse, length)
		return
	}
	s.remember(text)
	st := f.look(text, false)
	if why := f.forbidden(st.Effects); why != allowed {
		f.refuse(why, length, false)
		return
	}
	effects := st.Effects
	if len(name) > 0 && (c.NoPrepared || f.preparesInSQL(name)) {
		f.touch(st, text)
		s.Pins |= PinPrepare
		f.pin(effects)
		f.forward(oweParse, length)
		return
	}
	if len(name) > maxName {
		f.parseLarge(length)
		return
	}
	var deallocated []string
	rewritten := false
	if effects.Has(naming) {
		text, deallocated, rewritten = f.rewriteText(text)
		for _, name := range deallocated {
			// Two names of one statement would become one text; which it was must not be forgotten.
			text = fmt.Appendf(text, "\n--%x", name)
		}
	}
	id := e.Statements.Intern(f.meaning(), types, text)
	if id == prepared.None {
		f.parseLarge(length)
		return
	}
	e.setEffects(id, f.executed(effects))
	if len(deallocated) > 0 {
		e.deallocates[id] = deallocated[0]
	} else if len(e.deallocates) > 0 {
		delete(e.deallocates, id) // an earlier statement's, whose ID this one has got
	}
	if len(name) == 0 {
		f.parseUnnamed(id, length, rewritten)
		return
	}
	f.parseNamed(name, id, length)
}

// preparesInSQL reports whether the client has used PREPARE on this server, which it therefore keeps: its names then
// live there, those of SQL and of the protocol together, and Postgres says which are taken (trap 17).
func (f *feed) preparesInSQL(name []byte) bool {
	if f.s.Pins&PinPrepare == 0 {
		return false
	}
	_, ours := f.e.Names.Get(f.c.Slot, name)
	return !ours
}

// parseLarge forwards a Parse too large to be remembered; its statement stays where it is, and its client with it.
func (f *feed) parseLarge(length int) {
	f.s.Pins |= PinLarge
	f.c.setUnnamed(f.e, prepared.None)
	f.s.setUnnamed(f.e, prepared.None)
	f.s.private = true
	f.forward(oweParse, length)
}

// forward passes an extended message on and notes what is owed for it.
func (f *feed) forward(kind Kind, length int) {
	f.s.owed.push(kind, prepared.None)
	f.s.open = true
	f.pass(length)
}

// parseUnnamed takes over the reference to id.
func (f *feed) parseUnnamed(id prepared.StmtID, length int, rewritten bool) {
	e, s := f.e, f.s
	s.setUnnamed(e, id)
	e.Statements.Retain(id)
	o := s.owed.push(oweParse, id)
	o.named, o.unnamed = true, true
	o.schema = e.Schema.changes.Load()
	f.c.replaceUnnamed(id, o)
	// Should what comes before it in its batch fail, it never runs, and a Bind of a later batch means the one before.
	s.mayUndo = s.mayUndo || s.open
	s.open = true
	if !rewritten {
		f.pass(length)
		return
	}
	f.replace(length, f.buildParse(nil, id))
}

// parseNamed takes over the reference to id, which becomes the name's.
func (f *feed) parseNamed(name []byte, id prepared.StmtID, length int) {
	e, c, s := f.e, f.c, f.s
	if taken, ok := e.Names.Get(c.Slot, name); ok {
		if s.owed.len() > 0 {
			// What gave it that name may yet fail.
			e.release(id)
			f.flushServer()
			f.stop = Await
			return
		}
		// The server is made to refuse it, so that the transaction fails as it would: 42P05, unless the text has a worse
		// fault.
		f.ensure(taken)
		s.owed.pushAbout(oweParse, prepared.None, name)
		s.open = true
		f.replace(length, f.buildParse(e.Statements.ServerName(taken), id))
		e.release(id)
		return
	}
	hash, version := e.Statements.Hash(id), e.Statements.Version(id)
	state := s.Prepared.Has(hash, version)
	if state == prepared.Present && !e.accepted(id) && s.owed.batches > 0 {
		// An earlier batch prepares it, for the first time; that may yet fail.
		e.release(id)
		f.flushServer()
		f.stop = Await
		return
	}
	if _, ok := e.Names.Set(c.Slot, &c.names, name, id); !ok {
		e.release(id)
		s.Pins |= PinLarge
		f.forward(oweParse, length)
		return
	}
	state = f.asOfNow(id, state)
	e.Statements.Retain(id) // the entry's
	amid := s.open
	s.open = true
	if state == prepared.Present && !s.mayRefuse() {
		s.owed.pushNamed(dueParse, id, name)
		f.discard(length)
		s.due(e, c)
		s.mayUndo = s.mayUndo || amid && s.owed.len() > 0
		return
	}
	// If the transaction has failed, or may have, the server is asked all the same: it has to say so.
	s.mayUndo = s.mayUndo || amid || s.mayRefuse()
	f.makeRoom(id, state)
	s.owed.pushNamed(oweParse, id, name).schema = e.Schema.changes.Load()
	f.replace(length, f.buildParse(e.Statements.ServerName(id), id))
}

// bind takes a Bind.
func (f *feed) bind(length int, frame []byte) {
	portal, name, end, ok := pgwire.Names2(frame[pgwire.HeaderLen:])
	if !ok {
		f.forward(oweBind, length)
		return
	}
	id, known := f.statement(name)
	s := f.s
	if known && id != prepared.None {
		s.remember(f.e.Statements.Text(id))
	}
	s.open = true
	effects := f.e.effectsOf(id)
	if why := f.forbidden(effects); why != allowed {
		f.refuse(why, length, false)
		return
	}
	if effects&(touching|sql.Begins|sql.Ends) != 0 {
		f.touchBound(id)
	}
	f.sequences(effects, effects.Has(mayDraw), false)
	s.defaults = s.defaults || effects.Has(sql.AltersDefaults)
	f.pin(effects)
	s.barrier = s.barrier || effects.Has(forgetting)
	s.begins = s.begins || effects.Has(sql.Begins)
	s.signals(effects)
	if len(f.e.deallocates) > 0 {
		if d, ok := f.e.deallocates[id]; ok {
			s.deallocating, s.deallocatingAt = append(s.deallocating, d), s.owed.tail
		}
	}
	if !known || len(name) == 0 {
		s.owed.push(oweBind, prepared.None)
		f.pass(length)
		return
	}
	f.e.Statements.Retain(id)
	s.owed.pushAbout(oweBind, id, name)
	end += pgwire.HeaderLen
	head := f.e.keep(pgwire.AppendBind(f.e.room(end+prepared.ServerNameLen+8), portal, f.e.Statements.ServerName(id), length-end))
	f.replace(end, head)
	f.pass(length - end)
}

// describe takes a Describe.
func (f *feed) describe(length int, frame []byte) {
	f.byName(oweDescribe, length, frame)
}

// byName takes a Describe: of a portal as it is, of a statement by the server's name for it.
func (f *feed) byName(kind Kind, length int, frame []byte) {
	name, statement := statementName(frame)
	if !statement {
		f.forward(kind, length)
		return
	}
	id, known := f.statement(name)
	f.s.open = true
	if !known || len(name) == 0 {
		f.s.owed.push(kind, prepared.None)
		f.pass(length)
		return
	}
	f.e.Statements.Retain(id)
	f.s.owed.pushAbout(kind, id, name)
	f.replace(length, f.e.keep(pgwire.AppendStatement(f.e.room(prepared.ServerNameLen+16), frame[0], f.e.Statements.ServerName(id))))
}

// close takes a Close. A statement of a client stays prepared on the server, where others use it: we answer.
func (f *feed) close(length int, frame []byte) {
	e, c, s := f.e, f.c, f.s
	name, statement := statementName(frame)
	amid := s.open
	s.open = true
	if statement && len(name) == 0 {
		o := s.owed.push(oweClose, prepared.None)
		o.unnamed = true
		c.replaceUnnamed(prepared.None, o)
		s.setUnnamed(e, prepared.None)
		f.pass(length)
		return
	}
	if statement {
		if id, ok := e.Names.Delete(c.Slot, &c.names, name); ok {
			s.owed.pushNamed(dueClose, id, name) // takes over the reference
			f.discard(length)
			s.due(e, c)
			s.mayUndo = s.mayUndo || amid && s.owed.len() > 0
			return
		}
	}
	f.forward(oweClose, length)
}

// statementName is the name in a Describe or Close, and whether it is a statement's.
func statementName(frame []byte) (name []byte, ok bool) {
	if len(frame) < pgwire.HeaderLen+2 || frame[pgwire.HeaderLen] != 'S' {
		return nil, false
	}
	name, _, ok = pgwire.CString(frame[pgwire.HeaderLen+1:])
	return name, ok
}

// statement sees to it that the server has the statement the client means by name. If the client has none of that
// name, the server is asked by the client's own name: it may know it from SQL, or says 26000.
func (f *feed) statement(name []byte) (id prepared.StmtID, known bool) {
	if len(name) == 0 {
		f.ensureUnnamed()
		return f.c.unnamed, true
	}
	id, known = f.e.Names.Get(f.c.Slot, name)
	if known {
		id = f.fitting(name, id)
		f.ensure(id)
		return id, true
	}
	if bytes.HasPrefix(name, []byte(prepared.ServerNamePrefix)) {
		f.s.Pins |= PinUnknown
	}
	return prepared.None, false
}

// ensureUnnamed puts a Parse, or a Close, in front if the server's unnamed statement is not the client's.
func (f *feed) ensureUnnamed() {
	e, c, s := f.e, f.c, f.s
	switch {
	case c.unnamed != prepared.None && s.unnamed != c.unnamed:
		f.fitUnnamed()
		s.mayUndo = s.mayUndo || s.open
		e.Statements.Retain(c.unnamed)
		s.owed.push(oweParseOurs, c.unnamed).unnamed = true
		s.setUnnamed(e, c.unnamed)
		f.put(f.buildParse(nil, c.unnamed))
	case c.unnamed == prepared.None && (s.unnamed != prepared.None || s.stray):
		s.mayUndo = s.mayUndo || s.open
		s.owed.push(oweCloseOurs, prepared.None).unnamed = true
		s.setUnnamed(e, prepared.None)
		f.put(e.keep(pgwire.AppendStatement(e.room(16), pgwire.Close, nil)))
	}
}

// ensure puts a Parse in front if the server does not have the statement.
func (f *feed) ensure(id prepared.StmtID) {
	e, s := f.e, f.s
	state := s.Prepared.Has(e.Statements.Hash(id), e.Statements.Version(id))
	if state == prepared.Present {
		return
	}
	s.mayUndo = s.mayUndo || s.open || s.mayRefuse()
	f.makeRoom(id, state)
	e.Statements.Retain(id)
	s.owed.push(oweParseOurs, id)
	s.open = true
	f.put(f.buildParse(e.Statements.ServerName(id), id))
}

// makeRoom notes that the server is going to have the statement; its older copy, and what is too much, is closed.
func (f *feed) makeRoom(id prepared.StmtID, state prepared.State) {
	e, s := f.e, f.s
	hash := e.Statements.Hash(id)
	if state != prepared.Absent {
		f.closeOnServer(hash)
	}
	s.Prepared.Add(hash, e.Statements.Version(id))
	for {
		old, ok := s.Prepared.Evict(s.MaxPrepared, nil)
		if !ok {
			return
		}
		f.closeOnServer(old)
	}
}

func (f *feed) closeOnServer(h prepared.Hash) {
	var name [prepared.ServerNameLen]byte
	f.s.owed.pushAbout(oweCloseOurs, prepared.None, h[:])
	f.s.open = true
	f.put(f.e.keep(pgwire.AppendStatement(f.e.room(prepared.ServerNameLen+16), pgwire.Close, prepared.AppendServerName(name[:0], h))))
}

func (f *feed) buildParse(name []byte, id prepared.StmtID) []byte {
	e := f.e
	text, types := e.Statements.Text(id), e.Statements.Types(id)
	return e.keep(pgwire.AppendParse(e.room(len(name)+len(text)+len(types)+16), name, text, types))
}
