package session

import (
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// What a client says about the statements that its server knows by the client's own names, as far as Env.Runs is concerned: what gives them
// their names, what executes them, and what may do something to the names. The rules stand in native_texts.go.

// runsItself reports whether a text tells what runs when its statement does: it is PREPARE, made by SQL, or names no other.
func (e *Env) runsItself(text []byte, bySQL bool) bool {
	st := e.scanned(text)
	if !st.Single() || st.Effects.Has(sql.Unknown|sql.Multi) {
		return false
	}
	return bySQL == st.Effects.Has(sql.SQLPrepare) && !st.Effects.Has(renaming&^sql.SQLPrepare|sql.SQLExecute)
}

// scanned reads a text, and leaves the one that was scanned last as it is.
func (e *Env) scanned(text []byte) *sql.Statement {
	e.part.Truncated, e.part.BackslashQuotes = false, false
	sql.Scan(text, &e.part)
	return &e.part
}

// renaming is the effects of texts that may give names, or take them away.
const renaming = naming&^sql.SQLExecute | sql.DeallocatesAll | sql.DiscardsAll

// awaitText notes that the message with an entry in Owed gives a name to a text. amid: it came amid a batch.
func (f *feed) awaitText(name, text []byte, bySQL, amid bool, at uint32) {
	switch s := f.s; {
	case !s.Tracks || len(name) == 0:
	case s.Suspects == nil || f.c.Unreadable || f.c.BackslashQuotes || !f.e.runsItself(text, bySQL):
		s.texts.takeAway(name)
	case s.texts.none() && (amid || s.Inside() || !s.owed.oursUpTo(at)):
		s.texts.doubted = true // nobody has looked what runs in that transaction
	default:
		s.texts.await(&s.owed, name, text, at)
	}
}

// preparesNatively is the name that a simple Query gives, whose text was scanned last, if it does nothing else; nil if it does not.
func (f *feed) preparesNatively(st *sql.Statement, whole bool) []byte {
	if !f.s.Tracks || !whole || !st.Single() || !st.Effects.Has(sql.SQLPrepare) || len(st.Names()) != 1 {
		return nil
	}
	return f.e.copied(st.Names()[0].Value)
}

// executedNatively is the text that an EXECUTE runs of what the server knows by the client's own name; nil where that is not certain.
func (f *feed) executedNatively(text []byte) []byte {
	names := f.e.scanned(text).Names()
	if len(names) != 1 || names[0].Effect != sql.SQLExecute || f.named(names[0].Value) != prepared.None && !f.c.NoPrepared {
		return nil
	}
	return f.nativeText(names[0].Value)
}

// nativeText is what a name stands for, nil if that is not certain: a text that nobody has read yet may be such code.
func (f *feed) nativeText(name []byte) []byte {
	if f.s.Guesses > 0 {
		return nil
	}
	return f.s.texts.text(&f.s.owed, name)
}

// runsNative is runs for a statement that the server knows by the client's own name; effects are those of any that it so knows.
func (f *feed) runsNative(name []byte, effects sql.Effects) {
	if text := f.nativeText(name); text != nil {
		f.runs(text, prepared.None, effects|f.e.scanned(text).Effects&^sql.SQLPrepare)
		return
	}
	f.runsUnread(effects|sql.Unknown, !f.s.nativeDefines)
}

// mayRename notes what a text, of which is known that it runs, may do to the names.
func (f *feed) mayRename(text []byte, simple bool) {
	t := &f.s.texts
	if t.none() {
		return
	}
	st, x := f.e.scanned(text), f.s.suspects()
	switch {
	case x == nil, st.Effects.Has(sql.Unknown | hiding), x.of(st, text).Has(PinPrepare):
		t.doubt()
	case !st.Effects.Has(renaming &^ sql.SQLPrepare):
	case !simple || !st.Single() || st.Effects.Has(sql.DeallocatesAll|sql.DiscardsAll):
		t.doubt()
	default:
		for _, n := range st.Names() {
			t.takeAway(n.Value)
		}
	}
}
