package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// currval and lastval answer from what nextval has drawn in the same session, also by a column's default, where no text
// shows it. Nothing can carry that to another server. So:
//
//  1. A client never gets another's: before the first text that asks a server where others have drawn, and the client has
//     not since it has the server, what they have drawn is discarded, and Postgres says 55000 rather than another's number.
//  2. A client that asks, and asked outside the transaction in which it has drawn, will do so again: from then on the
//     server stays with it when it may have drawn.

// drawing is the effects of texts that may draw from a sequence.
const drawing = sql.Nextval | sql.DoBlock | sql.Multi

// mayDraw is kept with the effects of a statement, beside those that package sql knows: it may draw from a sequence.
const mayDraw sql.Effects = 1 << 63

// runsNone is kept likewise: it runs no code of a user.
const runsNone sql.Effects = 1 << 61

// executed is what is kept of the text that was scanned last, to be known when it is executed.
func (f *feed) executed(e sql.Effects, text []byte) sql.Effects {
	if runsNothing(&f.e.scan) {
		e |= runsNone
	}
	if draws(&f.e.scan) {
		e |= mayDraw
	}
	if reshapes(&f.e.scan, text) {
		e |= mayReshape
	}
	return e
}

// draws reports whether a text may draw from a sequence.
func draws(st *sql.Statement) bool {
	switch st.Kind {
	case sql.Insert, sql.With, sql.Merge, sql.Copy:
		return true
	}
	return st.Effects&drawing != 0
}

// sequences notes what a text that goes to the server does with sequences; simple tells by which protocol it goes.
func (f *feed) sequences(e sql.Effects, mayDraw, simple bool) {
	s := f.s
	if s.Pins&PinSession != 0 {
		return
	}
	if e.Has(sql.SequenceState) && !s.Drew {
		f.c.Sequences = true
		if !s.OwnSequences {
			f.discardSequences(simple)
		}
	}
	if !mayDraw {
		return
	}
	s.Drew = true
	if f.c.Sequences && f.c.Pinning == PinningOn {
		s.Pins |= PinSequence
	}
}

// discardSequences has the server forget what others have drawn.
func (f *feed) discardSequences(simple bool) {
	const text = "DISCARD SEQUENCES"
	f.s.OwnSequences = true
	if !simple || f.s.open {
		f.extendedOurs([]string{text})
		return
	}
	f.s.owed.push(oweQueryOurs, prepared.None)
	f.put(f.e.keep(pgwire.AppendQuery(f.e.room(len(text)+8), text)))
}
