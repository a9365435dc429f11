package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A server is native while it knows the statements of its client by the client's own names, and no others: for a text that
// looks at pg_prepared_statements (trap 20), or whose names cannot be replaced. Everything about names then goes through as
// it is, and the server stays with its client until DEALLOCATE ALL or DISCARD ALL: PinPrepare.

// listing is the effects of texts in which Postgres is asked for the names it knows.
const listing = sql.ListsStatements

// What is prepared when a server becomes native has two bounds, what is owed and what a turn builds. What a client has beyond
// them is not listed, and still runs.
const (
	maxNative      = MaxOwed / 8
	maxNativeBytes = 16 << 20
)

// becomeNative makes the server native; the client may have to wait until it is known what it has prepared. In a
// transaction that has failed nothing can be prepared, nor looked at.
func (f *feed) becomeNative() {
	c, s := f.c, f.s
	if s.isNative(c) {
		if s.untidy {
			amid := s.open
			f.closeOurs()
			f.syncOurs(amid)
		}
		return
	}
	if s.owed.len() > 0 {
		f.flushServer()
		f.stop = Await
		return
	}
	if s.Status == pgwire.StatusFailed {
		return
	}
	amid, before := s.open, s.owed.tail
	switch {
	case s.Prepared.Len() == 0:
	case (s.Pins | s.Touched.State).Has(PinPrepare | PinSession): // there may be others, of which nobody knows the text
		s.Prepared.Each(func(h prepared.Hash, _ uint32) { f.closeOnServer(h) })
	default:
		f.runOurs(deallocateAll, oweExecuteOurs, prepared.None)
		s.texts.clear()
	}
	s.Prepared.Clear()
	named := c.names != 0
	if named {
		s.Pins |= PinPrepare
		f.prepareNatively(amid)
	}
	if s.untidy || named && !amid {
		f.closeOurs()
	}
	f.syncOurs(amid)
	if amid && s.owed.tail != before {
		f.flushServer() // should any of it fail, what is sent behind it is skipped
		f.stop = Await
	}
}

var deallocateAll = []byte("DEALLOCATE ALL")

// isNative reports whether the server knows nothing by a name of ours, and the client has nothing that the server does not know.
// One on which a function has prepared something is pinned, and may yet have to become native.
func (s *Server) isNative(c *Client) bool {
	return s.Pins.Has(PinPrepare) && s.Prepared.Len() == 0 && c.names == 0
}

// prepareNatively prepares what the client has under the names that it has given, and leaves the names to the server. What
// executing does cannot be told by name any more; so the server is taken for one on which all of it has run.
func (f *feed) prepareNatively(amid bool) {
	e, c, s := f.e, f.c, f.s
	for names, bytes := 0, 0; names < maxNative && bytes < maxNativeBytes; names++ {
		name, id, ok := e.Names.Latest(c.names)
		if !ok {
			return
		}
		s.Pins |= pinsOf(f.keeping(e.effectsOf(id)))
		s.native |= e.effectsOf(id) & aboutChannels
		s.nativeDefines = s.nativeDefines || definesKept(e.Statements.Text(id), e.effectsOf(id))
		bytes += len(e.Statements.Text(id))
		f.standing(name, e.Statements.Text(id), e.effectsOf(id))
		if e.Statements.FromSQL(id) {
			f.runOurs(e.Statements.Text(id), oweExecuteOurs, prepared.None)
			f.awaitText(name, e.Statements.Text(id), true, amid, s.owed.tail-3) // which is followed by two entries
		} else {
			e.Prepares.OnServers++
			s.owed.push(oweParseOurs, prepared.None)
			s.open = true
			f.put(f.buildParse(name, id))
			f.awaitText(name, e.Statements.Text(id), false, amid, s.owed.tail-1)
		}
		f.syncOurs(amid) // so that one that fails, because its table is gone, leaves the others alone
		e.Names.Delete(c.Slot, &c.names, name)
		e.release(id)
	}
}

// syncOurs ends messages of ours ahead of a Query with a Sync that nobody sees; amid a batch there is none.
func (f *feed) syncOurs(amid bool) {
	if f.s.open && !amid {
		f.s.open = false
		f.s.owed.push(oweSyncOurs, prepared.None)
		f.put(f.e.keep(pgwire.AppendEmpty(f.e.room(8), pgwire.Sync)))
	}
}
