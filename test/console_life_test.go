//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxConsoles is what the pooler allows, and maxExporters how many of them to users of stats_users.
const (
	maxConsoles  = 64
	maxExporters = maxConsoles - 8
)

// Exporters that do not close what they open keep no operator out.
func TestSessionsOfTheConsoleAreBounded(t *testing.T) {
	p, _ := withConsole(t, settings{})
	refused := func(user string) {
		t.Helper()
		if _, err := tryCommander(t, p, user, "secret", ""); refusal(err) != "53300" {
			t.Errorf("%s, one too many: %v", user, err)
		}
	}
	for range maxExporters {
		p.console(t, "metrics")
	}
	refused("metrics")
	first := p.console(t, "ops")
	for range maxConsoles - maxExporters - 1 {
		p.console(t, "ops")
	}
	refused("ops")
	first.Close(within(t))
	eventually(t, "a place is free", func() error {
		_, err := tryCommander(t, p, "ops", "secret", "")
		return err
	})
}

// told waits until a session has been told the end.
func (c commander) told(what string) {
	c.t.Helper()
	err := c.WaitForNotification(within(c.t))
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "57P01" {
		c.t.Errorf("%s: %v, want 57P01", what, err)
	}
}

// A reload keeps sessions whose users may still be in as what they are, and tells the others; the end tells all.
func TestReloadsAndTheConsole(t *testing.T) {
	p, server := withConsole(t, settings{})
	ops, metrics := p.console(t, "ops"), p.console(t, "metrics")
	if err := p.reload(settings{Global: "console ops secret", Upstreams: []string{server.Addr()}}); err != nil {
		t.Fatal(err)
	}
	metrics.told("stats_users has lost metrics")
	ops.show("SHOW STATE")
	if err := p.reload(settings{Global: "console {\nstats_user ops secret\n}"}); err != nil {
		t.Fatal(err)
	}
	ops.told("ops is no admin any more")
	ops = p.console(t, "ops")
	if err := p.reload(settings{}); err != nil {
		t.Fatal(err)
	}
	ops.told("there is no console any more")
	if err := p.reload(settings{Global: consoleOf}); err != nil {
		t.Fatal(err)
	}
	ops = p.console(t, "ops")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.stop()
	}()
	ops.told("the pooler ends")
	<-ended
}

// RELOAD reads the file that Caddy was started with, and says so when that has done nothing.
func TestTheConsoleReloads(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "pool_size 7"})
	ops := p.console(t, "ops")
	p.write(settings{Global: consoleOf, Pool: "pool_size 9"})
	ops.show("RELOAD")
	size := func() string { return byName(ops.show("SHOW CONFIG"), "key", "default_pool_size")["value"] }
	if got := size(); got != "9" {
		t.Errorf("after RELOAD the size is %s", got)
	}
	ops.show("RELOAD;") // what has not changed, too
	if err := os.WriteFile(p.config[1], []byte("{\n\tnonsense\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ops.ask("RELOAD"); err == nil || !strings.Contains(err.Error(), "caddy reload") {
		t.Errorf("RELOAD of nonsense: %v", err)
	}
	if got := size(); got != "9" {
		t.Errorf("after a RELOAD of nonsense the size is %s", got)
	}
}

// A RELOAD of a file that another app of Caddy cannot start with fails, though for pools it was in force for a moment.
func TestAReloadThatAnotherAppRefuses(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "pool_size 7"})
	ops := p.console(t, "ops")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	site := "\nhttp://" + taken.Addr().String() + " {\n\trespond hello\n}\n"
	if err := os.WriteFile(p.config[1], []byte(p.caddyfile(settings{Global: consoleOf, Pool: "pool_size 9"})+site), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ops.ask("RELOAD"); refusal(err) != "F0000" || !strings.Contains(err.Error(), "no new configuration") {
		t.Errorf("RELOAD: %v", err)
	}
	if got := byName(ops.show("SHOW CONFIG"), "key", "default_pool_size")["value"]; got != "7" {
		t.Errorf("the size is %s", got)
	}
}

// A cancel of nothing does no harm.
func TestACancelInTheConsole(t *testing.T) {
	p, _ := withConsole(t, settings{})
	ops := p.console(t, "ops")
	if err := ops.CancelRequest(within(t)); err != nil {
		t.Error(err)
	}
	for i := range 3 {
		if rows := ops.show("SHOW STATE"); len(rows) != 3 {
			t.Error(fmt.Sprint("after a cancel, answer ", i), rows)
		}
	}
}
