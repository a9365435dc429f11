package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// MaxRows bounds the rows that are kept of the answer to a query of ours: 256 KiB. What is longer counts as failed.
const MaxRows = 256 << 10

// Ask sends a query of ours, whose replies nobody sees. Nothing may be owed. When it is answered, Settled is true
// again, and Failed tells how it went.
func (s *Server) Ask(e *Env, text string) { s.ask(e, text, oweQueryOurs) }

// AskRows is Ask for a query whose rows are wanted; see Rows.
func (s *Server) AskRows(e *Env, text string) {
	s.maxRows = MaxRows
	s.ask(e, text, oweRowsOurs)
}

// MaxManyRows is MaxRows of AskManyRows: 16 MiB.
const MaxManyRows = 16 << 20

// AskManyRows is AskRows where many are expected. ForgetRows gives their memory back.
func (s *Server) AskManyRows(e *Env, text string) {
	s.maxRows = MaxManyRows
	s.ask(e, text, oweRowsOurs)
}

// ForgetRows forgets the rows.
func (s *Server) ForgetRows() { s.rows = nil }

func (s *Server) ask(e *Env, text string, kind Kind) {
	if s.owed.len() > 0 || s.open {
		panic("bug: session: a query of ours amid a client's")
	}
	s.Failed, s.Failure, s.rows = false, s.Failure[:0], s.rows[:0]
	s.owed.push(kind, prepared.None)
	s.setUnnamed(e, prepared.None)
	e.Wire.Send(s.Conn, e.keep(pgwire.AppendQuery(e.room(len(text)+8), text)))
}

// Asked reports whether the next reply is to a query of ours: a cancel that came now would hit that, and not what the
// client runs.
func (s *Server) Asked() bool { return s.owed.first() == oweQueryOurs || s.owed.first() == oweRowsOurs }

// Rows calls f with the columns of every row of the answer to AskRows; NULL is nil. They are valid until the next Ask.
func (s *Server) Rows(f func(columns [][]byte)) {
	var columns [][]byte
	for rest := s.rows; len(rest) > 0; {
		length := pgwire.FrameLen(rest)
		columns = pgwire.Columns(columns[:0], rest[pgwire.HeaderLen:length])
		f(columns)
		rest = rest[length:]
	}
}

// keepRow takes a DataRow of the answer to a query of ours.
func (s *Server) keepRow(m []byte, length int) {
	if len(m) < length || len(s.rows)+length > s.maxRows {
		s.Failed = true
		return
	}
	s.rows = append(s.rows, m...)
}
