package session

import (
	"encoding/binary"
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// signalling is the functions that signal a process.
const signalling = sql.Terminates | sql.Cancels

// signals takes note of what runs.
func (s *Server) signals(effects sql.Effects) { s.signalled |= effects & signalling }

// noticed looks at a notice for the answer to a signal that was meant for one of our clients. The process ID that a client
// was told is ours, so that Postgres knows no such process and says so, in a warning that says which, in whatever language;
// its other answers are as they are. If the signal has reached a client, the notice is kept until it is known whether the row
// that comes with it can say so.
func (s *Server) noticed(e *Env, c *Client, m []byte) (kept bool) {
	if s.signalled == 0 || c == nil || e.OnSignal == nil {
		return false
	}
	if string(pgwire.ErrorField(m, 'C')) != "01000" || string(pgwire.ErrorField(m, 'R')) != "pg_signal_backend" {
		return false
	}
	pid, ok := firstNumber(pgwire.ErrorField(m, 'M'))
	if !ok || !e.OnSignal(c, pid, s.signalled&sql.Terminates != 0) {
		return false
	}
	a := &s.answers
	if len(pgwire.ErrorField(m, 'W')) > 0 || len(a.notices)+len(m) > maxSeen {
		return false // a function has done it, and what it makes of the answer is not known
	}
	a.notices = append(a.notices, m...)
	a.count++
	return true
}

// signalAnswers is what is known of the answers to signals that have reached a client: Postgres, which knows no such process,
// has answered false, with a notice. Where a row has nothing but such answers in the columns that are the function's, or has
// one column, they become true, and nobody sees the notices. Elsewhere (in a WHERE, in an expression, in a function) they
// remain.
type signalAnswers struct {
	notices []byte // that have not been shown
	count   int
	// columns of the rows to come that are such a function's, bit by bit; 0: it is not known.
	columns uint64
}

// signalColumns looks for the columns that are named as the functions are, and boolean.
func (s *Server) signalColumns(m []byte) {
	const boolean = 16
	s.answers.columns = 0
	b := m[pgwire.HeaderLen:]
	if len(b) < 2 {
		return
	}
	b = b[2:]
	for i := 0; len(b) > 0; i++ {
		name, rest, ok := pgwire.CString(b)
		if !ok || len(rest) < 18 {
			return
		}
		if string(name) == "pg_cancel_backend" || string(name) == "pg_terminate_backend" {
			if binary.BigEndian.Uint32(rest[6:]) == boolean && i < 64 {
				s.answers.columns |= 1 << i
			}
		}
		b = rest[18:]
	}
}

// signalRow takes the row that comes with the notices kept; before is what comes before them and is not sent yet.
func (s *Server) signalRow(e *Env, c *Client, m []byte, length int, before []byte) (show int) {
	s.toClientNow(e, c, before)
	a := &s.answers
	if len(m) == length {
		if row := a.corrected(e, m); row != nil {
			a.notices, a.count = a.notices[:0], 0
			s.toClientNow(e, c, row)
			return hidden | sentBefore
		}
	}
	s.tellNotices(e, c)
	return sentBefore
}

// corrected is the row with its answers true; nil if it has others.
func (a *signalAnswers) corrected(e *Env, m []byte) []byte {
	row := e.copied(m)
	columns, found := binary.BigEndian.Uint16(row[pgwire.HeaderLen:]), 0
	b := row[pgwire.HeaderLen+2:]
	for i := range int(columns) {
		if len(b) < 4 {
			return nil
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		if n < 0 {
			continue
		}
		if n > len(b) {
			return nil
		}
		if n == 1 && (columns == 1 || i < 64 && a.columns>>i&1 != 0) {
			switch b[0] {
			case 'f':
				b[0] = 't'
				found++
			case 0:
				b[0] = 1
				found++
			}
		}
		b = b[n:]
	}
	if found != a.count {
		return nil
	}
	return row
}

// tellNotices shows the notices that were kept, after all.
func (s *Server) tellNotices(e *Env, c *Client) {
	s.toClientNow(e, c, e.copied(s.answers.notices))
	s.answers.notices, s.answers.count = s.answers.notices[:0], 0
}

// firstNumber is the first number in a text.
func firstNumber(text []byte) (uint32, bool) {
	digit := func(b byte) bool { return b >= '0' && b <= '9' }
	begin := 0
	for begin < len(text) && !digit(text[begin]) {
		begin++
	}
	end := begin
	for end < len(text) && digit(text[end]) {
		end++
	}
	n, err := strconv.ParseUint(string(text[begin:end]), 10, 32)
	return uint32(n), err == nil
}
