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

// inAuth is a Caddyfile with these lines inside the auth block of its pool, the first of them at line 6.
func inAuth(lines string) string {
	return "{\n\tpostgres {\n\t\tpool app {\n\t\t\tupstream db:1\n\t\t\tauth {\n\t\t\t\t" + lines + "\n\t\t\t}\n\t\t}\n\t}\n}\n"
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
			min_pool_size 2
			reserve_pool_size 3
			reserve_pool_timeout 0
			max_server_connections 100
			max_client_connections 1000
			max_user_client_connections 300
			max_address_client_connections 400
			max_waiting_clients 10
			priority user batch_* low
			priority application_name "psql" high
			priority database app normal
			query_wait_timeout 1s
			query_timeout 2s
			transaction_timeout 1m
			idle_transaction_timeout 30s
			client_idle_timeout 0
			server_connect_timeout 2s
			server_login_retry 100ms
			server_idle_timeout 1d
			server_lifetime 0
			server_check_interval 10s
			server_check_query "SELECT 1"
			server_reset_query ""
			server_reset never
			idle_server_order fifo
			max_prepared_statements 0
			track_parameters TimeZone search_path app.tenant
			pinning error
			max_pinned_servers 4
			auth {
				method scram-sha-256
				user alice {env.ALICE}
				user bob secret
				users_file /etc/users.txt
				query "SELECT * FROM secret_of($1)"
				query_user pooler {env.POOLER}
				query_database postgres
				query_ttl 0
				cert_user "Alice A." alice bob
				cert_user carol carol
			}
			server_user owner {file./run/secrets/owner}
			tls verify-full {
				server_names pg.example.com *.db.example.com {env.NAME}
				client_ca /etc/clients.pem
				connection_policy {
					match {
						sni old.example.com
					}
					protocols tls1.2 tls1.2
				}
				connection_policy {
					client_auth {
						mode verify_if_given
						trust_pool file /etc/others.pem
					}
				}
			}
			server_tls verify-ca {
				ca /etc/db.pem
				certificate /etc/us.pem
				key /etc/us.key
				server_name db.internal
			}
		}
		pool trusting {
			upstream db:5432
			pool_size auto
			track_parameters *
			auth {
				method trust
			}
			tls
			server_tls disable
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
			"pool_mode": "session", "pool_size": 5, "min_pool_size": 2, "reserve_pool_size": 3, "reserve_pool_timeout": 0,
			"max_server_connections": 100, "max_client_connections": 1000, "max_user_client_connections": 300,
			"max_address_client_connections": 400, "max_waiting_clients": 10,
			"priority": [
				{"by": "user", "name": "batch_*", "level": "low"},
				{"by": "application_name", "name": "psql", "level": "high"},
				{"by": "database", "name": "app", "level": "normal"}
			],
			"query_wait_timeout": 1000000000, "query_timeout": 2000000000, "transaction_timeout": 60000000000,
			"idle_transaction_timeout": 30000000000, "client_idle_timeout": 0, "server_connect_timeout": 2000000000,
			"server_login_retry": 100000000, "server_idle_timeout": 86400000000000, "server_lifetime": 0,
			"server_check_interval": 10000000000, "server_check_query": "SELECT 1",
			"server_reset_query": "", "server_reset": "never", "idle_server_order": "fifo", "max_prepared_statements": 0,
			"track_parameters": ["TimeZone", "search_path", "app.tenant"], "pinning": "error", "max_pinned_servers": 4,
			"auth": {
				"method": "scram-sha-256",
				"user": {"alice": "{env.ALICE}", "bob": "secret"},
				"users_file": "/etc/users.txt",
				"query": "SELECT * FROM secret_of($1)",
				"query_user": {"name": "pooler", "secret": "{env.POOLER}"},
				"query_database": "postgres", "query_ttl": 0,
				"cert_user": {"Alice A.": ["alice", "bob"], "carol": ["carol"]}
			},
			"server_user": {"name": "owner", "secret": "{file./run/secrets/owner}"},
			"tls": {
				"mode": "verify-full",
				"server_names": ["pg.example.com", "*.db.example.com", "{env.NAME}"],
				"client_ca": "/etc/clients.pem",
				"connection_policies": [
					{"match": {"sni": ["old.example.com"]}, "protocol_min": "tls1.2", "protocol_max": "tls1.2"},
					{"client_authentication": {
						"mode": "verify_if_given",
						"ca": {"provider": "file", "pem_files": ["/etc/others.pem"]}
					}}
				]
			},
			"server_tls": {
				"mode": "verify-ca", "ca": "/etc/db.pem",
				"certificate": "/etc/us.pem", "key": "/etc/us.key", "server_name": "db.internal"
			}
		},
		"trusting": {
			"upstream": [{"address": "db:5432"}], "pool_size": "auto", "track_parameters": ["*"], "auth": {"method": "trust"},
			"tls": {}, "server_tls": {"mode": "disable"}
		}
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
		{"nothing like it", inPool("\t\t\tfrobnicate"), "it has auth, client_idle_timeout, databases", ":8"},
		{"unknown option of the app", "{\n\tpostgres {\n\t\tevent_loop 2\n\t}\n}\n", "did you mean event_loops?", ":3"},
		{"bad duration", inPool("\t\t\tquery_wait_timeout 30"), `query_wait_timeout takes a duration, and "30" is none; write a number with its unit`, ":8"},
		{"bad number", inPool("\t\t\tpool_size many"), `pool_size takes a whole number or auto, and "many" is neither; write digits only, or auto`, ":8"},
		{"missing argument", inPool("\t\t\tpool_size"), "pool_size needs a number or auto", ":8"},
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
		{"min over size", inPool("\t\t\tpool_size 5\n\t\t\tmin_pool_size 6"), "pool app min_pool_size is 6, but pool_size is 5", ":9"},
		{"priority too short", inPool("\t\t\tpriority user batch"), "write it like `priority user batch_* low`", ":8"},
		{"priority of nothing known", inPool("\t\t\tpriority user a low\n\t\t\tpriority usr b low"), `pool app priority by is "usr"`, ":9"},
		{"priority twice", inPool("\t\t\tpriority user a low\n\n\t\t\tpriority user a high"), "pool app priority has user a a second time", ":10"},
		{"check query unquoted", inPool("\t\t\tserver_check_query SELECT 1"), `server_check_query takes one argument; put the query in quotes: "SELECT 1 …"`, ":8"},
		{"bad reset", inPool("\t\t\tserver_reset sometimes"), `pool app server_reset is "sometimes", but must be one of dirty, always, never`, ":8"},
		{"nothing to track", inPool("\t\t\ttrack_parameters"), "track_parameters needs names of settings; write them on the same line, or * for all, or none", ":8"},
		{"tracked with commas", inPool("\t\t\ttrack_parameters IntervalStyle, search_path"), `pool app track_parameters has "IntervalStyle,"; write each name by itself, without commas`, ":8"},
		{"all tracked, and names", inPool("\t\t\ttrack_parameters * search_path"), "pool app track_parameters has * beside names; write * alone, or names alone", ":8"},
		{"bad pinning", inPool("\t\t\tpinning none"), `pool app pinning is "none", but must be one of on, off, error`, ":8"},
		{"pinned servers below none", inPool("\t\t\tmax_pinned_servers -1"), "pool app max_pinned_servers is -1, but must be at least 0; 0 means no bound but pool_size", ":8"},
		{"pinned servers without bound", inPool("\t\t\tmax_pinned_servers all"), `max_pinned_servers takes a whole number, and "all" is none`, ":8"},
		{"bad tls mode", inPool("\t\t\ttls prefer"), `pool app tls mode is "prefer", but must be one of require, disable, allow`, ":8"},
		{"tls verify without a ca", inPool("\t\t\ttls verify-ca {\n\t\t\t}"), "pool app tls is verify-ca, but nothing says whose certificates are good", ":8"},
		{"unknown option of tls", inPool("\t\t\ttls {\n\t\t\t\tserver_name x\n\t\t\t}"), `tls has no option "server_name"; did you mean server_names?`, ":9"},
		{"server_names empty", inPool("\t\t\ttls {\n\t\t\t\tserver_names\n\t\t\t}"), "server_names needs names", ":9"},
		{"server name with a port", inPool("\t\t\ttls {\n\t\t\t\tserver_names a.example.com:6432\n\t\t\t}"), "names have no scheme and no port; write a.example.com", ":9"},
		{"unknown option of a policy", inPool("\t\t\ttls {\n\t\t\t\tconnection_policy {\n\t\t\t\t\tprotocol tls1.3\n\t\t\t\t}\n\t\t\t}"), "", ":10"},
		{"an option after a policy", inPool("\t\t\ttls {\n\t\t\t\tconnection_policy {\n\t\t\t\t}\n\t\t\t\tclientca x\n\t\t\t}"), `did you mean client_ca?`, ":11"},
		{"server_tls ca that is not looked at", inPool("\t\t\tserver_tls require {\n\t\t\t\tca /db.pem\n\t\t\t}"), "pool app server_tls ca is never looked at in mode require", ":9"},
		{"server_tls key alone", inPool("\t\t\tserver_tls {\n\t\t\t\tkey /us.key\n\t\t\t}"), "pool app server_tls key has no certificate", ":9"},
		{"query without user", inAuth("query \"SELECT $1\""), "pool app auth query is written, but no query_user who asks", ":6"},
		{"query unquoted", inAuth("query SELECT usename"), `put the query in quotes: "SELECT usename …"`, ":6"},
		{"query empty", inAuth(`query ""`), "query is empty", ":6"},
		{"query_user without name", inAuth("query_user"), "query_user needs a name", ":6"},
		{"cert_user twice", inAuth("cert_user cn a\n\t\t\t\tcert_user cn b"), "cert_user cn has users already, at line 6", ":7"},
		{"cert_user without users", inAuth("cert_user cn"), "cert_user cn needs users after it", ":6"},
		{"cert_user that nothing looks at", inAuth("method trust\n\t\t\t\tcert_user cn a"), "pool app auth cert_user is written, but certificates name nobody here", ":7"},
		{"cert without certificates", inAuth("method cert"), "pool app auth method is cert, but clients are not asked for certificates", ":6"},
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
