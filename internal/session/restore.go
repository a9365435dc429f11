package session

import (
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// RESET, SET … TO DEFAULT and DISCARD ALL take settings back to what the session began with. To Postgres that is what the
// server's login asked for, which was nothing; to the client it is what its own login did (trap 42). So behind a statement
// that resets, another sets what the client began with; nobody sees its replies. A NULL that set_config is given resets, too,
// and returns the value: that is put in the place of the NULL (nulls.go).
//
// What is sent with the client's statement ends with it: if it fails, or a cancel or a timeout meets ours, the client is told
// that its statement has failed, and nothing has been reset.

// Startup says what clients began with.
type Startup interface {
	// Restore is the statements that make up for a change that resets, for clients of that key: none, or one for each setting.
	Restore(startup uint64, kind sql.ChangeKind, name []byte) []string
	// Began is the value that clients of that key gave a setting, and the same as a literal, in ASCII; false if they gave none.
	Began(startup uint64, name []byte) (value, literal string, ok bool)
}

// maxHidden bounds the statements of one text of which some are ours.
const maxHidden = 64

// resetting is the effects of texts that may reset settings.
const resetting = sql.SetsSession | sql.SetsLocal | sql.Resets | sql.DiscardsAll | sql.CallsSetConfig

// restore is the SQL that makes up for one change, or checks it; none if there is nothing to be made up for.
func (f *feed) restore(ch sql.Change) []string {
	switch {
	case ch.Kind == sql.ChangeSet || ch.Kind == sql.ChangeSetLocal:
		return checks(ch.Name)
	case f.c.Startup == 0:
		return nil
	}
	return f.e.Startup.Restore(f.c.Startup, ch.Kind, ch.Name)
}

// resets reports whether the text that was scanned last resets what the client began with, or sets what is checked.
func (f *feed) resets(st *sql.Statement) bool {
	if st.Effects&resetting == 0 {
		return false
	}
	return slices.ContainsFunc(st.Changes(), func(ch sql.Change) bool { return len(f.restore(ch)) > 0 })
}

// makeUp notes, with what was read of a simple Query, whose text was scanned last, what makes up for its resets: statements
// of ours behind each that resets, and ahead of each that asks for the pooler's own settings, and values in the place of NULLs. hides says which statements nobody sees. The client may
// have to wait before it is known whether there is anything to be made up for.
func (f *feed) makeUp(st *sql.Statement, length int, frame []byte, named bool) (hides uint64, edited bool) {
	text, _, ok := pgwire.CString(frame[pgwire.HeaderLen:])
	resets := f.resets(st)
	if !ok || length > len(frame) || !resets && !st.Effects.Has(sql.AsksPooler) && !f.givesNull(st) {
		return 0, false
	}
	if st.Defines != 0 && st.Effects.Has(sql.SetsUnknown) {
		return 0, false // where its statements end is not known
	}
	if resets && st.Effects.Has(sql.DiscardsAll) {
		return 0, false // it has to be alone: see discardAll
	}
	if resets && st.Single() && st.Effects.Has(sql.SetsLocal) && f.isLocalAlone() {
		return 0, false
	}
	if f.stop != More {
		return 0, false
	}
	if !named {
		f.e.unread()
	}
	read := len(f.e.reading.mentions)
	hides, ok = f.makeUpAround(st, text)
	if !ok {
		f.e.reading.mentions, hides = f.e.reading.mentions[:read], 0
	}
	f.giveNulls(st)
	slices.SortStableFunc(f.e.reading.mentions, func(a, b mention) int { return a.from - b.from })
	return hides, len(f.e.reading.mentions) > read
}

// isLocalAlone reports whether a SET LOCAL that is all that a Query says comes to nothing but a warning, because no
// transaction is open; another statement behind it would make it a transaction. The client waits until that is known.
func (f *feed) isLocalAlone() bool {
	s := f.s
	if s.open {
		return false
	}
	if s.owed.len() > 0 {
		f.flushServer()
		f.stop = Await
		return false
	}
	return s.Status == pgwire.StatusIdle
}

// ours is statements of ours in a text of a client's: where, behind how many of the client's, and how many they are.
type ours struct {
	at, behind, count int
	text              string
}

// makeUpAround notes the statements of ours that stand before and behind the client's; false if they cannot be told from them.
func (f *feed) makeUpAround(st *sql.Statement, text []byte) (hides uint64, ok bool) {
	var all []ours
	from := 0
	for _, ch := range st.Changes() {
		fixes := f.restore(ch)
		if len(fixes) == 0 {
			continue
		}
		if ch.End < from {
			return 0, false
		}
		from = ch.End
		all = append(all, ours{ch.End, ch.Statement + 1, len(fixes), ";" + strings.Join(fixes, ";")})
	}
	f.asking(st, text, func(statement, at int) {
		own := f.e.Own(f.c, f.s)
		all = append(all, ours{at, statement, len(own), strings.Join(own, ";") + ";"})
	})
	slices.SortStableFunc(all, func(a, b ours) int { return a.at - b.at })
	before := 0
	for _, o := range all {
		if o.behind+before+o.count > maxHidden {
			return 0, false
		}
		hides |= (1<<o.count - 1) << (o.behind + before)
		f.edit(o.at, o.at, o.text)
		before += o.count
	}
	return hides, true
}

// edit notes that text[from:to] is to be replaced.
func (f *feed) edit(from, to int, with string) {
	f.e.reading.mentions = append(f.e.reading.mentions, mention{from: from, to: to, with: with})
}

// restoreBehind notes what makes up for what the portal resets, which executes a statement that was scanned last.
func (f *feed) restoreBehind(st *sql.Statement, portal []byte) {
	if !f.resets(st) {
		return
	}
	for _, ch := range st.Changes() {
		fixes := f.restore(ch)
		if len(fixes) == 0 {
			continue
		}
		if b := f.s.bindMore(portal); b != nil {
			b.fixes, b.discards = fixes, ch.Kind == sql.ChangeDiscardAll
		}
	}
}

// restoreAfter makes up for the statement whose Execute has just been sent.
func (f *feed) restoreAfter(b *bound) {
	if b.discards {
		f.s.discarded, f.s.barrier = b.fixes, true
		return
	}
	if !f.c.MidFrame() {
		f.extendedOurs(b.fixes)
	}
}

// restoreDiscarded makes up for a DISCARD ALL amid extended messages. That has committed when it was executed; what comes
// behind it, before the Sync, is a transaction of its own, which may fail. So what makes up for it has a Sync of its own, which
// must not be sent before Postgres has said that the DISCARD ALL has not failed: it would end the skipping of what follows.
// Before the Sync of the client there is no need for that.
func (f *feed) restoreDiscarded(typ byte) {
	e, s := f.e, f.s
	if typ == pgwire.Sync {
		f.extendedOurs(s.discarded)
		return
	}
	if s.owed.len() > 0 {
		f.flushServer()
		f.stop = Await
		return
	}
	f.extendedOurs(s.discarded)
	s.discarded, s.restoringDiscarded, s.barrier = nil, true, false // all has been answered
	s.owed.push(oweSyncOurs, prepared.None)
	s.open = false
	f.put(e.keep(pgwire.AppendEmpty(e.room(8), pgwire.Sync)))
}

// discardAll forwards a simple Query that is DISCARD ALL. That must be alone in its text, so it becomes extended messages, which
// what makes up for it can follow before Postgres says what has changed, and which end together if it fails.
func (f *feed) discardAll(length int, frame []byte) {
	e, s := f.e, f.s
	text, _, _ := pgwire.CString(frame[pgwire.HeaderLen:])
	o := s.owed.push(oweCloseOurs, prepared.None)
	o.unnamed = true
	f.c.replaceUnnamed(prepared.None, o)
	s.setUnnamed(e, prepared.None)
	f.replace(length, e.keep(pgwire.AppendClose(e.room(16), 'S', nil))) // as a simple Query does
	f.runOurs(text, oweExecute, prepared.None)
	f.keepText(s.owed.at(s.owed.tail-3), text) // which is followed by two entries
	f.extendedOurs(e.Startup.Restore(f.c.Startup, sql.ChangeDiscardAll, nil))
	f.put(e.keep(pgwire.AppendEmpty(e.room(8), pgwire.Sync)))
	s.pushSync()
}
