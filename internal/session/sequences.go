package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// currval and lastval answer from what nextval has drawn in the same session, also by a column's default or in a trigger, where
// no text shows it. Nothing can carry that to another server. So:
//
//  1. A client never gets another's: a text that asks is preceded by DISCARD SEQUENCES unless all that the session knows is
//     the client's own, and Postgres says 55000 rather than another's number.
//  2. Where clients ask (Habit), so is a text that may draw: what the client draws then is all that the session knows.
//  3. Where clients ask in later transactions than those in which they draw, the server rests with its client for a moment
//     after it may have drawn; see resting.go.

// Sequences is what is known of the numbers that the session of a server has drawn.
type Sequences struct {
	// Own: nobody but the present client has used the session since it knew no number, and the client has drawn nowhere else
	// since.
	Own bool
	// Elsewhere: the client's last numbers are in another session, or in one that others have used since.
	Elsewhere bool
	// Drew: the client may have drawn since it has the server; drawing: in its present transaction.
	Drew, drawing bool
	// asked: since it drew last, it has asked.
	asked bool
	// Resting: nothing but its numbers keeps the server with its client.
	Resting bool
	// discarding: DISCARD SEQUENCES is on its way.
	discarding bool
}

// Discarded is no slot, in Client.DrewOn.
const Discarded = ^uint32(0)

// What Suspects may do with sequences. Nobody is asked about that, and it pins nobody; so it is beyond the reasons.
const (
	// DrawsSequence: it may draw from a sequence.
	DrawsSequence Pins = 1 << 29
	// AsksSequence: it may call currval or lastval.
	AsksSequence Pins = 1 << 30
	// anything is what dynamic SQL, and code that nobody knows, is suspected of, among other things; a question of such teaches
	// nothing.
	anything = AsksSequence | PinCursor
)

// drawing is the effects of texts that may draw from a sequence.
const drawing = sql.Nextval | sql.DoBlock | sql.SQLExecute | sql.Unknown

// mayDraw is kept with the effects of a statement, beside those that package sql knows: it may draw from a sequence.
const mayDraw sql.Effects = 1 << 63

// runsNone is kept likewise: it runs no code of a user.
const runsNone sql.Effects = 1 << 61

// executed is what is kept of the text that was scanned last, to be known when it is executed.
func (f *feed) executed(e sql.Effects, text []byte) sql.Effects {
	return executedBy(&f.e.scan, e, text)
}

// executedBy is executed for a text that was scanned into st.
func executedBy(st *sql.Statement, e sql.Effects, text []byte) sql.Effects {
	if runsNothing(st) {
		e |= runsNone
	}
	if draws(st) {
		e |= mayDraw
	}
	if reshapes(st, text) {
		e |= mayReshape
	}
	return e
}

// draws reports whether a text may draw from a sequence.
func draws(st *sql.Statement) bool {
	switch st.Kind {
	case sql.Insert, sql.With, sql.Merge, sql.Copy, sql.Explain:
		return true
	}
	return st.Effects&(drawing|mayDraw) != 0
}

// textDraws is draws for the text of a Query, which may be of several statements. Where nobody asks it does not matter.
func (f *feed) textDraws(st *sql.Statement, text []byte) bool {
	if !st.Effects.Has(sql.Multi) || st.Effects&(drawing|mayDraw) != 0 || !f.keepsNumbers() {
		return draws(st) || st.Effects.Has(sql.Multi)
	}
	part := &f.e.part
	part.Truncated, part.BackslashQuotes = st.Truncated, st.BackslashQuotes
	for at, n := 0, 0; at < len(text); n++ {
		if at = sql.ScanNext(text, at, part); n == maxParts || draws(part) {
			return true
		}
	}
	return false
}

// asksInCode reports whether code that a text brings along may ask for numbers.
func asksInCode(e sql.Effects, text []byte) bool {
	return e.Has(sql.Unknown) || e.Has(sql.DoBlock) &&
		(containsFold(text, "currval") || containsFold(text, "lastval") || containsFold(text, "execute"))
}

// sequences notes what a text that goes to the server does with sequences: its effects, what it does through what it mentions,
// and whether it may draw. simple tells by which protocol it goes.
func (f *feed) sequences(e sql.Effects, hidden Pins, draws, simple bool) {
	s, q := f.s, &f.s.Sequences
	if s.Pins&PinSession != 0 {
		if !q.Own && s.Status == pgwire.StatusIdle { // it has served others in another pool_mode, or is not reset behind them
			f.discardSequences(simple)
		}
		return
	}
	asks := e.Has(sql.SequenceState)
	if asks || hidden&anything == AsksSequence {
		s.Habit.asks()
		if !q.drawing && !e.Has(sql.Nextval) && (asks || !draws) { // what draws itself asks for that
			s.asksLater(f.c)
		}
		q.asked = true
	}
	if f.wantsOwn(e, hidden, draws) {
		f.discardSequences(simple)
	}
	if draws || hidden.Has(DrawsSequence) {
		f.draw(asks)
	}
}

