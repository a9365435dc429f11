package session

import (
	"bytes"

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

// unexpectedEnd is what Postgres says, with SQLSTATE 08006, to who ends the connection amid the data of a COPY, before its last word.
const unexpectedEnd = "unexpected EOF on client connection with an open transaction"

var lostStep = pgwire.AppendError(nil, "FATAL", "08P01", "terminating connection because protocol synchronization was lost", "", "")

// CutShort has the COPY fail whose client has ended its half of the connection amid the data, and the client told what Postgres
// says to that: the server's own connection need not end for it. It reports false if there is no such COPY, or half a message was
// forwarded.
func (s *Server) CutShort(e *Env, c *Client) bool {
	if !s.copyIn || s.copyEnded || s.unsure || c.MidFrame() {
		return false
	}
	e.Wire.Send(s.Conn, e.keep(pgwire.AppendCopyFail(e.room(128), unexpectedEnd)))
	s.copyEnded, s.cut = true, true
	return true
}

// asCut is what the client is told for m, with which the server has answered that.
func (s *Server) asCut(e *Env, m []byte) []byte {
	if s.cut = s.cut && bytes.Contains(pgwire.ErrorField(m, 'M'), []byte(unexpectedEnd)); !s.cut {
		return m
	}
	out := pgwire.AppendErrorAs(e.room(len(m)+len(unexpectedEnd)+len(lostStep)), m, "08006", unexpectedEnd)
	return e.keep(append(out, lostStep...))
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
