//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// A pause lets the transaction end, keeps who comes then waiting, and resume lets them on.
func TestCommandPausesAndResumes(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no commands without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		a := connect(t, p.Addr)
		a.query("SELECT 1")
		p.shows([]string{"Pool app is paused"}, "pause", "app")
		p.shows([]string{"paused"}, "status")
		a.sendQuery("SELECT 2")
		p.shows([]string{"waiting"}, "clients", "--state", "waiting")
		p.shows([]string{"Pool app is active"}, "resume", "app")
		a.hear(1)
		p.shows([]string{"active"}, "status")
	})
}

// Who does not end a transaction in time is not waited for, and the pool goes on as if nothing had been said.
func TestCommandPauseIsTakenBack(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		a := connect(t, p.Addr)
		a.query("BEGIN")
		if out, errs, code := p.postgres("pause", "app", "--timeout", "200ms"); code != 1 || !strings.Contains(errs, "1 connection was still busy") {
			t.Errorf("exit code %d: %s%s", code, out, errs)
		}
		connect(t, p.Addr).query("SELECT 1")
		a.query("COMMIT")
		p.shows([]string{"connected anew"}, "reconnect", "app")
		p.shows([]string{"Pool app is disabled"}, "disable", "app")
		if _, err := tryConnect(t, p.Addr); err == nil {
			t.Error("a disabled pool takes clients")
		}
		p.shows([]string{"Pool app is enabled"}, "enable", "app")
		connect(t, p.Addr).query("SELECT 1")
	})
}

// A pool that was removed is shown as long as somebody is there, who can be disconnected; orders are refused.
func TestCommandLooksAtAPoolThatDrains(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		old := freeAddr(t)
		declared := settings{Pool: "pool_size 4", Global: fmt.Sprintf("drain_timeout 10m\npool old {\nlisten %s\nupstream %s\nauth {\nmethod trust\n}\n}", old, p.upstreams[0])}
		if err := p.reload(declared); err != nil {
			t.Fatal(err)
		}
		connect(t, old).query("BEGIN")
		if err := p.reload(settings{Pool: "pool_size 4"}); err != nil {
			t.Fatal(err)
		}
		p.shows([]string{"old", "draining", "Since the start"}, "status", "old")
		if out, errs, code := p.postgres("kill", "old"); code != 1 || !strings.Contains(errs, `pool "old" has been removed`) {
			t.Errorf("exit code %d: %s%s", code, out, errs)
		}
		out, _, _ := p.postgres("clients", "--pool", "old", "--json")
		var clients []struct{ ID string }
		if err := json.Unmarshal([]byte(out), &clients); err != nil || len(clients) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		p.shows([]string{"is disconnected"}, "disconnect", clients[0].ID)
		eventually(t, "it has gone", func() error {
			if out, errs, code := p.postgres("status", "old"); code != 1 || !strings.Contains(errs, `there is no pool "old"`) {
				return fmt.Errorf("exit code %d: %s%s", code, out, errs)
			}
			return nil
		})
	})
}

func TestCommandListsAndDisconnects(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		a := connect(t, p.Addr, "application_name", "evil\x1b[2J")
		a.query("BEGIN")
		a.query("SELECT 40 + 2")
		p.shows([]string{"active", "evil�[2J"}, "clients", "--pool", "app")
		p.shows([]string{"active"}, "servers", "--state", "active")
		p.shows([]string{"CALLS", "select $n + $n"}, "queries", "--sort", "calls")
		out, _, _ := p.postgres("clients", "--json")
		var clients []struct{ ID string }
		if err := json.Unmarshal([]byte(out), &clients); err != nil || len(clients) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		p.shows([]string{"is disconnected"}, "disconnect", clients[0].ID)
		p.shows([]string{"There is no such client."}, "clients")
		if _, errs, code := p.postgres("disconnect", clients[0].ID); code != 1 {
			t.Errorf("disconnected twice: exit code %d: %s", code, errs)
		}
	})
}
