//go:build e2e

package e2e

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// passersBy are three clients, each with settings of its own, of whom two always hold a server of a pool of three: so
// the third server is the one that was released last, and when the next of them takes it and another one lets go, a
// client beside them meets another server than before, whatever servers are preferred for it.
type passersBy struct {
	clients [3]*client
	turn    int
}

// passersPool is the settings that they need: in one event loop things happen in the order in which they are asked for.
var passersPool = settings{Global: "event_loops 1", Pool: "pool_size 3"}

func newPassersBy(t *testing.T, p *pooler) *passersBy {
	t.Helper()
	o := &passersBy{clients: [3]*client{
		connect(t, p.Addr, "application_name", "one", "TimeZone", "Asia/Tokyo", "DateStyle", "German", "search_path",
			"pg_catalog",
			"work_mem", "1MB", "client_encoding", "LATIN1", "standard_conforming_strings", "off", "client_min_messages",
			"error"),
		connect(t, p.Addr, "application_name", "two", "TimeZone", "America/Lima", "IntervalStyle", "iso_8601", "bytea_output",
			"escape",
			"extra_float_digits", "-5", "default_transaction_isolation", "serializable", "my.tenant", "another's"),
		connect(t, p.Addr, "application_name", "three", "statement_timeout", "59s", "default_transaction_read_only", "on",
			"work_mem", "2MB", "plan_cache_mode", "force_custom_plan", "enable_seqscan", "off"),
	}}
	o.clients[0].query("BEGIN")
	o.clients[1].query("BEGIN")
	return o
}

// pass has one of them take the server that was released last, and then another release its own.
func (o *passersBy) pass() {
	if o == nil {
		return
	}
	next, last := o.clients[(o.turn+2)%3], o.clients[o.turn%3]
	o.turn++
	next.say(simple("BEGIN"), parse("", "SELECT 'of another'"), bind("", ""), execute(""), sync_)
	last.query("COMMIT")
	next.hear(2)
}

// A suite that scatters must scatter: a client that keeps nothing meets another server at every step.
func TestPassersByScatter(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection stays where it is")
		}
		p := startPooler(t, driver, server, passersPool)
		others, c := newPassersBy(t, p), connect(t, p.Addr)
		last := ""
		for range 20 {
			others.pass()
			pid := c.value("SELECT pg_backend_pid()")
			if pid == last {
				t.Fatalf("server %s twice in a row", pid)
			}
			last = pid
		}
	})
}
