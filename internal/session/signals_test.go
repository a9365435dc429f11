package session

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// What Postgres answers to a signal for a process that it does not know is told, and only that.
func TestSignalsForProcessesThatPostgresDoesNotKnow(t *testing.T) {
	type signal struct {
		pid       uint32
		terminate bool
	}
	warning := func(code, routine, message string) []byte {
		m := pgwire.AppendError(nil, "WARNING", code, message, "", "")
		m = append(m[:len(m)-1], "R"+routine+"\x00\x00"...)
		m[0] = pgwire.NoticeResponse
		n := len(m) - 1
		m[1], m[2], m[3], m[4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		return m
	}
	const unknown = "PID 4274309 is not a PostgreSQL backend process"
	for name, c := range map[string]struct {
		text   string
		notice []byte
		want   []signal
	}{
		"terminate":          {"select pg_terminate_backend(4274309)", warning("01000", "pg_signal_backend", unknown), []signal{{4274309, true}}},
		"cancel":             {"select pg_cancel_backend(4274309)", warning("01000", "pg_signal_backend", unknown), []signal{{4274309, false}}},
		"another language":   {"select pg_cancel_backend(7)", warning("01000", "pg_signal_backend", "PID 7 ist kein"), []signal{{7, false}}},
		"no number":          {"select pg_cancel_backend(7)", warning("01000", "pg_signal_backend", "no process"), nil},
		"too large a number": {"select pg_cancel_backend(7)", warning("01000", "pg_signal_backend", "PID 99999999999"), nil},
		"raised by a user":   {"select pg_cancel_backend(7)", warning("01000", "exec_stmt_raise", unknown), nil},
		"another code":       {"select pg_cancel_backend(7)", warning("01004", "pg_signal_backend", unknown), nil},
		"no signal was sent": {"select 'x'", warning("01000", "pg_signal_backend", unknown), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			var got []signal
			w.env.OnSignal = func(_ *Client, pid uint32, terminate bool) { got = append(got, signal{pid, terminate}) }
			client, server := w.addClient("a"), w.addServer("1")
			query := pgwire.AppendQuery(nil, c.text)
			client.Feed(w.env, &server.Server, query)
			// In pieces, as they may come.
			for i := range c.notice {
				if !server.Feed(w.env, &client.Client, c.notice[i:i+1]) {
					t.Fatal("a notice is refused")
				}
			}
			if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
				t.Errorf("told %v, want %v", got, c.want)
			}
			if !server.Feed(w.env, &client.Client, pgwire.AppendReady(nil, pgwire.StatusIdle)) {
				t.Fatal("ReadyForQuery is refused")
			}
			server.Feed(w.env, &client.Client, c.notice)
			if len(got) != len(c.want) {
				t.Error("told of a notice that is nobody's answer")
			}
		})
	}
}
