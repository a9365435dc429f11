//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// answerOfOrder is what an order is answered.
type answerOfOrder struct {
	Done   bool
	Left   int
	Status int `json:"-"`
}

// order gives an order by the admin API.
func (p *pooler) order(path string) (out answerOfOrder) {
	p.t.Helper()
	response, err := adminClient.Post("http://"+p.Admin+"/postgres/pools/"+path, "", nil)
	if err != nil {
		p.t.Error(err)
		return out
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	out.Status = response.StatusCode
	if err := json.Unmarshal(body, &out); err != nil {
		p.t.Errorf("%s: %s %s: %v", path, response.Status, body, err)
	}
	return out
}

// must gives an order that is to be carried out at once.
func (p *pooler) must(path string) {
	p.t.Helper()
	if got := p.order(path); !got.Done {
		p.t.Fatalf("%s: %+v", path, got)
	}
}

// Pause answers when the last server has ended, as Postgres counts, and not before. Clients wait meanwhile, and go on behind resume.
func TestTrap54PauseReturnsWhenPaused(t *testing.T) {
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("nothing to pause")
			}
			server := lifeServer(t)
			p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
			holder, waiter := connect(t, p.Addr), connect(t, p.Addr)
			holder.query("BEGIN")
			waiter.query("SELECT 1")
			if got := p.order("app/pause?timeout=5s"); got.Status != http.StatusGatewayTimeout || got.Done || got.Left != 1 {
				t.Fatalf("with a transaction open: %+v", got)
			}
			mustContain(t, waiter.query("SELECT 'taken back'"), "taken back")

			answered := make(chan answerOfOrder, 1)
			go func() { answered <- p.order("app/pause") }()
			awaitServers(t, server, "app", 1)
			waiter.say(simple("SELECT 'served'"))
			p.awaitWaiting(1)
			select {
			case got := <-answered:
				t.Fatalf("paused with a transaction open: %+v", got)
			default:
			}
			holder.query("COMMIT")
			if got := <-answered; !got.Done {
				t.Fatalf("after its end: %+v", got)
			}
			if n := len(pids(t, server, "app")); n != 0 {
				t.Fatalf("Postgres has %d connections when the pool is paused", n)
			}
			newcomer := connect(t, p.Addr)
			newcomer.say(simple("SELECT 'served, too'"))
			p.awaitWaiting(2)
			p.must("app/resume")
			mustContain(t, waiter.hear(1), "served")
			mustContain(t, newcomer.hear(1), "served, too")
		})
	}
}

