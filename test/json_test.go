//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// ask sends a request to the admin API.
func (p *pooler) ask(method, path, body string) error {
	p.t.Helper()
	response, err := again(func() (*http.Response, error) {
		request, err := http.NewRequest(method, "http://"+p.Admin+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		return adminClient.Do(request)
	})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, said)
	}
	return err
}

// One setting is one path of the JSON, which can be changed alone: clients, servers and transactions stay.
func TestOneSettingIsChangedThroughTheAdminAPI(t *testing.T) {
	const poolSize = "/config/apps/postgres/pools/app/pool_size"
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no admin API without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		holder, waiter := connect(t, p.Addr), connect(t, p.Addr)
		pid := holder.value("SELECT pg_backend_pid()")
		holder.query("BEGIN")
		waiter.say(simple("SELECT 'served'"))
		p.awaitWaiting(1)
		if err := p.ask("PATCH", poolSize, "2"); err != nil {
			t.Fatal(err)
		}
		mustContain(t, waiter.hear(1), "served")
		for _, wrong := range []string{`0`, `-1`, `"many"`, `{}`} {
			if err := p.ask("PATCH", poolSize, wrong); err == nil {
				t.Errorf("pool_size %s was taken", wrong)
			} else if !strings.Contains(err.Error(), "pool_size") {
				t.Errorf("pool_size %s: %v", wrong, err)
			}
		}
		if got, err := p.get(poolSize); err != nil || strings.TrimSpace(got) != "2" {
			t.Errorf("pool_size is %s (%v)", got, err)
		}
		if got := holder.value("SELECT pg_backend_pid()"); got != pid {
			t.Errorf("the transaction went from server %s to %s", pid, got)
		}
		mustContain(t, holder.query("COMMIT"), "COMMIT")
	})
}

// The JSON that Caddy shows is a whole configuration: loaded, it changes nothing.
func TestTheConfigurationIsItsJSON(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no admin API without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3\nquery_wait_timeout 7s"})
		c := connect(t, p.Addr)
		c.query("BEGIN")
		shown, err := p.get("/config/")
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Apps struct {
				Postgres struct {
					Pools map[string]map[string]any `json:"pools"`
				} `json:"postgres"`
			} `json:"apps"`
		}
		if err := json.Unmarshal([]byte(shown), &config); err != nil {
			t.Fatal(err)
		}
		if pool := config.Apps.Postgres.Pools["app"]; pool["pool_size"] != 3.0 {
			t.Errorf("pool app is %v", pool)
		}
		request := strings.Replace(shown, `"pool_size":3`, `"pool_size": 3`, 1) // else Caddy sees that nothing has changed
		if err := p.ask("POST", "/load", request); err != nil {
			t.Fatal(err)
		}
		mustContain(t, c.query("COMMIT"), "COMMIT")
		mustContain(t, connect(t, p.Addr).query("SELECT 'as before'"), "as before")
	})
}
