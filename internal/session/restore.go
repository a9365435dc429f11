package session

import (
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// RESET, SET … TO DEFAULT and DISCARD ALL take settings back to what the session began with. To Postgres that is what the
// server's login asked for, which was nothing; to the client it is what its own login did (trap 42). So behind a statement
// that resets, another sets what the client began with; nobody sees its replies.

// Startup says what clients began with.
type Startup interface {
	// Restore is the SQL that sets a setting to what clients of that key began with, or, with an empty name, all that they
	// gave a value; empty if it is none.
	Restore(startup uint64, name []byte) string
}

// maxHidden bounds the statements of one text of which some are ours.
const maxHidden = 64

// resetting is the effects of texts that may reset settings.
const resetting = sql.SetsSession | sql.Resets | sql.DiscardsAll

// restore is the SQL that makes up for one change; empty if there is nothing to be made up for.
func (f *feed) restore(ch sql.Change) string {
	switch ch.Kind {
	case sql.ChangeReset:
		return f.e.Startup.Restore(f.c.Startup, ch.Name)
	case sql.ChangeResetAll, sql.ChangeDiscardAll:
		return f.e.Startup.Restore(f.c.Startup, nil)
	}
	return ""
}

// resets reports whether the text that was scanned last resets what the client began with.
func (f *feed) resets(st *sql.Statement) bool {
	if f.c.Startup == 0 || st.Effects&resetting == 0 {
		return false
	}
	return slices.ContainsFunc(st.Changes(), func(ch sql.Change) bool { return f.restore(ch) != "" })
}

// restoreInQuery puts, into the text of a simple Query that was scanned last, a statement of ours behind each that resets. hides
// says which of its statements nobody sees. If it cannot be done, ok is false.
func (f *feed) restoreInQuery(text []byte) (out []byte, hides uint64, ok bool) {
	from, ours := 0, 0
	for _, ch := range f.e.scan.Changes() {
		fix := f.restore(ch)
		if fix == "" {
			continue
		}
		at := ch.Statement + 1 + ours
		if at >= maxHidden || ch.End < from || ch.Kind == sql.ChangeDiscardAll {
			return nil, 0, false
		}
		out = append(append(append(out, text[from:ch.End]...), ';'), fix...)
		hides |= 1 << at
		from = ch.End
		ours++
	}
	return append(out, text[from:]...), hides, true
}

// restoring forwards a simple Query that resets settings, whose entry is o, with what makes up for it.
func (f *feed) restoring(length int, frame []byte, o *owed) {
	text, _, ok := pgwire.CString(frame[pgwire.HeaderLen:])
	if !ok {
		f.pass(length)
		return
	}
	out, hides, ok := f.restoreInQuery(text)
	if !ok {
		f.pass(length)
		return
	}
	o.hides = hides
	f.replace(length, f.e.keep(pgwire.AppendQuery(f.e.room(len(out)+8), string(out))))
}

// discardAll forwards a simple Query that is DISCARD ALL. That must be alone in its text, so it becomes extended messages, which
// what makes up for it can follow before Postgres says what has changed, and which end together if it fails.
func (f *feed) discardAll(length int, frame []byte) {
	e, s := f.e, f.s
	text, _, _ := pgwire.CString(frame[pgwire.HeaderLen:])
	name := []byte(ownName)
	b := e.room(len(text) + 256)
	b = pgwire.AppendClose(b, 'S', nil) // as a simple Query does
	b = pgwire.AppendClose(b, 'S', name)
	b = pgwire.AppendParse(b, name, text, []byte{0, 0})
	b = pgwire.AppendPlainBind(b, name, name)
	b = pgwire.AppendExecute(b, name)
	b = pgwire.AppendClose(b, 'P', name)
	o := s.owed.push(oweCloseOurs, prepared.None)
	o.unnamed = true
	f.c.replaceUnnamed(prepared.None, o)
	s.setUnnamed(e, prepared.None)
	for _, kind := range [...]Kind{oweCloseOurs, oweParseOurs, oweBindOurs, oweExecute, oweCloseOurs} {
		s.owed.push(kind, prepared.None)
	}
	f.replace(length, e.keep(b))
	f.extendedOurs(e.Startup.Restore(f.c.Startup, nil))
	f.put(e.keep(pgwire.AppendEmpty(e.room(8), pgwire.Sync)))
	s.pushSync()
}

// ownName is the statement and the portal of ours that live between two messages of a client.
const ownName = prepared.ServerNamePrefix + "own"

// extendedOurs executes SQL of ours amid a client's extended messages.
func (f *feed) extendedOurs(text string) {
	e, s := f.e, f.s
	name := []byte(ownName)
	b := e.room(len(text) + 256)
	b = pgwire.AppendClose(b, 'S', name) // should one that failed have left it there
	b = pgwire.AppendParse(b, name, []byte(text), []byte{0, 0})
	b = pgwire.AppendPlainBind(b, name, name)
	b = pgwire.AppendExecute(b, name)
	b = pgwire.AppendClose(b, 'P', name)
	b = pgwire.AppendClose(b, 'S', name)
	for _, kind := range [...]Kind{oweCloseOurs, oweParseOurs, oweBindOurs, oweExecuteOurs, oweCloseOurs, oweCloseOurs} {
		s.owed.push(kind, prepared.None)
	}
	s.open = true
	f.put(e.keep(b))
}
