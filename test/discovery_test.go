//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// inventory is a web server with a list of upstreams.
type inventory struct {
	*httptest.Server
	list atomic.Pointer[[]string]
}

func newInventory(t *testing.T, addresses ...string) *inventory {
	i := new(inventory)
	i.has(addresses...)
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

// has changes the list.
func (i *inventory) has(addresses ...string) { i.list.Store(&addresses) }

func (i *inventory) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		Address string `json:"address"`
	}
	list := []entry{}
	for _, a := range *i.list.Load() {
		list = append(list, entry{a})
	}
	json.NewEncoder(w).Encode(list)
}

// pool is the lines of a pool that has nothing but what the inventory says.
func (i *inventory) pool(rest string) settings {
	return settings{Upstreams: []string{}, Pool: "dynamic_upstreams http " + i.URL + " {\ninterval 100ms\n}\n" + rest}
}

// twoRoads is two addresses of one server, and cameBy asks by which of them a query has come.
func twoRoads(server *pgtest.Server) (tcp, socket string) {
	return server.Addr(), fmt.Sprintf("unix/%s:%d", server.SocketDir, server.Port)
}

const cameBy = "SELECT coalesce(host(inet_server_addr()), 'socket')"

// Upstreams come and go while clients work: what is new is used at once, what is gone is drained and not cut, and over a reload
// nothing of it is lost.
func TestUpstreamsAreAddedAndRemovedLive(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("upstreams of ours")
		}
		tcp, socket := twoRoads(server)
		i := newInventory(t, tcp)
		p := startPooler(t, driver, server, i.pool("pool_size 5"))
		busy, other := connect(t, p.Addr), connect(t, p.Addr)
		mustContain(t, busy.query("BEGIN"), "BEGIN")
		if got := busy.value(cameBy); got != "127.0.0.1" {
			t.Fatalf("the first upstream is %s", got)
		}
		i.has(socket)
		eventually(t, "transactions go to the new upstream", func() error {
			if got := other.value(cameBy); got != "socket" {
				return fmt.Errorf("they go to %s", got)
			}
			return nil
		})
		if got := busy.value(cameBy); got != "127.0.0.1" {
			t.Errorf("a transaction has moved to %s", got)
		}
		if err := p.reload(i.pool("pool_size 6")); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if got := other.value(cameBy); got != "socket" {
				t.Errorf("after the reload a transaction went to %s", got)
			}
		}
		mustContain(t, busy.query("COMMIT"), "COMMIT")
		if got := busy.value(cameBy); got != "socket" {
			t.Errorf("after its transaction the client went to %s", got)
		}
		eventually(t, "the old upstream has no servers any more", func() error {
			body, err := p.get("/postgres/pools/app")
			if err == nil && strings.Contains(body, tcp) {
				err = fmt.Errorf("there is %s", body)
			}
			return err
		})
	})
}

// Without any upstream clients wait, and have one as soon as one is found; or they are told, in time.
func TestClientsWaitForTheFirstUpstream(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("upstreams of ours")
		}
		i := newInventory(t)
		p := startPooler(t, driver, server, i.pool("query_wait_timeout 15s"))
		if _, err := tryConnect(t, p.Addr); err == nil || !strings.Contains(err.Error(), "08006") {
			t.Errorf("without any upstream: %v", err)
		}
		logged := make(chan error)
		var c *client
		go func() {
			var err error
			c, err = tryConnect(t, p.Addr)
			logged <- err
		}()
		p.awaitWaiting(1)
		i.has(server.Addr())
		if err := <-logged; err != nil {
			t.Fatal(err)
		}
		if got := c.value("SELECT 'served'"); got != "served" {
			t.Errorf("got %q", got)
		}
	})
}
