package adapters

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/config"
)

// tomlPool is the pool of a file with these lines.
func tomlPool(t *testing.T, lines string) (*config.App, *config.Pool, string) {
	t.Helper()
	out, warnings, err := PoolTOML{}.Adapt([]byte("[pool]\n"+lines), nil)
	if err != nil {
		t.Fatalf("%s: %v", lines, err)
	}
	app := appOf(t, out)
	return app, app.Pools["pool"], printed(warnings)
}

func TestPoolFiles(t *testing.T) {
	app, p, _ := tomlPool(t, `backends = "a, b:6000, [::1]:7000, unix//run/pg:5432"
max_client_connections = 7
max_server_connections = 9
routing = "least_connections"
cache_ttl_ms = 250.5
user = "u"
password = "{env.P}"
`)
	got, err := json.Marshal(struct {
		Clients *int
		*config.Pool
	}{app.MaxClientConnections, p})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Clients":7,"listen":[":6432"],"upstream":[{"address":"a:5432"},{"address":"b:6000"},{"address":"[::1]:7000"},{"address":"unix//run/pg:5432"}],` +
		`"pool_size":9,"max_server_connections":9,"lb_policy":{"policy":"least_conn"},"read_write_split":"on","reads":"any","query_cache":{"ttl":250500000},` +
		`"auth":{"user":{"u":"{env.P}"}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhereTheBackendsAre(t *testing.T) {
	for backend, want := range map[string]string{
		"a": "a:5432", "a:1": "a:1", "10.0.0.1": "10.0.0.1:5432", "[::1]": "[::1]:5432", "[::1]:7": "[::1]:7", "::1": "[::1]:5432", "{env.A}": "{env.A}:5432",
		"/run/postgresql": "unix//run/postgresql:5432", "/run/postgresql:5433": "unix//run/postgresql:5433",
		"unix//run/pg": "unix//run/pg:5432", "unix//run/pg:7": "unix//run/pg:7",
	} {
		if _, p, _ := tomlPool(t, "backends = \""+backend+"\"\n"); p.Upstream[0].Address != want {
			t.Errorf("%s: got %s, want %s", backend, p.Upstream[0].Address, want)
		}
	}
}

// Who may log in, where the file says it, and where it does not.
func TestLoginsOfPoolFiles(t *testing.T) {
	const b = "backends = \"a\"\n"
	for lines, want := range map[string]string{
		b + `bind = "127.0.0.1:1"`:                 `{"method":"trust"}`,
		b + `bind = ["[::1]:1", "localhost:1"]`:    `{"method":"trust"}`,
		b + `bind = ["127.0.0.1:1", "10.0.0.1:1"]`: `{"query_user":{"name":"{env.PGUSER}","secret":"{env.PGPASSWORD}"}}`,
		b + `bind = ":1"`:                          `{"query_user":{"name":"{env.PGUSER}","secret":"{env.PGPASSWORD}"}}`,
		b:                                          `{"query_user":{"name":"{env.PGUSER}","secret":"{env.PGPASSWORD}"}}`,
		b + `auth = "md5"` + "\n" + `bind = "127.0.0.1:1"`: `{"method":"md5","query_user":{"name":"{env.PGUSER}","secret":"{env.PGPASSWORD}"}}`,
		b + `auth = "trust"`: `{"method":"trust"}`,
		b + `users_file = "/u"` + "\n" + `bind = "127.0.0.1:1"`: `{"users_file":"/u"}`,
		b + `users_file = "{env.USERS}"`:                        `{"users_file":"{env.USERS}"}`,
		b + `user = "u"` + "\n" + `password = "p"`:              `{"user":{"u":"p"}}`,
	} {
		_, p, warnings := tomlPool(t, lines)
		got, err := json.Marshal(p.Auth)
		if err != nil || string(got) != want {
			t.Errorf("%s\n got %s %v\nwant %s", lines, got, err, want)
		}
		said := strings.Contains(lines, "user") || strings.Contains(lines, "trust")
		if strings.Contains(warnings, "is not said") == said {
			t.Errorf("%s: warnings %s", lines, warnings)
		}
	}
}

func TestPasswordsInPoolFilesAreNotSaved(t *testing.T) {
	for password, saved := range map[string]bool{"p": false, "{env.P}": true} {
		out, _, err := PoolTOML{}.Adapt([]byte("[pool]\nbackends = \"a\"\nuser = \"u\"\npassword = \""+password+"\"\n"), nil)
		if err != nil || strings.Contains(string(out), `"persist":false`) == saved {
			t.Errorf("%s: %s %v", password, out, err)
		}
	}
}

func TestPoolFilesThatAreRefused(t *testing.T) {
	const b = "[pool]\nbackends = \"a\"\n"
	for text, want := range map[string]string{
		"":                            "x.toml:1: there is no [pool]",
		"[pool]\n":                    "x.toml:1: [pool] has no backends",
		"[pool]\nbackends = [\"a\"\n": "x.toml:2: ",
		"[pool]\nbackends = [1]\n":    "x.toml",
		b + "\nbakend = 1\n":          "x.toml:4: [pool] has no key bakend; did you mean backends?; there are backends, bind",
		b + "routing = \"fastest\"\n": "x.toml:3: routing is \"fastest\", but must be one of round_robin",
		b + "cache_ttl_ms = -1\n":     "x.toml:3: cache_ttl_ms is -1",
		b + "cache_ttl_ms = nan\n":    "x.toml:3: cache_ttl_ms is NaN",
		b + "cache_ttl_ms = inf\n":    "x.toml:3: cache_ttl_ms is +Inf",
		b + "password = \"p\"\n":      "x.toml:3: there is a password, and no user whose it is",
		b + "bind = \"127.0.0.1:1\"\nusers_file = \"/u\"\npassword = \"p\"\n": "x.toml:5: there is a password",
		b + "max_client_connections=0":                                        "what x.toml says cannot work: max_client_connections: is 0",
		b + "max_client_connections=\"x\"":                                    "x.toml",
	} {
		_, _, err := PoolTOML{}.Adapt([]byte(text), map[string]any{"filename": "x.toml"})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
}
