//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// begun says a command without waiting, and tells how it ends.
func (c commander) begun(command string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := c.ask(command)
		done <- err
	}()
	return done
}

// isPaused waits until a database is paused, or is not.
func (c commander) isPaused(database string, paused bool) {
	c.t.Helper()
	want := map[bool]string{true: "1", false: "0"}[paused]
	eventually(c.t, fmt.Sprintf("%s is paused: %t", database, paused), func() error {
		if r := byName(c.show("SHOW DATABASES"), "name", database); r["paused"] != want {
			return fmt.Errorf("SHOW DATABASES has %v", r)
		}
		return nil
	})
}

// asks says a query without waiting for the answer.
func (c *client) asks(query string) {
	c.t.Helper()
	c.Send(&pgproto3.Query{String: query})
	if err := c.Flush(); err != nil {
		c.t.Fatal(err)
	}
}

// answered waits for the answer.
func (c *client) answered() {
	c.t.Helper()
	for {
		m, err := c.receive()
		if err != nil {
			c.t.Fatal(err)
		}
		if refused, is := m.(*pgproto3.ErrorResponse); is {
			c.t.Fatalf("%s %s", refused.Code, refused.Message)
		}
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			return
		}
	}
}

// PAUSE waits for the transactions that run, and then nobody has a server until RESUME.
func TestTheConsolePauses(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "pool_size 5\ndatabases app other"})
	ops, metrics := p.console(t, "ops"), p.console(t, "metrics")
	holder, waiter := connect(t, p.Addr), connect(t, p.Addr)
	for _, name := range []string{"", " app"} {
		holder.query("BEGIN")
		paused := ops.begun("PAUSE" + name)
		metrics.isPaused("app", true)
		waiter.asks("SELECT 1")
		eventually(t, "the other waits", func() error {
			if r := byName(metrics.show("SHOW POOLS"), "database", "app"); r["cl_waiting"] != "1" {
				return fmt.Errorf("SHOW POOLS has %v", r)
			}
			return nil
		})
		select {
		case err := <-paused:
			t.Fatalf("PAUSE%s returned within a transaction: %v", name, err)
		default:
		}
		holder.query("COMMIT")
		if err := <-paused; err != nil {
			t.Fatal(err)
		}
		if rows := metrics.show("SHOW SERVERS"); len(rows) != 0 {
			t.Errorf("behind PAUSE%s there are servers: %v", name, rows)
		}
		if state := byName(metrics.show("SHOW STATE"), "key", "paused"); state["value"] != map[bool]string{true: "yes", false: "no"}[name == ""] {
			t.Errorf("behind PAUSE%s the state is %v", name, state)
		}
		ops.show("RESUME" + name)
		waiter.answered()
		metrics.isPaused("app", false)
	}
}

// A pause whose console leaves, breaks, or cancels before it is complete, is taken back.
func TestAPauseOfTheConsoleIsTakenBack(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "databases app"})
	metrics := p.console(t, "metrics")
	holder := connect(t, p.Addr)
	holder.query("BEGIN")
	for name, leave := range map[string]func(commander){
		"breaks":  func(c commander) { c.Conn().Close() },
		"cancels": func(c commander) { c.CancelRequest(within(t)) },
		"leaves":  func(c commander) { c.Conn().Write([]byte{'X', 0, 0, 0, 4}) },
	} {
		t.Run(name, func(t *testing.T) {
			ops := p.console(t, "ops")
			ended := ops.begun("PAUSE app")
			metrics.isPaused("app", true)
			leave(ops)
			if err := <-ended; err == nil {
				t.Error("PAUSE succeeded")
			} else if name == "cancels" && refusal(err) != "57014" {
				t.Error(err)
			}
			metrics.isPaused("app", false)
		})
	}
	holder.query("COMMIT")
}

// ^C in psql is a cancel: the pause is taken back, and psql goes on.
func TestControlCInPsqlEndsAPause(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "databases app"})
	metrics := p.console(t, "metrics")
	holder := connect(t, p.Addr)
	holder.query("BEGIN")
	cmd := newest(t).command(t, p.Addr, "user=ops dbname=pgbouncer sslmode=disable", "-c", "PAUSE")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	metrics.isPaused("app", true)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if !strings.Contains(said.String(), "canceling PAUSE due to user request") {
		t.Errorf("psql says %q", said.String())
	}
	metrics.isPaused("app", false)
	holder.query("COMMIT")
}

// RECONNECT closes the servers that there are, WAIT_CLOSE waits for them, in whichever session.
func TestTheConsoleReconnects(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "pool_size 2"})
	ops, other := p.console(t, "ops"), p.console(t, "ops")
	holder, user := connect(t, p.Addr), connect(t, p.Addr)
	holder.query("BEGIN")
	held := byName(ops.show("SHOW SERVERS"), "state", "active")
	ops.show("RECONNECT app")
	closed := other.begun("WAIT_CLOSE app")
	user.query("SELECT 1")
	select {
	case err := <-closed:
		t.Fatalf("WAIT_CLOSE returned within a transaction: %v", err)
	default:
	}
	if r := byName(ops.show("SHOW SERVERS"), "remote_pid", held["remote_pid"]); r["close_needed"] != "1" || r["link"] == "" {
		t.Errorf("SHOW SERVERS has %v", r)
	}
	holder.query("COMMIT")
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if r := byName(ops.show("SHOW SERVERS"), "remote_pid", held["remote_pid"]); r != nil {
		t.Errorf("the server is still there: %v", r)
	}
	holder.query("SELECT 1")
}

