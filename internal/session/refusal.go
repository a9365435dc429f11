package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// refusal is why a statement is not let through; allowed is none.
type refusal uint8

const (
	allowed refusal = iota
	// refusedTransaction: it begins a transaction, and pool_mode is statement.
	refusedTransaction
	// refusedState: it leaves state that cannot follow its client, and pinning is error.
	refusedState
	// refusedPin: it would have its client keep a server, and as many are kept as may be.
	refusedPin
	// refusedShape: it returns something else than its client was told.
	refusedShape
	// refusedNumbers: it asks for numbers of sequences behind a rollback of its own; there may be others' in the session.
	refusedNumbers
)

// forbidden is whether a text with these effects is refused.
func (f *feed) forbidden(e sql.Effects) refusal {
	e = f.keeping(e)
	if e&(pinning|sql.Begins) == 0 {
		return allowed
	}
	c, s := f.c, f.s
	if c.NoTransactions && e.Has(sql.Begins) {
		return refusedTransaction
	}
	if e&pinning == 0 || c.Pinning == PinningOff || s != nil && s.Pins&PinSession != 0 {
		return allowed
	}
	if c.Pinning == PinningError {
		return refusedState
	}
	if s != nil && s.Pins == 0 && f.e.MayPin != nil && !f.e.MayPin(s) {
		return refusedPin
	}
	return allowed
}

// pin notes that the server has to stay with its client, for what a text leaves there. Where pinning is off it does not,
// and is cleaned before another gets it.
func (f *feed) pin(e sql.Effects) {
	if p := pinsOf(f.keeping(e)); p != 0 {
		f.stay(p)
	}
}

// stay is pin for reasons.
func (f *feed) stay(p Pins) {
	if f.c.Pinning == PinningOff && f.s.Pins&PinSession == 0 {
		f.s.Lost |= p
		return
	}
	f.s.Pins |= p
}

func (r refusal) message(to []byte) []byte {
	switch r {
	case refusedShape:
		return appendReshaped(to)
	case refusedState:
		return pgwire.AppendError(to, "ERROR", "0A000", "a statement that leaves state in the session is not possible with pinning error",
			"Its state could not follow the client to another server.",
			"Use pinning on for this pool, or pool_mode session, or what ends with the transaction.")
	case refusedPin:
		return pgwire.AppendError(to, "ERROR", "53400", "too many clients keep a server for the state that they have left in it (max_pinned_servers)",
			"", "Raise max_pinned_servers, or have fewer clients use temporary tables, session-level advisory locks and the like.")
	case refusedNumbers:
		return pgwire.AppendError(to, "ERROR", "55000", "lastval is not yet defined in this session",
			"The transaction has failed, and the client's numbers are in another session.", "Say ROLLBACK first, and ask then.")
	}
	return pgwire.AppendError(to, "ERROR", "0A000", "transaction blocks are not possible in pool_mode statement", "",
		"Use pool_mode transaction for this pool, or send statements that commit themselves.")
}

// refuse answers a statement that is not let through, once everything before it has been answered. A transaction that is
// open has failed then, as with any error.
func (f *feed) refuse(why refusal, length int, simple bool) {
	if f.s.open || f.s.Status != pgwire.StatusIdle || f.s.mayRefuse() {
		f.failBatch(why, length, simple)
		return
	}
	if f.s.owed.len() > 0 {
		f.flushServer()
		f.stop = Await
		return
	}
	f.flush()
	f.e.Refused++
	f.e.Wire.Send(f.c.Conn, f.e.keep(why.message(f.e.room(512))))
	f.c.skip = !simple
	f.discard(length)
	if simple {
		f.ready()
	}
}

// failBatch has the server meet an error in place of the message, so that it rolls back what was done before.
func (f *feed) failBatch(why refusal, length int, simple bool) {
	e, s := f.e, f.s
	if simple {
		o := s.owed.push(oweQuery, prepared.None)
		o.refused = why
		f.c.replaceUnnamed(prepared.None, o)
		s.open = false
		s.setUnnamed(e, prepared.None)
		f.put(e.keep(pgwire.AppendQuery(e.room(64), "pool_mode statement")))
	} else {
		s.owed.push(oweDescribe, prepared.None).refused = why
		f.put(e.keep(pgwire.AppendStatement(e.room(64), pgwire.Describe, []byte(prepared.ServerNamePrefix))))
		s.open = true
	}
	f.discard(length)
}
