package session

import (
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
// its other answers are as they are.
func (s *Server) noticed(e *Env, c *Client, m []byte) {
	if s.signalled == 0 || c == nil || e.OnSignal == nil {
		return
	}
	if string(pgwire.ErrorField(m, 'C')) != "01000" || string(pgwire.ErrorField(m, 'R')) != "pg_signal_backend" {
		return
	}
	if pid, ok := firstNumber(pgwire.ErrorField(m, 'M')); ok {
		e.OnSignal(c, pid, s.signalled&sql.Terminates != 0)
	}
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
