//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Limits of clients. A direct connection has Postgres's own, whose words ours follow.

func TestQueryTimeoutCancelsAndTheSessionGoesOn(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a limit of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\nquery_timeout 5s"})
		c := connect(t, p.Addr)
		mustContain(t, c.query("SELECT 'quick', pg_sleep(0.05)"), "quick")
		began := time.Now()
		heard := c.query("SELECT pg_sleep(60)")
		took := time.Since(began)
		mustContain(t, heard, "ErrorResponse", "57014", "query timeout", "query_timeout")
		if took < 4900*time.Millisecond || took > 40*time.Second {
			t.Errorf("cancelled after %v, want query_timeout", took)
		}
		mustContain(t, c.query("SELECT 'goes on'"), "goes on")

		// In a transaction it fails the transaction, and no more.
		c.query("BEGIN")
		mustContain(t, c.query("SELECT pg_sleep(60)"), "57014")
		mustContain(t, c.query("SELECT 1"), "25P02")
		mustContain(t, c.query("ROLLBACK"), "ROLLBACK")
		// A cancel of the client's own is told in Postgres's words.
		if err := p.change(liveChange{"POST", "/query_timeout", `"10m"`}, settings{}); err != nil {
			t.Fatal(err)
		}
		c.say(simple("SELECT pg_sleep(30), 'own cancel'"))
		running(t, server, "'own cancel'", true)
		c.cancel(p.Addr)
		heard = c.hear(1)
		mustContain(t, heard, "57014", "user request")
	})
}

func TestTransactionTimeoutEndsTheClient(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a limit of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\ntransaction_timeout 10s"})
		setup := connect(t, p.Addr)
		setup.query("DROP TABLE IF EXISTS timed; CREATE TABLE timed (n int)")
		c := connect(t, p.Addr)
		c.query("BEGIN")
		c.query("INSERT INTO timed VALUES (1)")
		for range 3 { // busy or not, the transaction is too old
			time.Sleep(50 * time.Millisecond)
			c.query("SELECT 1")
		}
		mustContain(t, c.hearAnyEnd(), "FATAL", "25P04", "transaction_timeout")
		if n := setup.value("SELECT count(*) FROM timed"); n != "0" {
			t.Errorf("%s rows of a transaction that was ended", n)
		}
	})
}

func TestIdleTransactionTimeoutNamesTheLeak(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a limit of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\nidle_transaction_timeout 300ms"})
		setup := connect(t, p.Addr)
		setup.query("DROP TABLE IF EXISTS leaked; CREATE TABLE leaked (n int)")
		c := connect(t, p.Addr)
		c.say(simple("BEGIN"), simple("SELECT 'not idle', pg_sleep(0.6)"), simple("INSERT INTO leaked VALUES (1)"))
		heard := c.hear(3)
		mustContain(t, heard, "not idle")
		mustContain(t, heard, "INSERT 0 1")
		mustContain(t, c.hearAnyEnd(), "FATAL", "25P03", "idle_transaction_timeout")
		if n := setup.value("SELECT count(*) FROM leaked"); n != "0" {
			t.Errorf("%s rows of a transaction that was left open", n)
		}
		eventually(t, "the leak is logged", func() error {
			for _, line := range strings.Split(p.out.String(), "\n") {
				if strings.Contains(line, "INSERT INTO leaked") && strings.Contains(line, "127.0.0.1:") && strings.Contains(line, `"warn"`) {
					return nil
				}
			}
			return fmt.Errorf("no line names the client and its last statement")
		})
	})
}

func TestClientIdleTimeout(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a limit of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2\nclient_idle_timeout 8s"})
		idle, busy, open := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
		open.query("BEGIN")
		told := make(chan []string, 1)
		go func() { told <- idle.hearAnyEnd() }()
		for after := 0; after < 5; { // and a while longer than the idle one
			mustContain(t, busy.query("SELECT 'busy'"), "busy")
			select {
			case heard := <-told:
				mustContain(t, heard, "FATAL", "57P05", "client_idle_timeout")
				after, told = 1, nil
			case <-time.After(100 * time.Millisecond):
				if told == nil {
					after++
				}
			}
		}
		mustContain(t, open.query("COMMIT"), "COMMIT") // a transaction has a limit of its own
	})
}