// WAIT_CLOSE waits also for servers that a RELOAD has left with their clients.
func TestTheConsoleWaitsForWhatAReloadEnds(t *testing.T) {
	p, server := withConsole(t, settings{Pool: "pool_size 2"})
	ops := p.console(t, "ops")
	holder := connect(t, p.Addr)
	holder.query("BEGIN")
	_, port, _ := strings.Cut(server.Addr(), ":")
	p.upstreams = []string{"localhost:" + port}
	p.write(settings{Global: consoleOf, Pool: "pool_size 2"})
	ops.show("RELOAD")
	closed := p.console(t, "ops").begun("WAIT_CLOSE app")
	if r := byName(ops.show("SHOW SERVERS"), "close_needed", "1"); r == nil {
		t.Error("after RELOAD no server is to close")
	}
	select {
	case err := <-closed:
		t.Fatalf("WAIT_CLOSE returned within a transaction: %v", err)
	default:
	}
	holder.query("COMMIT")
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if r := byName(ops.show("SHOW SERVERS"), "close_needed", "1"); r != nil {
		t.Errorf("the server is still there: %v", r)
	}
}

// A name that is both a pool's and one that the pool would take for a database is the database, used or not.
func TestTheConsoleMeansTheSameByAName(t *testing.T) {
	p, _ := withConsole(t, settings{}) // the pool is app, and takes any database
	ops := p.console(t, "ops")
	ops.show("PAUSE app")
	ops.isPaused("app", true) // though nobody uses it
	ops.show("DISABLE app")
	if r := byName(ops.show("SHOW DATABASES"), "name", "app"); r["paused"] != "1" || r["disabled"] != "1" {
		t.Errorf("SHOW DATABASES has %v", r)
	}
	if r := byName(ops.show("SHOW STATE"), "key", "paused"); r["value"] != "no" {
		t.Error("PAUSE app has paused the pool")
	}
	ops.show("ENABLE app")
	ops.show("RESUME app")
	connect(t, p.Addr).query("SELECT 1")
	ops.show(`PAUSE "app/"`)
	if r := byName(ops.show("SHOW STATE"), "key", "paused"); r["value"] != "yes" {
		t.Error(`PAUSE "app/" has not paused the pool`)
	}
	ops.show(`RESUME "app/"`)
}

// DISABLE refuses new clients, KILL and KILL_CLIENT close those there are.
func TestTheConsoleSendsClientsAway(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "databases app other"})
	ops := p.console(t, "ops")
	one, another := connect(t, p.Addr, "application_name", "one"), connect(t, p.Addr, "application_name", "another")
	one.query("BEGIN")
	row := byName(ops.show("SHOW CLIENTS"), "application_name", "one")
	if row["state"] != "active" || row["user"] != "app" || row["database"] != "app" || row["addr"] != "127.0.0.1" || row["type"] != "C" {
		t.Errorf("SHOW CLIENTS has %v", row)
	}
	if server := byName(ops.show("SHOW SERVERS"), "ptr", row["link"]); server["link"] != row["ptr"] || server["application_name"] != "one" {
		t.Errorf("the client %v has the server %v", row, server)
	}
	ops.show("KILL_CLIENT " + row["id"])
	one.gone("57P01")
	if _, err := ops.ask("KILL_CLIENT " + row["id"]); refusal(err) != "42704" {
		t.Errorf("the same client again: %v", err)
	}
	ops.show("DISABLE app")
	if r := byName(ops.show("SHOW DATABASES"), "name", "app"); r["disabled"] != "1" {
		t.Errorf("SHOW DATABASES has %v", r)
	}
	if _, err := tryConnect(t, p.Addr); err == nil || !strings.Contains(err.Error(), "57P03") {
		t.Errorf("a client of a disabled database: %v", err)
	}
	another.query("SELECT 1")
	ops.show("ENABLE app")
	connect(t, p.Addr)
	ops.show("KILL app")
	another.gone("57P01")
	ops.isPaused("app", true)
	ops.show("RESUME app")
	connect(t, p.Addr).query("SELECT 1")
}

// gone waits for the error that ends a client.
func (c *client) gone(state string) {
	c.t.Helper()
	for {
		m, err := c.receive()
		if err != nil {
			c.t.Errorf("the client is gone with %v, want %s", err, state)
			return
		}
		if refused, is := m.(*pgproto3.ErrorResponse); is {
			if refused.Code != state {
				c.t.Errorf("the client is gone with %s, want %s", refused.Code, state)
			}
			return
		}
	}
}

// A pooler that is told to end while a PAUSE waits does end.
func TestTheEndOfAPauseThatWaits(t *testing.T) {
	p, _ := withConsole(t, settings{Global: "drain_timeout 5s", Pool: "databases app"})
	ops, metrics := p.console(t, "ops"), p.console(t, "metrics")
	holder := connect(t, p.Addr)
	holder.query("BEGIN")
	ended := ops.begun("PAUSE")
	metrics.isPaused("app", true)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.stop()
	}()
	if err := <-ended; refusal(err) != "57P01" {
		t.Errorf("PAUSE ended with %v", err)
	}
	select {
	case <-stopped:
	case <-ctx.Done():
		t.Error("the pooler does not end")
	}
}