// wantsOwn reports whether a text wants a session that knows none but the client's numbers.
func (f *feed) wantsOwn(e sql.Effects, hidden Pins, draws bool) bool {
	return e.Has(sql.SequenceState) || hidden.Has(AsksSequence) || (draws || hidden.Has(DrawsSequence)) && f.keepsNumbers()
}

// keepsNumbers reports whether what is drawn now must be there when it is asked for: where clients ask, and else in a transaction of
// several statements. There the question may come at once, and be the first.
func (f *feed) keepsNumbers() bool {
	return f.s.Habit.Asking() || f.s.Status == pgwire.StatusActive || f.s.begins
}

// draw notes that the client may draw.
func (f *feed) draw(asks bool) {
	q := &f.s.Sequences
	if !q.drawing {
		f.s.Habit.draws()
	}
	q.Drew, q.drawing = true, true
	q.asked = q.asked && asks
}

const discardSequences = "DISCARD SEQUENCES"

// discardSequences has the server forget what it knows of others' numbers. That it has is not believed before it says so: in a
// failed transaction it refuses.
func (f *feed) discardSequences(simple bool) {
	q := &f.s.Sequences
	if q.Own || q.discarding {
		return
	}
	q.discarding = true
	if !simple || f.s.open {
		f.extendedOurs([]string{discardSequences})
		return
	}
	f.s.owed.push(oweQueryOurs, prepared.None)
	f.s.setUnnamed(f.e, prepared.None)
	f.put(f.e.keep(pgwire.AppendQuery(f.e.room(len(discardSequences)+8), discardSequences)))
}

// discardAhead does it ahead of a batch that is to begin with a statement which wants that, where it costs less than amid it, and
// Postgres does not take what follows for part of a pipeline, in which VACUUM, for one, is refused.
func (f *feed) discardAhead(id prepared.StmtID) {
	s := f.s
	switch {
	case s.Sequences.Own || s.open || s.Status != pgwire.StatusIdle || s.mayRefuse() || s.private:
		return
	case s.Pins.Has(PinSession):
		f.discardSequences(true) // which sequences would do amid the batch
		return
	case id == prepared.None:
		return
	}
	if e := f.e.effectsOf(id); f.wantsOwn(e, f.verdictOn(id).pins|f.inCode(id, e), e.Has(mayDraw)) {
		f.discardSequences(true)
	}
}

// inCode is what a prepared statement may do by code that it brings along.
func (f *feed) inCode(id prepared.StmtID, e sql.Effects) Pins {
	if e.Has(sql.Unknown|sql.DoBlock) && asksInCode(e, f.e.Statements.Text(id)) {
		return anything
	}
	return 0
}

// doubtsDiscard reports whether it has to be known whether a DISCARD SEQUENCES of an earlier batch has run before this message
// is taken.
func (f *feed) doubtsDiscard(typ byte) bool {
	if !f.s.Sequences.discarding || f.s.open || !runs(typ) {
		return false
	}
	if f.s.owed.len() > 0 {
		return true
	}
	f.s.Sequences.discarding = false // it has not
	return false
}

// cancelComes reports whether a cancel is on its way that would hit a DISCARD SEQUENCES ahead of this message, which would then run
// in a session that knows others' numbers.
func (f *feed) cancelComes(typ byte) bool {
	return f.s.CancelComes && !f.s.Sequences.Own && !f.s.open && runs(typ)
}

// runs reports whether a message brings what is run.
func runs(typ byte) bool {
	return typ == pgwire.Query || typ == pgwire.Parse || typ == pgwire.Bind || typ == pgwire.FunctionCall
}

// asksBehindRollback reports whether a text asks for numbers where they cannot be discarded ahead of it: in a failed transaction,
// that it may end itself. With more owed, it awaits the answers.
func (f *feed) asksBehindRollback(e sql.Effects) bool {
	if f.s.Sequences.Own || !e.Has(sql.SequenceState) || !e.Has(sql.Multi) || f.s.Pins.Has(PinSession) {
		return false
	}
	if f.s.owed.len() > 0 {
		f.flushServer()
		f.stop = Await
		return false
	}
	return f.s.Status == pgwire.StatusFailed
}

// discarded notes that the session knows no numbers any more; its client has said so, or we have.
func (q *Sequences) discarded(c *Client, ours bool) {
	q.Own, q.discarding = true, false
	if ours {
		return
	}
	q.Drew, q.Elsewhere = false, false
	if c != nil {
		c.DrewOn = Discarded
	}
}
