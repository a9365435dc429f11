//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// failedConnects counts the attempts to connect to Postgres that have failed.
func (p *pooler) failedConnects() int {
	p.t.Helper()
	var pool struct {
		Failed int `json:"connects_failed"`
	}
	if err := p.getJSON("/postgres/pools/app", &pool); err != nil {
		p.t.Fatal(err)
	}
	return pool.Failed
}

// While the breaker is open clients are told at once, Postgres is left alone but for one attempt each time it is half open, and
// service resumes when it is back.
func TestCircuitBreaker(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("nothing breaks without the pooler")
			}
			const open = time.Second
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "circuit_breaker 3 1s\nquery_wait_timeout 20s\nserver_login_retry 10ms"})
			client := connect(t, p.Addr)
			mustContain(t, client.query("SELECT 'before'"), "before", "DataRow")
			if err := server.Stop(pgtest.Immediate); err != nil {
				t.Fatal(err)
			}
			eventually(t, "clients are told at once", func() error {
				began := time.Now()
				heard := client.query("SELECT 'meanwhile'")
				if took := time.Since(began); took > 200*time.Millisecond {
					return errors.New("told after " + took.String())
				}
				mustContain(t, heard, "ErrorResponse")
				mustNotContain(t, heard, "DataRow")
				return nil
			})
			demandRetryable(t, client.query("SELECT 'meanwhile'"))
			began := time.Now()
			failed := p.failedConnects()
			askAll(t, p, 3*open)
			attempts, took := p.failedConnects()-failed, time.Since(began)
			t.Logf("%d attempts in %v of an open breaker", attempts, took)
			// One for each time that it is half open, and one for the moment in which it began.
			if most := int(took/open) + 2; attempts == 0 || attempts > most {
				t.Errorf("%d connections were attempted in %v, want one at least and at most %d", attempts, took, most)
			}
			if err := server.StartAgain(within(t)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "service resumes", func() error {
				if heard := client.query("SELECT 'after'"); !contains(heard, "after", "DataRow") {
					return errors.New(strings.Join(heard, "; "))
				}
				return nil
			})
		})
	}
}

// demandRetryable demands an error that drivers take for one of the connection: nothing was done.
func demandRetryable(t *testing.T, heard []string) {
	t.Helper()
	for _, code := range []string{" 08006 ", " 08001 ", " 57P03 "} {
		if contains(heard, "ErrorResponse", code) {
			return
		}
	}
	t.Errorf("not an error that says to try again: %s", strings.Join(heard, "\n"))
}

// askAll lets clients ask all the time, who log in while the breaker is open.
func askAll(t *testing.T, p *pooler, d time.Duration) {
	t.Helper()
	var clients []*client
	for range 10 {
		if c, err := tryConnect(t, p.Addr); err == nil {
			clients = append(clients, c)
		}
	}
	for began := time.Now(); time.Since(began) < d; {
		for _, c := range clients {
			mustNotContain(t, c.query("SELECT 'meanwhile'"), "DataRow")
		}
		if len(clients) == 0 {
			t.Fatal("nobody could log in")
		}
	}
}
