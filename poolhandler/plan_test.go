package poolhandler

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

func TestDefaultsAreTheContract(t *testing.T) {
	p := testPlan(t, &config.App{Pools: map[string]*config.Pool{"app": {
		Upstream: []*config.Upstream{{Address: "db:5432"}},
		Auth:     &config.Auth{Method: "trust"},
	}}})
	if p.loginTimeout != time.Minute || p.drainTimeout != 30*time.Second || p.ioDriver != "auto" {
		t.Errorf("app: %+v", p)
	}
	if p.engine.MaxClientConnections != 1048576 {
		t.Errorf("max_client_connections %d", p.engine.MaxClientConnections)
	}
	got := p.engine.Pools[0]
	if len(got.Upstreams) != 1 || got.Upstreams[0] != (engine.Upstream{Address: "db:5432", Weight: 1}) {
		t.Errorf("upstreams %+v", got.Upstreams)
	}
	got.Upstreams = nil
	want := engine.PoolConfig{
		Name: "app", Mode: engine.Transaction, PoolSize: 20, MaxServerConnections: 1000,
		QueryWaitTimeout: 30 * time.Second, ServerConnectTimeout: 5 * time.Second, ServerLoginRetry: time.Second,
		ServerIdleTimeout: 10 * time.Minute, ServerLifetime: 30 * time.Minute,
		ServerResetQuery: "DISCARD ALL", MaxPreparedStatements: 1000,
	}
	if !equal(got, want) {
		t.Errorf("pool:\n got %+v\nwant %+v", got, want)
	}
}

// equal compares without the upstreams.
func equal(a, b engine.PoolConfig) bool {
	if a.Upstreams != nil || b.Upstreams != nil {
		return false
	}
	type flat struct {
		name, reset                      string
		mode                             engine.Mode
		size, servers, clients, waiting  int
		wait, connect, retry, idle, life time.Duration
		fifo                             bool
		statements                       int
	}
	f := func(c engine.PoolConfig) flat {
		return flat{c.Name, c.ServerResetQuery, c.Mode, c.PoolSize, c.MaxServerConnections, c.MaxClientConnections,
			c.MaxWaitingClients, c.QueryWaitTimeout, c.ServerConnectTimeout, c.ServerLoginRetry, c.ServerIdleTimeout,
			c.ServerLifetime, c.FIFO, c.MaxPreparedStatements}
	}
	return f(a) == f(b)
}

func TestPlaceholdersAreResolvedInACopy(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGMUX_TEST_HOST", "db.internal")
	app := onePool("app", 1)
	pool := app.Pools["app"]
	pool.Upstream[0].Address = "{env.PGMUX_TEST_HOST}:5432"
	pool.Auth.User["bob"] = "{file." + secret + "}"
	pool.ServerUser = &config.ServerUser{Name: "owner", Secret: `a\{b`}

	out, err := resolve(app, caddy.NewReplacer())
	if err != nil {
		t.Fatal(err)
	}
	got := out.Pools["app"]
	if got.Upstream[0].Address != "db.internal:5432" || got.Auth.User["bob"] != "from the file" || got.ServerUser.Secret != "a{b" {
		t.Errorf("got %+v, %+v, %+v", got.Upstream[0], got.Auth.User, got.ServerUser)
	}
	if strings.Contains(pool.Auth.User["bob"], "from the file") {
		t.Error("the secret is in the configuration that Caddy saves")
	}
}

func TestMissingPlaceholdersAreRefused(t *testing.T) {
	for _, secret := range []string{"{env.PGMUX_TEST_MISSING}", "{file./nowhere/secret}", "{nonsense.x}"} {
		app := onePool("app", 1)
		app.Pools["app"].Auth.User["bob"] = secret
		_, err := resolve(app, caddy.NewReplacer())
		if err == nil || !strings.Contains(err.Error(), "pools.app.auth.user.bob") {
			t.Errorf("%s: %v", secret, err)
		}
	}
}

func TestUsersFileThatIsMissingIsNamed(t *testing.T) {
	app := onePool("app", 1)
	app.Pools["app"].Auth.UsersFile = "/nowhere/users.txt"
	_, err := newPlan(app, nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "pools.app: auth.users_file") {
		t.Errorf("got %v", err)
	}
}

func TestDatabasesMatchMostExactly(t *testing.T) {
	app := onePool("one", 1)
	app.Pools["any"] = &config.Pool{Upstream: app.Pools["one"].Upstream, Auth: app.Pools["one"].Auth}
	app.Pools["eu"] = &config.Pool{Databases: []string{"tenant_eu_*"}, Upstream: app.Pools["one"].Upstream, Auth: app.Pools["one"].Auth}
	p := testPlan(t, app)
	for database, want := range map[string]string{
		"app": "one", "tenant_1": "one", "tenant_eu_1": "eu", "tenant_": "one", "other": "any", "apps": "any",
	} {
		if got := p.poolFor(database); got == nil || got.name != want {
			t.Errorf("%s goes to %+v, want %s", database, got, want)
		}
	}
	if entry, _, _ := p.ambiguous(); entry != "" {
		t.Errorf("%q is ambiguous", entry)
	}
	app.Pools["any2"] = app.Pools["any"]
	if entry, one, other := testPlan(t, app).ambiguous(); entry != "*" || one != "any" || other != "any2" {
		t.Errorf("got %q of %s and %s", entry, one, other)
	}
}

func TestLimitOfDescriptors(t *testing.T) {
	for _, c := range []struct {
		most uint64
		fd   int
		who  share
		fits bool
	}{
		{20000, 17999, forClients, true}, {20000, 18000, forClients, false}, // a tenth is kept
		{20000, 18000, forServers, true}, {20000, 19000, forServers, false},
		{1024, 767, forClients, true}, {1024, 768, forClients, false}, // 256
		{200, 99, forClients, true}, {200, 100, forClients, false}, // half
		{1 << 40, 1 << 20, forClients, true},
	} {
		l := limit{read: func() (uint64, error) { return c.most, nil }}
		if err := l.fits(c.fd, c.who); (err == nil) != c.fits {
			t.Errorf("descriptor %d of %d for %d: %v", c.fd, c.most, c.who, err)
		}
	}
	if err := theLimit.room(forClients); err != nil {
		t.Error(err)
	}
}
