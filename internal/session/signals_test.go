package session

import (
	"bytes"
	"slices"
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
			w.env.OnSignal = func(_ *Client, pid uint32, terminate bool) bool {
				got = append(got, signal{pid, terminate})
				return false
			}
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

// A signal that has reached a client is answered true, and without the notice, where the row has nothing but the answer there.
func TestAnswersToSignals(t *testing.T) {
	type column struct{ name, value string }
	const cancel, end = "pg_cancel_backend", "pg_terminate_backend"
	description := func(columns []column) []byte {
		b := body{0, byte(len(columns))}
		for _, c := range columns {
			b.cstring(c.name)
			b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 1, 255, 255, 255, 255, 0, 0)
		}
		return frame(pgwire.RowDescription, b)
	}
	row := func(columns []column) []byte {
		b := body{0, byte(len(columns))}
		for _, c := range columns {
			if c.value == "null" {
				b.int32(-1)
				continue
			}
			b.int32(len(c.value))
			b.bytes(c.value)
		}
		return frame(pgwire.DataRow, b)
	}
	for name, c := range map[string]struct {
		columns []column
		signals int
		want    []string // nil: as they are
		hidden  bool     // RowDescription has come before
		strange bool     // it reaches nobody
		where   string
	}{
		"alone":                        {columns: []column{{cancel, "f"}}, signals: 1, want: []string{"t"}},
		"in binary":                    {columns: []column{{end, "\x00"}}, signals: 1, want: []string{"\x01"}},
		"under another name":           {columns: []column{{"done", "f"}}, signals: 1, want: []string{"t"}},
		"described before":             {columns: []column{{cancel, "f"}}, signals: 1, want: []string{"t"}, hidden: true},
		"beside others":                {columns: []column{{"a", "f"}, {cancel, "f"}, {"b", "null"}}, signals: 1, want: []string{"f", "t", "null"}},
		"twice":                        {columns: []column{{cancel, "f"}, {end, "f"}}, signals: 2, want: []string{"t", "t"}},
		"one has reached nobody":       {columns: []column{{cancel, "f"}, {end, "f"}}, signals: 1},
		"beside others, not described": {columns: []column{{"a", "1"}, {cancel, "f"}}, signals: 1, hidden: true},
		"turned round":                 {columns: []column{{"?column?", "t"}}, signals: 1},
		"not shown":                    {columns: []column{{"a", "f"}, {"b", "f"}}, signals: 1},
		"nobody":                       {columns: []column{{cancel, "f"}}, signals: 1, strange: true},
		"by a function":                {columns: []column{{"f", "f"}}, signals: 1, where: "PL/pgSQL function f() line 1 at RETURN"},
	} {
		t.Run(name, func(t *testing.T) {
			notice := pgwire.AppendNotice(nil, "WARNING", "01000", "PID 4274309 is not a PostgreSQL backend process", "", "")
			fields := "Rpg_signal_backend\x00"
			if c.where != "" {
				fields += "W" + c.where + "\x00"
			}
			notice = frame(pgwire.NoticeResponse, append(notice[pgwire.HeaderLen:len(notice)-1], fields+"\x00"...))
			var says []byte
			if !c.hidden {
				says = append(says, description(c.columns)...)
			}
			for range c.signals {
				says = append(says, notice...)
			}
			says = append(says, row(c.columns)...)
			says = append(says, frame(pgwire.CommandComplete, body("SELECT 1\x00"))...)
			says = pgwire.AppendReady(says, pgwire.StatusIdle)
			want := says
			if c.want != nil {
				want = nil
				if !c.hidden {
					want = append(want, description(c.columns)...)
				}
				corrected := slices.Clone(c.columns)
				for i := range corrected {
					corrected[i].value = c.want[i]
				}
				want = append(want, row(corrected)...)
				want = append(want, frame(pgwire.CommandComplete, body("SELECT 1\x00"))...)
				want = pgwire.AppendReady(want, pgwire.StatusIdle)
			}
			for cut := range says {
				w := newWorld()
				w.env.OnSignal = func(*Client, uint32, bool) bool { return !c.strange }
				client, server := w.addClient("a"), w.addServer("1")
				w.turn(func() {
					client.Feed(w.env, &server.Server, pgwire.AppendQuery(nil, "select pg_cancel_backend(4274309), pg_terminate_backend(4274309)"))
				})
				for _, piece := range [][]byte{says[:cut], says[cut:]} {
					w.turn(func() { server.Feed(w.env, &client.Client, slices.Clone(piece)) })
				}
				if !bytes.Equal(client.all, want) {
					t.Fatalf("cut at %d, the client is told\n%q, and not\n%q", cut, client.all, want)
				}
			}
		})
	}
}
