package caddyfile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// adapt is what `caddy adapt` does with a file of this text.
func adapt(text string) ([]byte, error) {
	adapter := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}
	out, _, err := adapter.Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	return out, err
}

// inPool is a good Caddyfile with these lines inside its pool, the first of them at line 6.
func inPool(lines string) string {
	return "{\n\tpostgres {\n\t\tpool app {\n\t\t\tupstream db:5432\n\t\t\tauth { \n" + // the auth block ends below
		"\t\t\t\tmethod trust\n\t\t\t}\n" + lines + "\n\t\t}\n\t}\n}\n"
}

func TestWhatIsWrittenIsWhatIsConfigured(t *testing.T) {
	out, err := adapt(`{
	postgres {
		event_loops 2
		io_driver epoll
		max_client_connections 5000
		client_login_timeout 10s
		drain_timeout 0
		pool app {
			databases app tenant_*
			upstream 10.0.0.1:5432 {
				role primary
				max_server_connections 50
			}
			upstream unix//run/postgresql:5432
			pool_mode session
			pool_size 5
			max_server_connections 100
			max_client_connections 1000
			max_waiting_clients 10
			query_wait_timeout 1s
			server_connect_timeout 2s
			server_login_retry 100ms
			server_idle_timeout 1d
			server_lifetime 0
			server_reset_query ""
			idle_server_order fifo
			max_prepared_statements 0
			auth {
				method scram-sha-256
				user alice {env.ALICE}
				user bob secret
				users_file /etc/users.txt
			}
			server_user owner {file./run/secrets/owner}
		}
		pool trusting {
			upstream db:5432
			auth {
				method trust
			}
		}
	}
}`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
	"event_loops": 2, "io_driver": "epoll", "max_client_connections": 5000,
	"client_login_timeout": 10000000000, "drain_timeout": 0,
	"pools": {
		"app": {
			"databases": ["app", "tenant_*"],
			"upstream": [
				{"address": "10.0.0.1:5432", "role": "primary", "max_server_connections": 50},
				{"address": "unix//run/postgresql:5432"}
			],
			"pool_mode": "session", "pool_size": 5, "max_server_connections": 100,
			"max_client_connections": 1000, "max_waiting_clients": 10,
			"query_wait_timeout": 1000000000, "server_connect_timeout": 2000000000,
			"server_login_retry": 100000000, "server_idle_timeout": 86400000000000, "server_lifetime": 0,
			"server_reset_query": "", "idle_server_order": "fifo", "max_prepared_statements": 0,
			"auth": {
				"method": "scram-sha-256",
				"user": {"alice": "{env.ALICE}", "bob": "secret"},
				"users_file": "/etc/users.txt"
			},
			"server_user": {"name": "owner", "secret": "{file./run/secrets/owner}"}
		},
		"trusting": {"upstream": [{"address": "db:5432"}], "auth": {"method": "trust"}}
	}}`
	var tree struct{ Apps map[string]json.RawMessage }
	if err := json.Unmarshal(out, &tree); err != nil {
		t.Fatal(err)
	}
	if got := tree.Apps["postgres"]; canonical(t, got) != canonical(t, []byte(want)) {
		t.Errorf("got  %s\nwant %s", canonical(t, got), canonical(t, []byte(want)))
	}
	var app config.App
	if err := caddy.StrictUnmarshalJSON(tree.Apps["postgres"], &app); err != nil {
		t.Errorf("the adapted JSON is refused: %v", err)
	}
}

func canonical(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func TestWrongCaddyfilesNameTheLineAndTheCure(t *testing.T) {
	for _, c := range []struct{ name, text, says, at string }{
		{"unknown option", inPool("\t\t\tpol_size 5"), `pool app has no option "pol_size"; did you mean pool_size?`, ":8"},
		{"nothing like it", inPool("\t\t\tfrobnicate"), "it has auth, databases, idle_server_order", ":8"},
		{"unknown option of the app", "{\n\tpostgres {\n\t\tevent_loop 2\n\t}\n}\n", "did you mean event_loops?", ":3"},
		{"bad duration", inPool("\t\t\tquery_wait_timeout 30"), `query_wait_timeout takes a duration, and "30" is none; write a number with its unit`, ":8"},
		{"bad number", inPool("\t\t\tpool_size many"), `pool_size takes a whole number, and "many" is none`, ":8"},
		{"missing argument", inPool("\t\t\tpool_size"), "pool_size needs a number", ":8"},
		{"argument too many", inPool("\t\t\tpool_size 5 6"), `pool_size has "6" too many; remove it`, ":8"},
		{"twice", inPool("\t\t\tpool_size 5\n\n\t\t\tpool_size 6"), "pool_size is written twice in pool app, first at line 8; remove one", ":10"},
		{"pool_size 0", inPool("\t\t\tpool_mode session\n\t\t\tpool_size 0"), "pool app pool_size is 0, but must be at least 1", ":9"},
		{"bad mode", inPool("\t\t\tpool_mode transactions"), "did you mean transaction?", ":8"},
		{"upstream without port", inPool("\t\t\tupstream other"), "add the port: other:5432", ":8"},
		{"upstream twice", inPool("\t\t\tupstream db:5432"), "pool app upstream has the address db:5432 a second time", ":8"},
		{"bad role", inPool("\t\t\tupstream x:1 {\n\t\t\t\trole master\n\t\t\t}"), "pool app upstream role is \"master\"", ":9"},
		{"no upstream", "{\n\tpostgres {\n\t\tpool app {\n\t\t\tpool_size 5\n\t\t}\n\t}\n}\n", "pool app has no upstream; add a line like `upstream 127.0.0.1:5432`", ":3"},
		{"nobody can log in", "{\n\tpostgres {\n\t\tpool app {\n\t\t\tupstream db:1\n\t\t}\n\t}\n}\n", "pool app lets nobody log in", ":3"},
		{"user without secret", "{\n\tpostgres {\n\t\tpool app {\n\t\t\tupstream db:1\n\t\t\tauth {\n\t\t\t\tuser alice\n\t\t\t}\n\t\t}\n\t}\n}\n", "needs a secret after the name", ":6"},
		{"user twice", "{\n\tpostgres {\n\t\tpool app {\n\t\t\tupstream db:1\n\t\t\tauth {\n\t\t\t\tuser a b\n\t\t\t\tuser a c\n\t\t\t}\n\t\t}\n\t}\n}\n", "user a has a secret already, at line 6", ":7"},
		{"reset query unquoted", inPool("\t\t\tserver_reset_query DISCARD ALL"), `put the query in quotes: "DISCARD ALL …"`, ":8"},
		{"databases empty", inPool("\t\t\tdatabases"), "databases needs names", ":8"},
		{"pool without name", "{\n\tpostgres {\n\t\tpool {\n\t\t}\n\t}\n}\n", "", ":3"},
		{"pool twice", inPool("\t\t}\n\t\tpool app {"), "pool app is declared twice, first at line 3", ":9"},
		{"word after postgres", "{\n\tpostgres app {\n\t}\n}\n", "postgres takes a block", ":2"},
		{"postgres twice", "{\n\tpostgres {\n\t}\n\tpostgres {\n\t}\n}\n", "is written a second time", ":4"},
	} {
		_, err := adapt(c.text)
		switch {
		case err == nil:
			t.Errorf("%s: accepted", c.name)
		case !strings.Contains(err.Error(), c.says):
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.says)
		case !strings.Contains(err.Error(), "Caddyfile"+c.at):
			t.Errorf("%s: said at another line than %s: %v", c.name, c.at, err)
		}
	}
}

func TestHandler(t *testing.T) {
	for _, c := range []struct{ text, pool, says string }{
		{"postgres_pool app", "app", ""},
		{"postgres_pool", "", ""},
		{"postgres_pool app other", "", "takes one pool"},
		{"postgres_pool app {\n\tpool_size 5\n}", "", "takes no block"},
	} {
		var h config.Handler
		err := ParseHandler(caddyfile.NewTestDispenser(c.text), &h)
		if c.says == "" && (err != nil || h.Pool != c.pool) {
			t.Errorf("%s: %q, %v", c.text, h.Pool, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %s", c.text, err, c.says)
		}
	}
}
