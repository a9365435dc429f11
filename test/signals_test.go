//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// A client that is signalled by the process ID that it was told is hit, whatever server it has, and nobody else is: neither
// those of other users, nor a server that happens to have that process ID.
func TestSignalsReachTheClientThatIsMeant(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		for _, mode := range []string{"transaction", "session"} {
			t.Run(mode, func(t *testing.T) {
				p := startPooler(t, driver, server, settings{Pool: "pool_size 5\npool_mode " + mode})
				asker := connect(t, p.Addr)
				// It is answered as by Postgres: true, and nothing else.
				reached := func(heard []string) []string {
					t.Helper()
					mustContain(t, heard, "DataRow", `"t"`)
					mustNotContain(t, heard, "NoticeResponse")
					return heard
				}
				terminate := func(c *client) []string {
					return reached(asker.query(fmt.Sprintf("SELECT pg_terminate_backend(%d)", c.pid)))
				}

				idle, busy, inTransaction := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
				terminate(idle)
				mustContain(t, idle.hearEnd(), "57P01", "terminating connection due to administrator command")

				busy.say(simple("SELECT pg_sleep(60), 'busy'"))
				running(t, server, "'busy'", true)
				asker.ask(parse("t", "SELECT pg_terminate_backend($1)", 23))
				reached(asker.runStatement("t", fmt.Sprint(busy.pid)))
				mustContain(t, busy.hearEnd(), "57P01")
				running(t, server, "'busy'", false)

				inTransaction.query("BEGIN")
				inTransaction.query("CREATE TABLE unfinished ()")
				terminate(inTransaction)
				mustContain(t, inTransaction.hearEnd(), "57P01")
				mustContain(t, asker.query("SELECT coalesce(to_regclass('unfinished')::text, 'rolled back')"), "rolled back")

				cancelled := connect(t, p.Addr)
				cancelled.say(simple("SELECT pg_sleep(60), 'cancelled'"))
				running(t, server, "'cancelled'", true)
				reached(asker.query(fmt.Sprintf("SELECT 'a note', pg_cancel_backend(%d), false", cancelled.pid)))
				mustContain(t, cancelled.hear(1), "57014")
				mustContain(t, cancelled.query("SELECT 'goes on'"), "goes on", "DataRow")

				if direct() {
					return
				}
				stranger := connect(t, p.Addr, "user", "other")
				mustContain(t, stranger.query(fmt.Sprintf("SELECT pg_terminate_backend(%d)", cancelled.pid)), "01000", "not a PostgreSQL backend")
				mustContain(t, cancelled.query("SELECT 'not for others'"), "not for others", "DataRow")
				// Its own, while it asks.
				asker.say(simple(fmt.Sprintf("SELECT pg_terminate_backend(%d)", asker.pid)))
				mustContain(t, asker.hearEnd(), "57P01")
			})
		}
	})
}
