package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// A client can end its conversation in three ways: with Terminate, by ending its half of the connection, and with a message
// that is none. Whichever it is, Postgres comes to it when it has done and answered what was said before; see
// [Server.Finishing].

// quits takes a Terminate. Amid the data of a COPY Postgres takes it for an error, and says so.
func (f *feed) quits(length int) {
	if f.s == nil || !f.s.copyOpen() {
		return
	}
	f.s.ending = true
	f.pass(length)
}

// lastWords has the server of a client that has sent a message of no known type say what there is to say: the answers that
// Postgres has not flushed yet go out before that, and of an open COPY it says more. It is lost. A server that owes nothing is
// not: the client is told by us (Violation).
func (f *feed) lastWords(typ byte) {
	if pgwire.KnownClientType(typ) || f.s == nil || f.s.Settled() {
		return // a length that cannot be ends the connection without a word
	}
	f.s.ending = true
	f.put(f.e.keep(pgwire.AppendEmpty(f.e.room(8), typ)))
}

// copyOpen reports whether the server reads a COPY, or will, for all that is known, whose end has not been sent.
func (s *Server) copyOpen() bool {
	if s.copyIn {
		return !s.copyEnded
	}
	return s.dataSent && s.owed.len() > 0 && !s.owed.holds(dueCopyEnd)
}

// Concludes reports whether whole messages at the beginning of b ask for an answer: b is what a client has sent and nobody has
// looked at.
func Concludes(b []byte) bool {
	for len(b) >= pgwire.HeaderLen {
		length := pgwire.FrameLen(b)
		if !pgwire.LegalClientFrame(b[0], length) || length > len(b) {
			return false
		}
		switch b[0] {
		case pgwire.Query, pgwire.FunctionCall, pgwire.Sync, pgwire.Flush:
			return true
		case pgwire.Terminate:
			return false
		}
		b = b[length:]
	}
	return false
}

// isASCII reports whether a name is text in every encoding.
func isASCII(name []byte) bool {
	for _, b := range name {
		if b >= 0x80 {
			return false
		}
	}
	return true
}

// prove has Postgres see a name that a client gives to a statement and that the server will not hear, since there the
// statement has another: it refuses those that are no text in the client's encoding (22021).
func (f *feed) prove(name []byte) {
	s := f.s
	if s.Pins&(PinPrepare|PinLarge) != 0 {
		return // it may be the name of a statement there
	}
	s.owed.push(oweCloseOurs, prepared.None)
	s.open = true
	f.put(f.e.keep(pgwire.AppendStatement(f.e.room(len(name)+16), pgwire.Close, name)))
}
