//go:build e2e

package e2e

import (
	"syscall"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Who waits for a server when the end begins is in the middle of something, and gets a server as before, so that all
// is done long before drain_timeout.
func TestWaitingClientsAreServedAtTheEnd(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to stop")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		var busy, waiting []*client
		for range 2 {
			c := connect(t, p.Addr)
			c.query("BEGIN")
			busy = append(busy, c)
		}
		for range 20 {
			c := connect(t, p.Addr)
			c.say(simple("SELECT 'served'"))
			waiting = append(waiting, c)
		}
		p.awaitWaiting(20)
		idle := connect(t, p.Addr)

		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		mustContain(t, idle.hearEnd(), "57P01") // the end has begun
		for _, c := range busy {
			mustContain(t, c.query("COMMIT"), "COMMIT")
		}
		for _, c := range waiting {
			mustContain(t, c.hear(1), "served")
		}
		p.stop()
	})
}
