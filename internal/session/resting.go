package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// INSERT, and lastval() right behind it, in a transaction of its own: that is how programs ask. So after a transaction that may
// have drawn a server rests with its client for a moment, where that is worth it (Server.WorthARest), and for the next ones that
// follow in time. What the client says then goes to that server, but if others wait for one, and
//
//  1. it asks for no number, and
//  2. it has asked already since it drew, or is not worth a rest any more,
//
// the server leaves before, and the client gets in line. So one that draws and asks, over and over, has the server for one round
// at a time.

// Rest begins the time between two transactions.
func (q *Sequences) Rest() { q.Resting, q.drawing = true, false }

// Asked reports whether the client has had what it may have waited for.
func (q *Sequences) Asked() bool { return q.asked }

// yields ends the server's rest with a frame, and reports whether it is to leave its client before.
func (f *feed) yields(typ byte, frame []byte) bool {
	s, q := f.s, &f.s.Sequences
	if !runs(typ) {
		return false
	}
	q.Resting = false
	if f.e.Awaited == nil || !f.e.Awaited(s) || !s.Releasable() || f.asksFor(typ, frame) {
		return false
	}
	if q.asked || !s.WorthARest(f.c) {
		return true
	}
	s.RestedInVain(f.c)
	return false
}

// asksFor reports whether a frame may ask for numbers, as far as is seen without taking it.
func (f *feed) asksFor(typ byte, frame []byte) bool {
	body := frame[pgwire.HeaderLen:]
	switch typ {
	case pgwire.Query:
		return f.textAsks(body)
	case pgwire.Parse:
		_, text, _, ok := pgwire.ParseBody(body)
		return !ok || f.textAsks(text)
	case pgwire.Bind:
		_, name, _, ok := pgwire.Names2(body)
		return !ok || f.statementAsks(name)
	}
	return true
}

// mayAsk is the effects of texts that ask, or run what is not seen here.
const mayAsk = sql.SequenceState | sql.SQLExecute | sql.DoBlock | sql.Unknown

func (f *feed) textAsks(text []byte) bool {
	if f.look(text, false).Effects.Has(mayAsk) {
		return true
	}
	x := f.s.suspects()
	return x != nil && x.Mentioned(text).Has(AsksSequence)
}

func (f *feed) statementAsks(name []byte) bool {
	id := f.named(name)
	return id == prepared.None || f.e.effectsOf(id).Has(mayAsk) || f.verdictOn(id).pins.Has(AsksSequence)
}
