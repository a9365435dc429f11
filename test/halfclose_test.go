//go:build e2e

package e2e

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// halfCloser is a connection of which one half can be ended: in clear, or TLS.
type halfCloser interface{ CloseWrite() error }

// endHalf ends what a client sends; it still listens.
func (c *client) endHalf() {
	c.t.Helper()
	if err := c.conn.(halfCloser).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// Who ends its half of the connection is answered, however long that takes, also over TLS. That it is knocked at meanwhile it
// need not notice: what a ParameterStatus says is what it was told before.
func TestHalfClosedClientsAreAnswered(t *testing.T) {
	eachSecured(t, "", func(t *testing.T, a *authority, p *pooler, server *pgtest.Server) {
		for name, connect := range map[string]func() *client{
			"in clear": func() *client { return connect(t, p.Addr, "database", openDatabase()) },
			"TLS":      func() *client { return connectTLS(t, a, p) },
		} {
			t.Run(name, func(t *testing.T) {
				slow := connect()
				slow.say(simple("SELECT pg_sleep(1.7), 'slow'"), simple("SELECT 'behind'"))
				slow.endHalf()
				heard := slow.hearEnd()
				mustContain(t, heard, "DataRow", "slow")
				mustContain(t, heard, "DataRow", "behind")
				for _, l := range heard {
					if contains([]string{l}, "ParameterStatus") && !contains(slow.heard[:len(slow.heard)-len(heard)], l) {
						t.Errorf("it is told what it did not know: %s", l)
					}
				}

				reader := connect() // that takes its time
				reader.say(simple("SELECT repeat('x', 1000) FROM generate_series(1, 20000)"), simple("SELECT 'the end of it'"))
				reader.endHalf()
				time.Sleep(700 * time.Millisecond)
				mustContain(t, reader.hearEnd(), "DataRow", "the end of it")
			})
		}
	})
}

// While it waits for a server, too.
func TestHalfClosedClientsWait(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nobody waits for a server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		busy, waits, gone := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
		busy.query("BEGIN")
		waits.say(simple("SELECT 'waited'"))
		gone.say(simple("CREATE TABLE nobodys ()"))
		p.awaitWaiting(2)
		waits.endHalf()
		gone.vanish()
		p.awaitWaiting(1) // who listens is still there
		busy.query("COMMIT")
		mustContain(t, waits.hearEnd(), "DataRow", "waited")
		mustContain(t, busy.query("SELECT coalesce(to_regclass('nobodys')::text, 'never made')"), "never made")
	})
}

// Whoever vanishes is found out, also over TLS, in the middle of a transaction and of a batch, and leaves nothing.
func TestTrap31ClientVanishesOverTLS(t *testing.T) {
	eachSecured(t, "", func(t *testing.T, a *authority, p *pooler, server *pgtest.Server) {
		if direct() {
			t.Skip("Postgres itself does not notice before it writes")
		}
		for _, said := range [][]pgproto3.FrontendMessage{
			{simple("SELECT pg_sleep(60), 'gone'")},
			{simple("BEGIN"), simple("SELECT pg_sleep(60), 'gone'"), simple("COMMIT")},
			join(pbe("SELECT pg_sleep(60), 'gone'"), sync_, pbe("SELECT 'more'")),
			join(pbe("SELECT pg_sleep(60), 'gone'"), flush),
		} {
			for _, polite := range []bool{false, true} {
				gone := connectTLS(t, a, p)
				gone.say(said...)
				running(t, server, "'gone'", true)
				if polite {
					gone.vanish()
				} else { // what is gone cannot close TLS first
					_ = gone.conn.(*tls.Conn).NetConn().Close()
				}
				running(t, server, "'gone'", false)
			}
		}
	})
}
