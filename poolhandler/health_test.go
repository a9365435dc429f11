package poolhandler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// twoUpstreams is a configuration whose pool is probed.
func twoUpstreams() *config.App {
	app := onePool("app", 1)
	app.Pools["app"].Upstream = append(app.Pools["app"].Upstream, &config.Upstream{Address: "127.0.0.1:5433", Role: "replica"})
	return app
}

func shown(all []identity) string {
	words := make([]string, len(all))
	for i, who := range all {
		words[i] = who.user + "@" + who.database
	}
	return strings.Join(words, " ")
}

func TestWhoAsksUpstreams(t *testing.T) {
	bob := identity{user: "bob", database: "shop"}
	for _, c := range []struct {
		why     string
		change  func(*config.Pool)
		learned identity
		want    string
	}{
		{"the first user whose password is known, where the pool says", func(*config.Pool) {}, identity{},
			"alice@app alice@postgres alice@alice"},
		{"whoever a server was dialed for last comes last", func(*config.Pool) {}, bob,
			"alice@app alice@shop alice@postgres alice@alice bob@app bob@shop bob@postgres bob@bob"},
		{"health_user is the only one", func(c *config.Pool) { c.HealthUser = &config.ServerUser{Name: "watcher"} }, bob,
			"watcher@app watcher@shop watcher@postgres watcher@watcher"},
		{"health_database is the only one", func(c *config.Pool) { c.HealthDatabase = "stats" }, bob, "alice@stats bob@stats"},
		{"server_user before query_user before users", func(c *config.Pool) {
			c.ServerUser = &config.ServerUser{Name: "owner"}
			c.Auth.QueryUser = &config.ServerUser{Name: "asker"}
			c.Auth.QueryDatabase, c.Databases = "postgres", nil
		}, identity{}, "owner@postgres owner@owner asker@postgres asker@asker alice@postgres alice@alice"},
		{"a verifier is no password", func(c *config.Pool) {
			c.Auth.User = map[string]string{"alice": "SCRAM-SHA-256$4096:c2FsdA==$" + strings.Repeat("A", 43) + "=:" + strings.Repeat("A", 43) + "="}
		}, identity{}, ""},
		{"nobody is known", func(c *config.Pool) { c.Auth = &config.Auth{Method: "trust"} }, identity{}, ""},
		{"until somebody is", func(c *config.Pool) { c.Auth = &config.Auth{Method: "trust"} }, bob,
			"bob@app bob@shop bob@postgres bob@bob"},
	} {
		app := twoUpstreams()
		c.change(app.Pools["app"])
		if got := shown(testPlan(t, app).pools["app"].identities(c.learned)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
	}
}

func TestWhoWasLetInLastIsFirst(t *testing.T) {
	pool := testPlan(t, twoUpstreams()).pools["app"]
	p := &probe{last: identity{user: "alice", database: "postgres"}}
	if got := shown(p.inOrder(pool)); got != "alice@postgres alice@app alice@alice" {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsProbed(t *testing.T) {
	none := caddy.Duration(0)
	for _, c := range []struct {
		why    string
		change func(*config.Pool)
		want   time.Duration
	}{
		{"two upstreams", func(*config.Pool) {}, 2 * time.Second},
		{"one, which gets everything", func(c *config.Pool) { c.Upstream = c.Upstream[:1] }, 0},
		{"one, with a split", func(c *config.Pool) { c.Upstream, c.ReadWriteSplit = c.Upstream[:1], "on" }, 2 * time.Second},
		{"health_interval 0", func(c *config.Pool) { c.HealthInterval = &none }, 0},
	} {
		app := twoUpstreams()
		c.change(app.Pools["app"])
		if got := testPlan(t, app).pools["app"].health; got.interval != c.want || got.timeout != time.Second {
			t.Errorf("%s: every %v, within %v; want %v", c.why, got.interval, got.timeout, c.want)
		}
	}
}

func TestSettingsOfProbes(t *testing.T) {
	settings := testPlan(t, twoUpstreams()).pools["app"].health.settings()
	for _, want := range []login.Setting{
		{Name: "application_name", Value: "pgmux_health"}, {Name: "search_path", Value: "pg_catalog"},
		{Name: "default_transaction_read_only", Value: "on"}, {Name: "statement_timeout", Value: "900"},
	} {
		if !slices.Contains(settings, want) {
			t.Errorf("no %v in %v", want, settings)
		}
	}
	if got := (&health{timeout: time.Millisecond}).settings(); !slices.Contains(got, login.Setting{Name: "statement_timeout", Value: "1"}) {
		t.Errorf("a short time is none: %v", got)
	}
}

func TestSecretsOfProbesAreResolved(t *testing.T) {
	t.Setenv("PGMUX_TEST_HEALTH", "from the environment")
	app := twoUpstreams()
	app.Pools["app"].HealthUser = &config.ServerUser{Name: "watcher", Secret: "{env.PGMUX_TEST_HEALTH}"}
	out, err := resolve(app, caddy.NewReplacer())
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Pools["app"].HealthUser.Secret; got != "from the environment" {
		t.Errorf("got %q", got)
	}
}
