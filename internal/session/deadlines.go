package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// What an engine that keeps deadlines has to know of a server, and to say in its place.

// MaxLast bounds what is kept of the text of a statement, for who wants to read what a client did last: 1 KiB.
const MaxLast = 1 << 10

// remember keeps the text of the statement that the client runs, in memory that is used again for the next.
func (s *Server) remember(text []byte) {
	if !s.Remember {
		return
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	s.last = append(s.last[:0], text[:min(len(text), MaxLast)]...)
}

// Last is the beginning of the text of the statement that the present client has run last, as far as Remember was set
// meanwhile. It is the server's, until the client says more.
func (s *Server) Last() []byte { return s.last }

// ForgetLast forgets it, before another client comes.
func (s *Server) ForgetLast() { s.last = s.last[:0] }

// Answers counts the replies that have ended, and begins again after 2^32: as long as it stands still while replies are
// owed, one message is being worked on.
func (s *Server) Answers() uint32 { return s.owed.head }

// InTransaction reports whether Postgres has a transaction open, as far as the last answers tell: an explicit one, or one
// of extended messages whose Sync has not been sent.
func (s *Server) InTransaction() bool {
	return s.Status != pgwire.StatusIdle || s.open || s.skipping
}

// userRequest is what Postgres says to who is cancelled. Its other texts with 57014 have reasons of their own, such as
// statement_timeout. In other languages than English they cannot be told apart, and go through.
const userRequest = "canceling statement due to user request"

// instead is the error that stands in for one that a cancel of ours has caused; nil if this is not it.
func (s *Server) instead(m []byte) (out []byte) {
	if len(s.Instead) > 0 && !s.Dying && string(pgwire.ErrorField(m, 'C')) == "57014" && string(pgwire.ErrorField(m, 'M')) == userRequest {
		out, s.Instead = s.Instead, nil
	}
	return out
}
