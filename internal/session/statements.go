package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// parse takes a Parse. Malformed ones go through: Postgres says what is wrong.
func (f *feed) parse(length int, frame []byte) {
	e, c, s := f.e, f.c, f.s
	if length > len(frame) {
		f.parseLarge(length, frame)
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
	if !f.wear(st.Effects) || !f.namesAhead(st, text, false) {
		return
	}
	effects := st.Effects
	f.tellOwn(effects)
	if len(name) > 0 && (c.NoPrepared || f.native(name)) {
		f.touch(st, text)
		f.sequences(effects, f.suspect(st, text), draws(st), false)
		f.channels(effects)
		s.Pins |= PinPrepare
		s.native |= effects & aboutChannels
		s.nativeDefines = s.nativeDefines || definesKept(text, f.executed(effects, text))
		f.pin(effects)
		f.standing(name, text, effects)
		e.Prepares.ByClients++
		e.Prepares.OnServers++
		amid := s.open
		f.parseNatively(st, length, name, text, types)
		f.awaitText(name, text, false, amid, s.owed.tail-1)
		return
	}
	if len(name) > maxName {
		f.parseLarge(length, frame)
		return
	}
	id := e.Statements.Intern(f.meaning(), types, text)
	if id == prepared.None {
		f.parseLarge(length, frame)
		return
	}
	e.setEffects(id, f.executed(effects, text))
	f.discardAhead(id)
	on := f.onServer(id)
	if len(name) == 0 {
		f.parseUnnamed(id, on, length)
	} else {
		f.parseNamed(name, id, on, length)
	}
	if effects.Has(naming) || f.mayGiveNull(effects) {
		f.oweParsed()
	}
}

// native reports whether the server, which the client therefore keeps, knows statements by the client's own names. Those
// of SQL and of the protocol then live there together, and Postgres says which are taken (trap 17).
func (f *feed) native(name []byte) bool {
	if f.s.Pins&PinPrepare == 0 {
		return false
	}
	_, ours := f.e.Names.Get(f.c.Slot, name)
	return !ours
}

// parseLarge forwards a Parse too large to be remembered; its statement stays where it is, and its client with it.
func (f *feed) parseLarge(length int, frame []byte) {
	if len(frame) > pgwire.HeaderLen && frame[pgwire.HeaderLen] != 0 {
		f.e.Prepares.ByClients++
		f.e.Prepares.OnServers++
	}
	f.s.Pins |= PinLarge
	f.sequences(0, anything|DrawsSequence, true, false)
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

// parseUnnamed takes over the references to id, and to on, which is what the server is given for it.
func (f *feed) parseUnnamed(id, on prepared.StmtID, length int) {
	e, s := f.e, f.s
	e.outdate(on)
	s.setUnnamed(e, on)
	o := s.owed.push(oweParse, on)
	o.named, o.unnamed = true, true
	o.schema = e.Schema.changes.Load()
	f.c.replaceUnnamed(id, o)
	// Should what comes before it in its batch fail, it never runs, and a Bind of a later batch means the one before.
	s.mayUndo = s.mayUndo || s.open
	s.open = true
	if on == id {
		f.pass(length)
		return
	}
	f.replace(length, f.buildParse(nil, on))
}

// parseNamed takes over the references to id, of which one becomes the name's, and to on, which is what the server is given
// for it.
func (f *feed) parseNamed(name []byte, id, on prepared.StmtID, length int) {
	e, c, s := f.e, f.c, f.s
	if taken, ok := e.Names.Get(c.Slot, name); ok {
		if s.owed.len() > 0 {
			// What gave it that name may yet fail.
			e.release(id)
			e.release(on)
			f.flushServer()
			f.stop = Await
			return
		}
		// The server is made to refuse it, so that the transaction fails as it would: 42P05, unless the text has a worse
		// fault.
		e.Prepares.ByClients++
		f.ensure(taken)
		s.owed.pushAbout(oweParse, prepared.None, name)
		s.open = true
		f.replace(length, f.buildParse(e.Statements.ServerName(taken), on))
		e.release(id)
		e.release(on)
		return
	}
	hash, version := e.Statements.Hash(on), e.Statements.Version(on)
	state := s.Prepared.Has(hash, version)
	if state == prepared.Present && !e.accepted(on) && s.owed.batches > 0 {
		// An earlier batch prepares it, for the first time; that may yet fail.
		e.release(id)
		e.release(on)
		f.flushServer()
		f.stop = Await
		return
	}
	e.Prepares.ByClients++
	if _, ok := e.Names.Set(c.Slot, &c.names, name, id); !ok {
		e.release(id)
		e.release(on)
		e.Prepares.OnServers++
		s.Pins |= PinLarge
		f.forward(oweParse, length)
		return
	}
	if !isASCII(name) {
		f.prove(name)
	}
	state = f.asOfNow(on, state)
	amid := s.open
	s.open = true
	if state == prepared.Present && !s.mayRefuse() {
		e.Statements.Retain(id)
		e.release(on)
		s.owed.pushNamed(dueParse, id, name)
		f.discard(length)
		s.due(e, c)
		s.mayUndo = s.mayUndo || amid && s.owed.len() > 0
		return
	}
	// If the transaction has failed, or may have, the server is asked all the same: it has to say so.
	s.mayUndo = s.mayUndo || amid || s.mayRefuse()
	e.Prepares.OnServers++
	f.makeRoom(on, state)
	if on == id {
		s.owed.pushNamed(oweParse, id, name).schema = e.Schema.changes.Load()
		f.replace(length, f.buildParse(e.Statements.ServerName(id), id))
		return
	}
	s.owed.push(oweParseOurs, on).schema = e.Schema.changes.Load()
	f.oweParsed()
	f.put(f.buildParse(e.Statements.ServerName(on), on))
	e.Statements.Retain(id)
	s.owed.pushNamed(dueParse, id, name)
	f.discard(length)
}

// bind takes a Bind.
func (f *feed) bind(length int, frame []byte) {
	portal, name, end, ok := pgwire.Names2(frame[pgwire.HeaderLen:])
	if !ok { // or they are so long that they are not looked at
		f.runsUnread(sql.Unknown, false)
		f.s.portals = portals{}
		f.forward(oweBind, length)
		return
	}
	named := f.effectsNamed(name)
	if !f.wear(named) || !f.namesBound(name) {
		return
	}
	f.tellOwn(named)
	if !f.s.open {
		f.discardAhead(f.named(name))
	}
	id, on, known := f.statement(name)
	if f.stop != More {
		return
	}
	if !f.asTold(on, name, length) {
		f.e.unread()
		f.e.release(on)
		return
	}
	s := f.s
	f.bindsPortal(portal, id)
	if known && id != prepared.None {
		s.remember(f.e.Statements.Text(id))
	}
	s.open = true
	effects := f.effectsBound(id, portal)
	if !known {
		effects |= s.native
	}
	if why := f.forbidden(effects); why != allowed {
		f.e.release(on)
		f.refuse(why, length, false)
		return
	}
	switch {
	case !known:
		f.runsNative(name, effects)
	case id != prepared.None:
		f.runs(f.e.Statements.Text(id), id, effects)
	default:
		f.runsUnread(effects|sql.Unknown, false)
	}
	if effects&(touching|sql.Begins|sql.Ends|sql.SetsLocal) != 0 || f.mayGiveNull(effects) {
		f.touchBound(id, portal, effects)
	}
	text := f.boundStanding(name, portal, known)
	if f.mayGiveNull(effects) {
		f.e.unread()
		text = f.e.Statements.Text(id)
	}
	s.defaults = s.defaults || effects.Has(sql.AltersDefaults)
	f.sequences(effects, f.suspectBound(id)|f.inCode(id, effects), effects.Has(mayDraw), false)
	f.foreseeBound(id, frame[pgwire.HeaderLen+end:])
	f.channels(effects)
	f.pin(effects)
	s.barrier = s.barrier || effects.Has(sql.DeallocatesAll|sql.DiscardsAll)
	s.begins = s.begins || effects.Has(sql.Begins)
	f.reshape(effects.Has(mayReshape))
	s.signals(effects)
	if len(name) > 0 {
		f.e.Prepares.Binds++
	}
	if !known || len(name) == 0 {
		f.e.release(on)
		s.owed.push(oweBind, prepared.None)
		if !f.bindGiven(length, frame, text, portal, name, end) {
			f.pass(length)
		}
		return
	}
	s.owed.pushAbout(oweBind, on, name)
	f.untold(on, portal)
	if f.bindGiven(length, frame, text, portal, f.e.Statements.ServerName(on), end) {
		return
	}
	end += pgwire.HeaderLen
	head := f.e.keep(pgwire.AppendBind(f.e.room(end+prepared.ServerNameLen+8), portal, f.e.Statements.ServerName(on), length-end))
	f.replace(end, head)
	f.pass(length - end)
}

// describe takes a Describe.
func (f *feed) describe(length int, frame []byte) {
	f.namesBatch()
	if name, ok := statementName(frame); ok {
		f.tellOwn(f.effectsNamed(name))
	}
	f.byName(oweDescribe, length, frame)
}

// byName takes a Describe: of a portal as it is, of a statement by the server's name for it.
func (f *feed) byName(kind Kind, length int, frame []byte) {
	name, statement := statementName(frame)
	if !statement {
		if f.tellsPortal(frame) {
			f.s.open = true
			f.pass(length)
			return
		}
		f.forward(kind, length)
		return
	}
	_, on, known := f.statement(name)
	if f.stop != More {
		return
	}
	f.e.unread()
	f.s.open = true
	f.s.owed.pushAbout(kind, on, name)
	f.tells(on, name)
	if !known || len(name) == 0 {
		f.pass(length)
		return
	}
	f.replace(length, f.e.keep(pgwire.AppendStatement(f.e.room(prepared.ServerNameLen+16), frame[0], f.e.Statements.ServerName(on))))
}

// close takes a Close. A statement of a client stays prepared on the server, where others use it: we answer.
func (f *feed) close(length int, frame []byte) {
	e, c, s := f.e, f.c, f.s
	name, statement := statementName(frame)
	f.namesBatch()
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
		s.standNot(name)
		s.texts.takeAway(name)
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
// name, the server is asked by the client's own name: it may know it, if it is native, or says 26000.
//
// On is what the server has for it, retained. While it is not known what names in its text mean, the client waits.
func (f *feed) statement(name []byte) (id, on prepared.StmtID, known bool) {
	before := f.s.owed.tail
	f.copy = prepared.Copy{}
	if len(name) == 0 {
		id, f.told, known = f.c.unnamed, f.c.unnamedTold, true
	} else {
		id, f.told, known = f.e.Names.Told(f.c.Slot, name)
	}
	if id != prepared.None {
		switch {
		case len(name) > 0:
			id = f.fitting(name, id)
		case f.s.unnamed != id:
			f.fitUnnamed()
			id = f.c.unnamed
		}
		on = f.onServer(id)
		if (f.c.fromSQL || f.e.effectsOf(id).Has(naming|listing)) && !f.c.NoPrepared && f.settleNames(id) {
			f.e.release(on)
			if f.stop != More {
				return prepared.None, prepared.None, false
			}
			return f.statement(name)
		}
	}
	switch {
	case len(name) == 0:
		f.ensureUnnamed(on)
		f.copy = f.s.unnamedCopy
	case known:
		f.copy = f.ensure(on)
	case bytes.HasPrefix(name, []byte(prepared.ServerNamePrefix)):
		f.s.Pins |= PinUnknown
	}
	f.fresh = f.s.owed.tail != before
	return id, on, known
}

// named is the client's statement of that name, or None.
func (f *feed) named(name []byte) prepared.StmtID {
	if len(name) == 0 {
		return f.c.unnamed
	}
	id, _ := f.e.Names.Get(f.c.Slot, name)
	return id
}

// effectsBound is what the portal will do, of the statement that was looked for last.
func (f *feed) effectsBound(id prepared.StmtID, portal []byte) sql.Effects {
	if effects := f.e.effectsOf(id); !effects.Has(naming) || f.c.NoPrepared {
		if len(f.s.bound) > 0 {
			f.s.bind(f.e, portal, nil)
		}
		return effects
	}
	f.bindRead(portal)
	return f.e.reading.effects
}

// ensureUnnamed puts a Parse, or a Close, in front if the server's unnamed statement is not the client's, on.
func (f *feed) ensureUnnamed(on prepared.StmtID) {
	e, s := f.e, f.s
	switch {
	case on != prepared.None && s.unnamed != on:
		s.mayUndo = s.mayUndo || s.open || s.mayRefuse()
		e.Statements.Retain(on)
		s.owed.push(oweParseOurs, on).unnamed = true
		s.setUnnamed(e, on)
		f.put(f.buildParse(nil, on))
	case on == prepared.None && (s.unnamed != prepared.None || s.stray):
		s.mayUndo = s.mayUndo || s.open || s.mayRefuse()
		s.owed.push(oweCloseOurs, prepared.None).unnamed = true
		s.setUnnamed(e, prepared.None)
		f.put(e.keep(pgwire.AppendStatement(e.room(16), pgwire.Close, nil)))
	}
}

// ensure puts a Parse in front if the server does not have the statement. It returns what is known of its copy.
func (f *feed) ensure(id prepared.StmtID) prepared.Copy {
	e, s := f.e, f.s
	state, known := s.Prepared.Look(e.Statements.Hash(id), e.Statements.Version(id))
	if state == prepared.Present || state == prepared.Stale && s.Pins&PinSession != 0 && !e.Statements.FromSQL(id) {
		return known // in session mode an old copy is the client's own, and Postgres plans it anew or refuses it
	}
	s.mayUndo = s.mayUndo || s.open || s.mayRefuse()
	made := f.makeRoom(id, state)
	if e.Statements.FromSQL(id) {
		f.prepareInSQL(id)
		return made
	}
	e.Statements.Retain(id)
	e.Prepares.OnServers++
	s.owed.push(oweParseOurs, id)
	s.open = true
	f.put(f.buildParse(e.Statements.ServerName(id), id))
	return made
}

// makeRoom notes that the server is going to have the statement; its older copy, and what is too much, is closed. It returns
// what is known of the new copy.
func (f *feed) makeRoom(id prepared.StmtID, state prepared.State) prepared.Copy {
	e, s := f.e, f.s
	hash := e.Statements.Hash(id)
	if state != prepared.Absent {
		f.closeOnServer(hash)
	}
	made := prepared.Copy{At: e.Schema.shapes()}
	s.Prepared.Add(hash, e.Statements.Version(id))
	s.Prepared.Note(hash, made)
	for {
		old, ok := s.Prepared.Evict(s.MaxPrepared, nil)
		if !ok {
			return made
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
