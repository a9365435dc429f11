//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

func TestWaitingEndsWithQueryWaitTimeout(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection waits for no server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\nquery_wait_timeout 5s"})
		holder, waiter := connect(t, p.Addr), connect(t, p.Addr)
		mustContain(t, holder.query("BEGIN"), "BEGIN")
		began := time.Now()
		heard := waiter.query("SELECT 1")
		took := time.Since(began)
		mustContain(t, heard, "ErrorResponse", "08006")
		mustNotContain(t, heard, `hint ""`)
		if took < 4900*time.Millisecond || took > 40*time.Second {
			t.Errorf("told after %v, want 5s", took)
		}
		holder.query("COMMIT")
		mustContain(t, waiter.query("SELECT 'served'"), "served")
	})
}

func TestMaxWaitingClients(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection waits for no server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\nmax_waiting_clients 2"})
		holder := connect(t, p.Addr)
		holder.query("BEGIN")
		var waiters []*client
		for range 2 {
			w := connect(t, p.Addr)
			w.say(simple("SELECT 'waited'"))
			waiters = append(waiters, w)
		}
		p.awaitWaiting(2)
		tooMany := connect(t, p.Addr)
		heard := tooMany.query("SELECT 1")
		mustContain(t, heard, "ErrorResponse", "53300")
		mustNotContain(t, heard, `hint ""`)
		holder.query("COMMIT")
		for _, w := range waiters {
			mustContain(t, w.hear(1), "waited")
		}
		mustContain(t, tooMany.query("SELECT 'room again'"), "room again")
	})
}

func TestMaxClientConnections(t *testing.T) {
	for name, s := range map[string]settings{
		"of the pool":  {Pool: "max_client_connections 3"},
		"of all pools": {Global: "max_client_connections 3"},
	} {
		t.Run(name, func(t *testing.T) {
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
				if err == nil || !strings.Contains(err.Error(), "53300") {
					t.Fatalf("the fourth client: %v, want 53300", err)
				}
				clients[0].leave()
				eventually(t, "room for another client", func() error {
					_, err := tryConnect(t, p.Addr)
					return err
				})
				mustContain(t, clients[1].query("SELECT 'unharmed'"), "unharmed")
			})
		})
	}
}

// awaitWatching waits until connections are counted.
func awaitWatching(t *testing.T, watch *pgtest.Watch) {
	t.Helper()
	eventually(t, "connections are counted", func() error {
		if watch.Samples() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
}

// A client needs no server until it sends a query; and with no client sending, a pool of many is a pool of few.
func TestIdleClientsNeedNoServer(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection is its server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		watch := server.Watch(t, "app")
		awaitWatching(t, watch)
		var clients []*client
		for range 100 {
			clients = append(clients, connect(t, p.Addr))
		}
		for i, c := range clients {
			mustContain(t, c.query(fmt.Sprintf("SELECT 'client %d'", i)), fmt.Sprintf("client %d", i))
		}
		if most, samples := watch.Most(); most > 2 {
			t.Errorf("100 clients took %d servers, want at most 2 (%d samples)", most, samples)
		}
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection waits for no server")
		}
		p := startPooler(t, driver, server, settings{Global: "event_loops 1", Pool: "pool_size 1"})
		holder := connect(t, p.Addr)
		holder.query("DROP TABLE IF EXISTS served; CREATE TABLE served (at serial, who int)")
		holder.query("BEGIN")
		var waiters []*client
		for i := range 10 {
			w := connect(t, p.Addr)
			w.say(simple(fmt.Sprintf("INSERT INTO served (who) VALUES (%d)", i)))
			p.awaitWaiting(i + 1)
			waiters = append(waiters, w)
		}
		holder.query("COMMIT")
		for _, w := range waiters {
			w.hear(1)
		}
		if order := holder.value("SELECT string_agg(who::text, ' ' ORDER BY at) FROM served"); order != "0 1 2 3 4 5 6 7 8 9" {
			t.Errorf("served in the order %s", order)
		}
		holder.query("DROP TABLE served")
	})
}

// With two loops no client waits while a server of its pool idles on the other.
func TestOnePoolOverAllEventLoops(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing is shared")
		}
		p := startPooler(t, driver, server, settings{Global: "event_loops 2", Pool: "pool_size 1\nquery_wait_timeout 30s"})
		var clients []*client
		for range 8 {
			clients = append(clients, connect(t, p.Addr))
		}
		for range 200 {
			for _, c := range clients {
				mustContain(t, c.query("SELECT 'served'"), "served")
			}
		}
		for _, c := range clients {
			c.say(simple("SELECT pg_sleep(0.01), 'in turn'"))
		}
		for _, c := range clients {
			mustContain(t, c.hear(1), "in turn")
		}
	})
}
