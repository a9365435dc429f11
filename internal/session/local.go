package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// local answers, for a client without a server, what needs none: the Parse of a statement that Postgres has accepted
// before, with the same text, types and settings; the Close of a statement; and the Sync behind such messages. It
// reports false for everything else.
//
// A client that prepares its statements while all servers are busy would otherwise wait for one only to be told what
// is known. A client that does so with blocking calls, while it holds servers in open transactions of other
// connections (as pgbench -M prepared does), would wait for itself.
//
// Prepared statements are not transactional: what was answered here stays true if the rest of the batch fails. Should
// a table have changed since in a way that we do not see (Schema), Bind says so instead of Parse.
func (f *feed) local(typ byte, length int, rest []byte) bool {
	switch typ {
	case pgwire.Parse:
		return length <= len(rest) && f.parseLocally(length, rest[:length])
	case pgwire.Close:
		return length <= len(rest) && f.closeLocally(length, rest[:length])
	case pgwire.Sync:
		if !f.c.local || length > pgwire.HeaderLen {
			return false
		}
		f.discard(length)
		f.ready()
		return true
	}
	return false
}

func (f *feed) parseLocally(length int, frame []byte) bool {
	e, c := f.e, f.c
	name, text, types, ok := pgwire.ParseBody(frame[pgwire.HeaderLen:])
	if !ok || len(name) == 0 || len(name) > maxName || c.NoPrepared || !isASCII(name) {
		return false
	}
	if _, taken := e.Names.Get(c.Slot, name); taken {
		return false
	}
	effects := f.look(text, false).Effects
	if effects.Has(naming) || f.forbidden(effects) != allowed {
		return false
	}
	id := e.Statements.Intern(c.meaning(), types, text)
	if id == prepared.None {
		return false
	}
	if !e.current(id) && !(effects.Has(sql.Begins) && e.accepted(id)) { // BEGIN means the same whatever has changed
		e.release(id)
		return false
	}
	e.setEffects(id, f.executed(effects, text))
	if _, ok := e.Names.Set(c.Slot, &c.names, name, id); !ok {
		e.release(id)
		return false
	}
	e.Prepares.ByClients++
	f.answer(length, pgwire.ParseComplete)
	return true
}

func (f *feed) closeLocally(length int, frame []byte) bool {
	e, c := f.e, f.c
	name, statement := statementName(frame)
	if !statement || len(name) == 0 {
		return false
	}
	id, ok := e.Names.Delete(c.Slot, &c.names, name)
	if !ok {
		return false
	}
	e.release(id)
	f.answer(length, pgwire.CloseComplete)
	return true
}

// answer discards a frame and answers it.
func (f *feed) answer(length int, typ byte) {
	f.c.local = true
	f.discard(length)
	f.e.Wire.Send(f.c.Conn, f.e.keep(pgwire.AppendEmpty(f.e.room(8), typ)))
}