func TestMaxUserAndAddressClientConnections(t *testing.T) {
	for limit, s := range map[string]settings{
		"max_user_client_connections":    {Pool: "max_user_client_connections 3"},
		"max_address_client_connections": {Pool: "max_address_client_connections 3"},
	} {
		t.Run(limit, func(t *testing.T) {
			eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
				if direct() {
					t.Skip("a limit of ours")
				}
				p := startPooler(t, driver, server, s)
				var clients []*client
				for range 3 {
					clients = append(clients, connect(t, p.Addr))
				}
				_, err := tryConnect(t, p.Addr)
				if err == nil || !strings.Contains(err.Error(), "53300") || !strings.Contains(err.Error(), limit+" of pool app is 3") {
					t.Fatalf("the fourth client: %v, want 53300 and the limit's name and value", err)
				}
				if limit == "max_user_client_connections" {
					connect(t, p.Addr, "user", "other").query("SELECT 1")
				}
				clients[0].leave()
				eventually(t, "room for another client", func() error {
					_, err := tryConnect(t, p.Addr)
					return err
				})
			})
		})
	}
}

// A replication connection goes straight through in session mode, and nowhere else.
func TestReplicationConnections(t *testing.T) {
	o := commonOptions(versions()[len(versions())-1])
	o.Replication = true
	o.Settings = map[string]string{"wal_level": "logical", "max_replication_slots": "4"}
	o.Roles = append(o.Roles, pgtest.Role{Name: "streamer", Password: "secret", Superuser: true})
	server := pgtest.Start(t, o)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			p := startPooler(t, driver, server, settings{Pool: "pool_mode session\npool_size 2"})
			c := connect(t, p.Addr, "user", "streamer", "replication", "database")
			mustContain(t, c.query("IDENTIFY_SYSTEM"), "systemid")
			mustContain(t, c.query("CREATE_REPLICATION_SLOT s_"+driver+" TEMPORARY LOGICAL test_decoding NOEXPORT_SNAPSHOT"), "s_"+driver)
			writer := connect(t, p.Addr, "user", "streamer")
			writer.query("DROP TABLE IF EXISTS streamed; CREATE TABLE streamed (n int)")
			c.say(simple("START_REPLICATION SLOT s_" + driver + " LOGICAL 0/0"))
			writer.query("INSERT INTO streamed VALUES (4711)")
			c.hearChange(t, "4711")
			c.say(&pgproto3.CopyDone{})
			mustContain(t, c.hear(1), "ReadyForQuery")
			c.leave()
			physical := connect(t, p.Addr, "user", "streamer", "replication", "true")
			mustContain(t, physical.query("IDENTIFY_SYSTEM"), "systemid")
			mustContain(t, physical.query("SELECT 1"), "ErrorResponse") // it speaks replication and nothing else
			physical.leave()
			if direct() {
				return
			}
			awaitServers(t, server, "app", 1) // the writer's
			transaction := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
			if _, err := tryConnect(t, transaction.Addr, "user", "streamer", "replication", "database"); err == nil ||
				!strings.Contains(err.Error(), "0A000") || !strings.Contains(err.Error(), "session") {
				t.Errorf("replication in transaction mode: %v, want 0A000 and the cure", err)
			}
		})
	}
}

// hearChange reads CopyData until one has this text in it.
func (c *client) hearChange(t *testing.T, text string) {
	t.Helper()
	for {
		m, err := c.receive()
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := m.(*pgproto3.CopyData); ok && strings.Contains(string(data.Data), text) {
			return
		}
	}
}
