//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// follows demands that a client has its setting while another uses the same one server.
func follows(t *testing.T, owner, other *client, set, show, own, others string) {
	t.Helper()
	mustNotContain(t, owner.query(set), "ErrorResponse")
	for range 2 {
		if got := other.value(show); got != others {
			t.Errorf("after %q another client finds %q, want %q", set, got, others)
		}
		if got := owner.value(show); got != own {
			t.Errorf("after %q its client finds %q, want %q", set, got, own)
		}
	}
}

// keeps demands that a client with an untracked setting keeps its server, until end.
func (p *pooler) keeps(t *testing.T, owner, other *client, set, show, own, others string, end func(*client)) {
	t.Helper()
	mustNotContain(t, owner.query(set), "ErrorResponse")
	p.awaitPinned("settings", 1)
	other.say(simple(show))
	p.awaitWaiting(1)
	if got := owner.value(show); got != own {
		t.Errorf("after %q its client finds %q, want %q", set, got, own)
	}
	end(owner)
	mustContain(t, other.hear(1), "DataRow", fmt.Sprintf(`"text":%q`, others))
	p.awaitPinned("settings", 0)
}

// The settings in the list follow their client, whatever the case of their names; another one keeps its server until it
// is taken back, or its client leaves.
func TestTrackParametersFollowAndOthersKeepTheServer(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\ntrack_parameters search_path timezone app.tenant"})
		t.Run("those in the list", func(t *testing.T) {
			owner, other := connect(t, p.Addr), connect(t, p.Addr)
			follows(t, owner, other, "SET search_path = pg_catalog", "SHOW search_path", "pg_catalog", `"$user", public`)
			follows(t, owner, other, "SET TIME ZONE 'Asia/Tokyo'", "SHOW TimeZone", "Asia/Tokyo", "UTC")
			const tenant = "SELECT coalesce(nullif(current_setting('app.tenant', true), ''), 'nobody')"
			follows(t, owner, other, "SELECT set_config('App.Tenant', 'seven', false)", tenant, "seven", "nobody")
			owner.leave()
			other.leave()
		})
		for name, end := range map[string]func(*client){
			"RESET":       func(c *client) { c.query("RESET work_mem") },
			"SET DEFAULT": func(c *client) { c.query("SET work_mem TO DEFAULT") },
			"RESET ALL":   func(c *client) { c.query("RESET ALL") },
			"DISCARD ALL": func(c *client) { c.query("DISCARD ALL") },
			"leaves":      (*client).leave,
			"vanishes":    (*client).vanish,
		} {
			t.Run("another, until "+name, func(t *testing.T) {
				owner, other := connect(t, p.Addr), connect(t, p.Addr)
				p.keeps(t, owner, other, "SET work_mem = '7MB'", "SHOW work_mem", "7MB", "4MB", end)
				if name != "leaves" && name != "vanishes" {
					follows(t, owner, other, "SET search_path = pg_catalog", "SHOW search_path", "pg_catalog", `"$user", public`)
					owner.leave()
				}
				other.leave()
			})
		}
		t.Run("both kinds in one transaction", func(t *testing.T) {
			owner, other := connect(t, p.Addr), connect(t, p.Addr)
			p.keeps(t, owner, other, "BEGIN; SET search_path = pg_catalog; SET work_mem = '7MB'; COMMIT", "SHOW work_mem", "7MB", "4MB",
				func(c *client) { c.query("RESET work_mem") })
			if got := owner.value("SHOW search_path"); got != "pg_catalog" {
				t.Errorf("what follows is %q after the other was taken back", got)
			}
			owner.leave()
			other.leave()
		})
	})
}

// What is not tracked keeps no server where nothing of it stays: it is local, or rolled back.
func TestUntrackedSettingsOfATransactionKeepNoServer(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\ntrack_parameters none"})
		for _, sql := range []string{
			"BEGIN; SET LOCAL work_mem = '7MB'; COMMIT",
			"BEGIN; SET work_mem = '7MB'; ROLLBACK",
			"BEGIN; SAVEPOINT a; SET work_mem = '7MB'; ROLLBACK TO a; COMMIT",
			"SELECT set_config('work_mem', '7MB', true)",
		} {
			owner, other := connect(t, p.Addr), connect(t, p.Addr)
			follows(t, owner, other, sql, "SHOW work_mem", "4MB", "4MB")
			owner.leave()
			other.leave()
		}
	})
}

// With none each SET keeps its server; what clients ask for at login follows them all the same.
func TestTrackParametersNone(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\ntrack_parameters none"})
		owner, other := connect(t, p.Addr, "TimeZone", "Asia/Tokyo"), connect(t, p.Addr, "work_mem", "5MB")
		follows(t, owner, other, "SELECT 1", "SHOW TimeZone", "Asia/Tokyo", "UTC")
		p.keeps(t, owner, other, "SET search_path = pg_catalog", "SHOW search_path", "pg_catalog", `"$user", public`,
			func(c *client) { c.query("RESET search_path") })
		follows(t, owner, other, "SELECT 1", "SHOW TimeZone", "Asia/Tokyo", "UTC")
		follows(t, owner, other, "SELECT 1", "SHOW work_mem", "4MB", "5MB")
		// One that it has asked for at login, and changed since.
		p.keeps(t, owner, other, "SET TIME ZONE 'Europe/Oslo'", "SHOW TimeZone", "Europe/Oslo", "UTC",
			func(c *client) { c.query("RESET timezone") })
		follows(t, owner, other, "SELECT 1", "SHOW TimeZone", "Asia/Tokyo", "UTC")
	})
}

// All of them follow by default, and with *.
func TestTrackParametersAll(t *testing.T) {
	for _, option := range []string{"", "track_parameters *"} {
		eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
			if direct() {
				t.Skip("one server is shared here")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 1\n" + option})
			for _, l := range leftovers[:8] { // the settings among them
				owner, other := superuser(t, p), superuser(t, p)
				follows(t, owner, other, l.leave[0], l.probe, l.there, l.gone)
				owner.leave()
				other.leave()
			}
		})
	}
}
