//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// usualStartups is what drivers ask for when they log in, and some of what they hardly ever do.
var usualStartups = [][]string{
	{},
	{"application_name", "psql", "client_encoding", "UTF8"},
	{"application_name", "worker-17", "client_encoding", "utf-8"},
	{"client_encoding", "UTF8", "DateStyle", "ISO", "extra_float_digits", "2", "application_name", "PostgreSQL JDBC Driver"},
	{"application_name", ""},
	{"extra_float_digits", "-15"},
	{"client_encoding", "Unicode"},
	{"application_name", strings.Repeat("n", 63)},
	{"application_name", "caf\u00e9"},
	{"client_encoding", "LATIN1"},
	{"DateStyle", "German"},
	{"TimeZone", "Europe/Paris", "application_name", "traveller"},
	{"options", "-c statement_timeout=5s", "application_name", "with options"},
	{"search_path", "a,b"},
}

// What a client is told at login is what Postgres tells, whether a server was asked for it or not.
func TestGreetingsAreThoseOfPostgres(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for _, params := range usualStartups {
			want, got := connect(t, server.Addr(), params...), connect(t, p.Addr, params...)
			if diff := difference(want.heard, got.heard); diff != "" {
				t.Errorf("%q (-: Postgres, +: through us):\n%s", params, diff)
			}
			for _, name := range []string{"application_name", "client_encoding", "DateStyle", "TimeZone", "extra_float_digits", "statement_timeout", "search_path"} {
				if want, got := want.value("SHOW "+name), got.value("SHOW "+name); got != want {
					t.Errorf("%q: %s is %q, and %q through us", params, name, want, got)
				}
			}
			want.leave()
			got.leave()
		}
	})
}

// Who only logs in needs no server: not even when all are busy, and whatever name an application gives itself.
func TestALoginNeedsNoServer(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection is its server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		holder := connect(t, p.Addr)
		holder.query("BEGIN")
		for i := range 50 {
			c := connect(t, p.Addr, "application_name", fmt.Sprintf("pod-%d", i), "client_encoding", "UTF8", "extra_float_digits", "3")
			mustContain(t, c.heard, "application_name", fmt.Sprintf("pod-%d", i))
		}
		mustContain(t, holder.query("COMMIT"), "COMMIT")
	})
}