// While a pool is paused Postgres can be restarted, and no client is told anything: what they ask then, they are answered later.
func TestPostgresIsRestartedBehindAPause(t *testing.T) {
	if direct() {
		t.Skip("nothing to pause")
	}
	server := lifeServer(t)
	pgbenchTables(t, server)
	before := transactions(t, server)
	p := startPooler(t, drivers()[0], server, settings{Pool: "pool_size 10"})
	end := p.load(server, "--client=30", "--jobs=2", "--builtin=tpcb-like", "--protocol=prepared")
	p.awaitClients(30)
	awaitTransactions(t, server, before)
	for range 2 {
		p.must("app/pause")
		if err := server.Restart(context.Background(), pgtest.Fast); err != nil {
			t.Fatal(err)
		}
		p.must("app/resume")
		time.Sleep(500 * time.Millisecond) // of load in between
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// awaitTransactions waits until clients of pgbench have ended some that no count had before, so that what they prepare is known.
// Until then a thread of pgbench that prepares may wait for a server while another of its clients has one, and cannot give it back.
func awaitTransactions(t *testing.T, server *pgtest.Server, before int) {
	t.Helper()
	eventually(t, "clients have ended transactions", func() error {
		if transactions(t, server) == before {
			return errors.New("none yet")
		}
		return nil
	})
}

// transactions counts those of pgbench, all its runs together.
func transactions(t *testing.T, server *pgtest.Server) (n int) {
	t.Helper()
	conn, err := server.Super(within(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(within(t), "SELECT count(*) FROM pgbench_history").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Reconnect changes all servers under load, and nobody notices.
func TestReconnectUnderLoad(t *testing.T) {
	if direct() {
		t.Skip("nothing to reconnect")
	}
	server := lifeServer(t)
	pgbenchTables(t, server)
	p := startPooler(t, drivers()[0], server, settings{Pool: "pool_size 10"})
	end := p.load(server, "--client=30", "--jobs=2", "--builtin=tpcb-like", "--protocol=prepared")
	p.awaitClients(30)
	for range 5 {
		before := pids(t, server, "app")
		p.must("app/reconnect")
		for _, pid := range pids(t, server, "app") {
			if strings.Contains(" "+strings.Join(before, " ")+" ", " "+pid+" ") {
				t.Errorf("server %s is still there", pid)
			}
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// Drain sends everybody away in good order; kill at once, cancelling what runs; disabled lets nobody in; resume undoes all of it.
func TestDrainKillAndDisable(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, _ *pgtest.Server) {
		if direct() {
			t.Skip("nothing to drain")
		}
		server := lifeServer(t)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
		rests, busy := connect(t, p.Addr), connect(t, p.Addr)
		busy.query("BEGIN")
		answered := make(chan answerOfOrder, 1)
		go func() { answered <- p.order("app/drain") }()
		mustContain(t, rests.hearEnd(), "57P01")
		if _, err := tryConnect(t, p.Addr); err == nil || !strings.Contains(err.Error(), "57P03") {
			t.Errorf("who comes to a pool that is drained: %v", err)
		}
		busy.say(simple("COMMIT"))
		last := busy.hearEnd()
		mustContain(t, last, "COMMIT")
		mustContain(t, last, "57P01")
		if got := <-answered; !got.Done {
			t.Errorf("drain: %+v", got)
		}
		awaitServers(t, server, "app", 0)
		p.must("app/resume")

		sleeper := connect(t, p.Addr)
		rests = connect(t, p.Addr)
		sleeper.say(simple("SELECT pg_sleep(60)"))
		awaitServers(t, server, "app", 1)
		p.must("app/kill")
		mustContain(t, sleeper.hearEnd(), "57P01")
		mustContain(t, rests.hearEnd(), "57P01")
		awaitServers(t, server, "app", 0)
		newcomer := connect(t, p.Addr)
		newcomer.say(simple("SELECT 'waits'"))
		p.awaitWaiting(1)
		p.must("app/resume")
		mustContain(t, newcomer.hear(1), "waits")

		p.must("app/disable?database=app")
		if _, err := tryConnect(t, p.Addr); err == nil || !strings.Contains(err.Error(), "57P03") {
			t.Errorf("who comes to a database that is disabled: %v", err)
		}
		mustContain(t, newcomer.query("SELECT 'goes on'"), "goes on")
		p.must("app/enable?database=app")
		connect(t, p.Addr).query("SELECT 1")
	})
}

// Clients and servers are listed as they are, and a client is closed by its id.
func TestClientsAndServersAreListed(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no admin API without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
		busy, rests := connect(t, p.Addr), connect(t, p.Addr)
		rests.query("SELECT 1")
		busy.query("BEGIN")
		pid := busy.value("SELECT pg_backend_pid()")
		var clients, active []struct {
			ID, State, Why, Server string
			ServerPID              int `json:"server_pid"`
		}
		if err := p.getJSON("/postgres/clients", &clients); err != nil || len(clients) != 2 {
			t.Fatalf("%+v %v", clients, err)
		}
		if err := p.getJSON("/postgres/clients?state=active", &active); err != nil || len(active) != 1 || fmt.Sprint(active[0].ServerPID) != pid {
			t.Fatalf("%+v %v, and not with server %s", active, err, pid)
		}
		var servers []struct{ ID, Client, State string }
		if err := p.getJSON("/postgres/servers?state=active", &servers); err != nil || len(servers) != 1 || servers[0].Client != active[0].ID || servers[0].ID != active[0].Server {
			t.Fatalf("servers %+v %v of %+v", servers, err, active)
		}
		if err := p.ask("DELETE", "/postgres/clients/"+active[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		mustContain(t, busy.hearEnd(), "57P01")
		mustContain(t, rests.query("SELECT 'not meant'"), "not meant")
		if err := p.ask("DELETE", "/postgres/clients/"+active[0].ID, ""); err == nil || !strings.Contains(err.Error(), "404") {
			t.Fatalf("once more: %v", err)
		}
		if why := rests.value("SHOW pgmux.why"); !strings.Contains(why, "all transactions of this pool go there") {
			t.Errorf("why: %q", why)
		}
	})
}
