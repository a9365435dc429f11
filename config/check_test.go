package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// good is the least a configuration needs.
const good = `{"pools":{"app":{"upstream":[{"address":"127.0.0.1:5432"}],"auth":{"method":"trust"}}}}`

// patched is good with one setting of pool app written.
func patched(t *testing.T, setting, value string) *App {
	t.Helper()
	var tree map[string]any
	must(t, json.Unmarshal([]byte(good), &tree))
	target := tree
	if s, ok := strings.CutPrefix(setting, "pool."); ok {
		setting, target = s, tree["pools"].(map[string]any)["app"].(map[string]any)
	}
	var v any
	must(t, json.Unmarshal([]byte(value), &v))
	target[setting] = v
	text, err := json.Marshal(tree)
	must(t, err)
	var a App
	must(t, caddy.StrictUnmarshalJSON(text, &a))
	return &a
}

// pooled is good with these settings of pool app written.
func pooled(t *testing.T, settings string) *App {
	t.Helper()
	a := patched(t, "pools", `{"app":`+settings+`}`)
	if p := a.Pools["app"]; p.Upstream == nil {
		p.Upstream = []*Upstream{{Address: "127.0.0.1:5432"}}
	}
	if p := a.Pools["app"]; p.Auth == nil {
		p.Auth = &Auth{Method: "trust"}
	}
	return a
}

// refused checks that each of these pools is refused with these words; accepted, that it is not.
func refused(t *testing.T, cases map[string]string) {
	t.Helper()
	for settings, want := range cases {
		err := Check(pooled(t, settings))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", settings, err, want)
		}
	}
}

func accepted(t *testing.T, cases ...string) {
	t.Helper()
	for _, settings := range cases {
		if err := Check(pooled(t, settings)); err != nil {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckNamesTheSettingAndTheCure(t *testing.T) {
	for _, c := range []struct{ setting, value, want string }{
		{"event_loops", `0`, "event_loops: is 0, but must be 1 to 256"},
		{"event_loops", `257`, "must be 1 to 256"},
		{"io_driver", `"iouring"`, "did you mean io_uring?"},
		{"max_client_connections", `0`, "at least 1"},
		{"client_login_timeout", `"0s"`, "client_login_timeout: is 0s, but must be at least 1ms"},
		{"drain_timeout", `"-1s"`, "cannot be negative"},
		{"pools", `{"a b":{"upstream":[{"address":"h:1"}]}}`, "pools.a b: has a name with a character"},
		{"pools", `{"app":null}`, "pools.app: is null"},
		{"pool.upstream", `[]`, "pools.app: has no upstream; add a line like `upstream 127.0.0.1:5432`"},
		{"pool.upstream", `[{"address":"db"}]`, "add the port: db:5432"},
		{"pool.upstream", `[{"address":"::1"}]`, "an IPv6 address needs brackets: [::1]:5432"},
		{"pool.upstream", `[{"address":":5432"}]`, "without a host; write one, like 127.0.0.1:5432"},
		{"pool.upstream", `[{"address":"db:pg"}]`, `has the port "pg"`},
		{"pool.upstream", `[{"address":"unix//run/postgresql"}]`, "unix//run/postgresql:5432"},
		{"pool.upstream", `[{"address":"db:1"},{"address":"db:1"}]`, "pools.app.upstream.1: has the address db:1 a second time"},
		{"pool.upstream", `[{"address":"db:1","role":"leader"}]`, "pools.app.upstream.0.role: is \"leader\", but must be one of auto, primary, replica"},
		{"pool.databases", `["a*b"]`, "a * may stand only at the end"},
		{"pool.databases", `["a","a"]`, "twice"},
		{"pool.server_database", `"tenant_*"`, "pools.app.server_database: is \"tenant_*\", but it is one name"},
		{"pool.server_database", `"` + strings.Repeat("d", 64) + `"`, "has a name of 64 bytes; Postgres keeps at most 63"},
		{"pool.server_database", `"a\u0000b"`, "has a zero byte"},
		{"pool.pool_mode", `"transactoin"`, "did you mean transaction?"},
		{"pool.pool_size", `0`, "pools.app.pool_size: is 0, but must be at least 1"},
		{"pool.max_server_connections", `-1`, "at least 0; 0 means no bound"},
		{"pool.query_wait_timeout", `"-1s"`, "0 means for ever"},
		{"pool.server_connect_timeout", `0`, "at least 1ms"},
		{"pool.idle_server_order", `"random"`, "one of lifo, fifo"},
		{"pool.max_prepared_statements", `100001`, "must be 0 to 100000; 0 means off"},
		{"pool.auth", `null`, "pools.app: lets nobody log in"},
		{"pool.auth", `{}`, "pools.app.auth: lets nobody log in"},
		{"pool.auth", `{"method":"md6"}`, "one of scram-sha-256, md5, plain, cert, trust; did you mean md5?"},
		{"pool.auth", `{"user":{"alice":""}}`, "pools.app.auth.user.alice: has no secret"},
		{"pool.server_user", `{"name":""}`, "pools.app.server_user: has no name"},
	} {
		err := Check(patched(t, c.setting, c.value))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %s:\n got %v\nwant %s", c.setting, c.value, err, c.want)
		}
	}
}

func TestCheckPassesWhatWorks(t *testing.T) {
	for _, c := range []struct{ setting, value string }{
		{"drain_timeout", `0`},
		{"pool.query_wait_timeout", `0`},
		{"pool.max_prepared_statements", `0`},
		{"pool.server_reset_query", `""`},
		{"pool.databases", `["app", "tenant_*", "*"]`},
		{"pool.server_database", `"` + strings.Repeat("d", 63) + `"`},
		{"pool.upstream", `[{"address":"[::1]:5432"},{"address":"unix//run/postgresql:5432"},{"address":"{env.PGHOST}:{env.PGPORT}"}]`},
		{"pool.auth", `{"user":{"alice":"{env.ALICE}"}}`},
		{"pool.auth", `{"users_file":"/etc/pgbouncer/userlist.txt"}`},
	} {
		if err := Check(patched(t, c.setting, c.value)); err != nil {
			t.Errorf("%s = %s: %v", c.setting, c.value, err)
		}
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	var a App
	err := caddy.StrictUnmarshalJSON([]byte(`{"pools":{"app":{"frobnicate":{}}}}`), &a)
	if err == nil || !strings.Contains(err.Error(), `unknown field "frobnicate"`) {
		t.Fatalf("got %v", err)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"pool_size", "pool_mode", "upstream"}
	for written, want := range map[string]string{
		"pol_size": "pool_size", "poolsize": "pool_size", "upstreams": "upstream", "query_cache": "", "x": "",
	} {
		if got := Nearest(written, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", written, got, want)
		}
	}
}
