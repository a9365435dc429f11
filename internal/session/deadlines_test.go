package session

import (
	"fmt"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// Every Postgres says of a cancel, and of nothing else, what is replaced where the cancel was the pooler's.
func TestWhatPostgresSaysOfACancel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Postgres")
	}
	for _, major := range pgtest.Versions() {
		server := pgtest.Start(t, pgtest.Options{Version: major, Roles: []pgtest.Role{{Name: "alice"}}, Databases: []string{"app"}})
		address := fmt.Sprintf("%s:%d", server.Host, server.Port)
		for query, ours := range map[string]bool{
			"select pg_cancel_backend(pg_backend_pid()), pg_sleep(10)": true,
			"set statement_timeout = '10ms'; select pg_sleep(10)":      false,
			"select 1/0": false,
		} {
			failure := errorIn(say(t, address, frame(pgwire.Query, []byte(query+"\x00")), 1))
			if failure == nil {
				t.Fatalf("Postgres %d: %s does not fail", major, query)
			}
			s := Server{Instead: []byte("ours")}
			if got := s.instead(failure) != nil; got != ours {
				t.Errorf("Postgres %d: after %q, %q is replaced: %v", major, query, pgwire.ErrorField(failure, 'M'), got)
			}
		}
	}
}

// errorIn is the first ErrorResponse.
func errorIn(b []byte) []byte {
	for len(b) >= pgwire.HeaderLen && pgwire.FrameLen(b) <= len(b) {
		m := b[:pgwire.FrameLen(b)]
		if m[0] == pgwire.ErrorResponse {
			return m
		}
		b = b[len(m):]
	}
	return nil
}
