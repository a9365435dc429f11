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

// inCache is a good Caddyfile with these lines in the query_cache of its pool, the first of them at line 9.
func inCache(lines string) string {
	return inPool("\t\t\tquery_cache {\n\t\t\t\t" + lines + "\n\t\t\t}")
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
				weight 3
				max_server_connections 50
			}
			upstream unix//run/postgresql:5432
			dynamic_upstreams srv _postgresql._tcp.db.internal
			dynamic_upstreams a db.internal 6432 {
				refresh 10s
				resolvers 10.0.0.53 10.0.1.53:5353
				versions ipv4
			}
			pool_mode transaction
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
			slow_query 200ms
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
			lb_policy hash comment tenant
			lb_slow_start 30s
			read_write_split on
			defer_begin on
			reads any
			max_replica_lag 0
			read_your_writes off
			health_interval 500ms
			health_timeout 250ms
			health_passes 2
			health_fails 3
			health_user probe {env.PROBE}
			health_database app
			circuit_breaker 3 1m
			query_cache {
				ttl 5s
				max_size 64MiB
				max_entry_size 256KiB
				invalidation wal
				publication of_mine
				replication_user follower {env.FOLLOWER}
				match tables orders public.products
				store memory
			}
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
			log connections pins
			tracing on
		}
		pool trusting {
			upstream db:5432
			pool_size auto
			track_parameters *
			lb_policy random
			circuit_breaker off
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
				{"address": "10.0.0.1:5432", "role": "primary", "weight": 3, "max_server_connections": 50},
				{"address": "unix//run/postgresql:5432"}
			],
			"dynamic_upstreams": [
				{"source": "srv", "name": "_postgresql._tcp.db.internal"},
				{"source": "a", "host": "db.internal", "port": 6432, "refresh": 10000000000,
					"resolvers": ["10.0.0.53", "10.0.1.53:5353"], "versions": ["ipv4"]}
			],
			"pool_mode": "transaction", "pool_size": 5, "min_pool_size": 2, "reserve_pool_size": 3, "reserve_pool_timeout": 0,
			"max_server_connections": 100, "max_client_connections": 1000, "max_user_client_connections": 300,
			"max_address_client_connections": 400, "max_waiting_clients": 10,
			"priority": [
				{"by": "user", "name": "batch_*", "level": "low"},
				{"by": "application_name", "name": "psql", "level": "high"},
				{"by": "database", "name": "app", "level": "normal"}
			],
			"query_wait_timeout": 1000000000, "query_timeout": 2000000000, "transaction_timeout": 60000000000,
			"idle_transaction_timeout": 30000000000, "client_idle_timeout": 0, "slow_query": 200000000, "server_connect_timeout": 2000000000,
			"server_login_retry": 100000000, "server_idle_timeout": 86400000000000, "server_lifetime": 0,
			"server_check_interval": 10000000000, "server_check_query": "SELECT 1",
			"server_reset_query": "", "server_reset": "never", "idle_server_order": "fifo", "max_prepared_statements": 0,
			"track_parameters": ["TimeZone", "search_path", "app.tenant"], "pinning": "error", "max_pinned_servers": 4,
			"lb_policy": {"policy": "hash", "key": "comment", "name": "tenant"}, "lb_slow_start": 30000000000,
			"read_write_split": "on", "defer_begin": "on", "reads": "any", "max_replica_lag": 0, "read_your_writes": "off",
			"health_interval": 500000000, "health_timeout": 250000000, "health_passes": 2, "health_fails": 3,
			"health_user": {"name": "probe", "secret": "{env.PROBE}"}, "health_database": "app",
			"circuit_breaker": {"fails": 3, "open": 60000000000},
			"query_cache": {
				"ttl": 5000000000, "max_size": 67108864, "max_entry_size": 262144,
				"invalidation": "wal", "publication": "of_mine",
				"replication_user": {"name": "follower", "secret": "{env.FOLLOWER}"},
				"match": "tables", "tables": ["orders", "public.products"], "store": {"store": "memory"}
			},
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
			},
			"log": ["connections", "pins"], "tracing": "on"
		},
		"trusting": {
			"upstream": [{"address": "db:5432"}], "pool_size": "auto", "track_parameters": ["*"], "auth": {"method": "trust"},
			"lb_policy": {"policy": "random"}, "circuit_breaker": {"fails": 0},
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

// TestGuestsAreWhatTheyAreWritten is the other guest modules, which a pool may have one of.
func TestGuestsAreWhatTheyAreWritten(t *testing.T) {
	for written, want := range map[string]string{
		"lb_policy round_robin":             `"lb_policy": {"policy": "round_robin"}`,
		"lb_policy weighted_round_robin":    `"lb_policy": {"policy": "weighted_round_robin"}`,
		"lb_policy least_conn":              `"lb_policy": {"policy": "least_conn"}`,
		"lb_policy first":                   `"lb_policy": {"policy": "first"}`,
		"lb_policy peak_ewma":               `"lb_policy": {"policy": "peak_ewma"}`,
		"lb_policy hash":                    `"lb_policy": {"policy": "hash"}`,
		"lb_policy hash user":               `"lb_policy": {"policy": "hash", "key": "user"}`,
		"lb_policy hash setting app.tenant": `"lb_policy": {"policy": "hash", "key": "setting", "name": "app.tenant"}`,
		"dynamic_upstreams a db.internal":   `"dynamic_upstreams": [{"source": "a", "host": "db.internal"}]`,
		"dynamic_upstreams static 10.0.0.1:5432 unix//run:5433": `"dynamic_upstreams": [{"source": "static", "upstreams": [
			{"address": "10.0.0.1:5432"}, {"address": "unix//run:5433"}]}]`,
		`dynamic_upstreams patroni https://10.0.0.1:8008 https://10.0.0.2:8008 {
			interval 1s
			timeout 500ms
			basic_auth pgmux {env.PATRONI}
			ca /etc/ssl/patroni.pem
			certificate /etc/ssl/us.pem
			key /etc/ssl/us.key
			server_name patroni.internal
		}`: `"dynamic_upstreams": [{"source": "patroni", "urls": ["https://10.0.0.1:8008", "https://10.0.0.2:8008"],
			"interval": 1000000000, "timeout": 500000000, "basic_auth": {"name": "pgmux", "secret": "{env.PATRONI}"},
			"ca": "/etc/ssl/patroni.pem", "certificate": "/etc/ssl/us.pem", "key": "/etc/ssl/us.key", "server_name": "patroni.internal"}]`,
		`dynamic_upstreams http http://inventory.internal/postgres.json {
			interval 30s
		}`: `"dynamic_upstreams": [{"source": "http", "url": "http://inventory.internal/postgres.json", "interval": 30000000000}]`,
		"circuit_breaker 3": `"circuit_breaker": {"fails": 3}`,
		"query_cache":       `"query_cache": {}`,
		`query_cache {
			ttl 0
			max_size 1000
			invalidation writes
			match hinted
		}`: `"query_cache": {"ttl": 0, "max_size": 1000, "invalidation": "writes", "match": "hinted"}`,
	} {
		out, err := adapt(inPool("\t\t\t" + written))
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		var tree struct {
			Apps struct {
				Postgres struct{ Pools struct{ App json.RawMessage } }
			}
		}
		if err := json.Unmarshal(out, &tree); err != nil {
			t.Fatal(err)
		}
		want = `{"upstream": [{"address": "db:5432"}], "auth": {"method": "trust"}, ` + want + `}`
		if got := canonical(t, tree.Apps.Postgres.Pools.App); got != canonical(t, []byte(want)) {
			t.Errorf("%s:\n got %s\nwant %s", written, got, canonical(t, []byte(want)))
		}
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
		{"nothing like it", inPool("\t\t\tfrobnicate"), "it has auth, circuit_breaker, client_idle_timeout, databases", ":8"},
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
		{"split sessions", inPool("\t\t\tread_write_split on\n\t\t\tpool_mode session"), "pool app read_write_split is on, but pool_mode is session", ":8"},
		{"weight of nothing", inPool("\t\t\tupstream x:1 {\n\t\t\t\tweight 0\n\t\t\t}"), "pool app upstream weight is 0, but must be 1 to 1000", ":9"},
		{"no policy", inPool("\t\t\tlb_policy"), "lb_policy needs the name of a policy; there are first, hash, least_conn, peak_ewma, random, round_robin, weighted_round_robin", ":8"},
		{"unknown policy", inPool("\t\t\tlb_policy roundrobin"), `there is no policy "roundrobin"; did you mean round_robin?`, ":8"},
		{"a policy that takes nothing", inPool("\t\t\tlb_policy least_conn 2"), `lb_policy least_conn has "2" too many; remove it`, ":8"},
		{"hash of nothing known", inPool("\t\t\tlb_policy hash tenant"), `lb_policy hash takes address, user, database, comment or setting, and "tenant" is none of them`, ":8"},
		{"hash of a comment without a name", inPool("\t\t\tlb_policy hash comment"), "lb_policy hash comment needs a name", ":8"},
		{"policy twice", inPool("\t\t\tlb_policy random\n\t\t\tlb_policy first"), "lb_policy is written twice", ":9"},
		{"no source", inPool("\t\t\tdynamic_upstreams"), "dynamic_upstreams needs the name of a source; there are a, http, patroni, srv, static", ":8"},
		{"unknown source", inPool("\t\t\tdynamic_upstreams consul x"), `there is no source "consul"`, ":8"},
		{"srv of nothing", inPool("\t\t\tdynamic_upstreams srv"), "dynamic_upstreams srv needs a name", ":8"},
		{"unknown option of a source", inPool("\t\t\tdynamic_upstreams srv x {\n\t\t\t\trefersh 1s\n\t\t\t}"), `dynamic_upstreams srv has no option "refersh"; did you mean refresh?`, ":9"},
		{"an option behind a source", inPool("\t\t\tdynamic_upstreams srv x {\n\t\t\t\trefresh 1s\n\t\t\t}\n\t\t\tpol_size 3"), "did you mean pool_size?", ":11"},
		{"a port that is none", inPool("\t\t\tdynamic_upstreams a db x"), `dynamic_upstreams a takes a port behind the name, and "x" is none`, ":8"},
		{"a resolver by name", inPool("\t\t\tdynamic_upstreams a db {\n\t\t\t\tresolvers dns.internal\n\t\t\t}"), `resolvers has "dns.internal"; a resolver is an IP address`, ":9"},
		{"no address of its own", inPool("\t\t\tdynamic_upstreams static"), "upstreams has no address", ":8"},
		{"Patroni without a scheme", inPool("\t\t\tdynamic_upstreams patroni 10.0.0.1:8008"), `urls has "10.0.0.1:8008", which is no URL; write it like http://10.0.0.1:8008`, ":8"},
		{"a list asked for too often", inPool("\t\t\tdynamic_upstreams http http://h/l {\n\t\t\t\tinterval 1ms\n\t\t\t}"), "interval is 1ms, but must be at least 100ms", ":9"},
		{"breaker of a word", inPool("\t\t\tcircuit_breaker on"), "circuit_breaker takes off, or a number of failures and how long it then stays open, like `circuit_breaker 5 10s`", ":8"},
		{"breaker without unit", inPool("\t\t\tcircuit_breaker 5 10"), `circuit_breaker takes a duration as its second word, and "10" is none; write a number with its unit, like 10s`, ":8"},
		{"breaker too much", inPool("\t\t\tcircuit_breaker 5 10s 3"), `circuit_breaker has "3" too many`, ":8"},
		{"breaker below none", inPool("\t\t\tcircuit_breaker -1"), "pool app circuit_breaker fails is -1, but must be 0 to 1000", ":8"},
		{"a word behind query_cache", inPool("\t\t\tquery_cache 5s"), `query_cache has "5s" too many; remove it`, ":8"},
		{"unknown option of query_cache", inCache("max_entry 1MiB"), `query_cache has no option "max_entry"; it has invalidation, match, max_entry_size, max_size`, ":9"},
		{"misspelt option of query_cache", inCache("ttl 5s\n\t\t\t\tmaxsize 1MiB"), `query_cache has no option "maxsize"; did you mean max_size?`, ":10"},
		{"ttl without unit", inCache("ttl 5"), `ttl takes a duration, and "5" is none; write a number with its unit`, ":9"},
		{"ttl below none", inCache("ttl -5s"), "pool app query_cache ttl is -5s, but a time cannot be negative; 0 means that nothing is cached", ":9"},
		{"ttl too short", inCache("ttl 5us"), "pool app query_cache ttl is 5µs, but must be at least 1ms", ":9"},
		{"size of a word", inCache("max_size much"), `max_size: "much" is no size; write a whole number with its unit, like 64KiB or 256MiB`, ":9"},
		{"no size", inCache("max_size"), "max_size needs a size, like 256MiB", ":9"},
		{"size with a space", inCache("max_size 64 MiB"), `max_size has "MiB" too many`, ":9"},
		{"size below none", inCache("max_size -1MiB"), "pool app query_cache max_size is -1MiB, but must be at least 1B", ":9"},
		{"entries larger than the cache", inCache("max_size 1MiB\n\t\t\t\tmax_entry_size 2MiB"), "pool app query_cache max_entry_size is 2MiB, but max_size is 1MiB", ":10"},
		{"unknown invalidation", inCache("invalidation write"), `pool app query_cache invalidation is "write", but must be one of writes, wal; did you mean writes?`, ":9"},
		{"wal that nobody follows", inCache("ttl 5s\n\t\t\t\tinvalidation wal"), "pool app query_cache invalidation is wal, but nobody is there to follow what others write", ":10"},
		{"publication that nobody follows", inCache("publication x"), "pool app query_cache publication is written, but invalidation is writes", ":9"},
		{"replication_user without name", inCache("replication_user"), "replication_user needs a name", ":9"},
		{"match of nothing", inCache("match"), "match needs all, hinted, or tables and their names", ":9"},
		{"match misspelt", inCache("match table orders"), `match takes all, hinted or tables, and "table" is none of them; did you mean tables?`, ":9"},
		{"match of a table", inCache("match orders products"), `"orders" is none of them; if it is a table, write ` + "`match tables orders`", ":9"},
		{"match tables without names", inCache("match tables"), "match tables needs names of tables; write them on the same line, like `match tables orders products`", ":9"},
		{"match all and names", inCache("match all orders"), `match all has "orders" too many; remove it`, ":9"},
		{"match of a table twice", inCache("ttl 5s\n\t\t\t\tmatch tables orders orders"), "pool app query_cache tables has orders twice; remove one", ":10"},
		{"match with commas", inCache("match tables orders, products"), `pool app query_cache tables has "orders,"; write each name by itself`, ":9"},
		{"match twice", inCache("match all\n\t\t\t\tmatch hinted"), "match is written twice in query_cache, first at line 9", ":10"},
		{"no store", inCache("store"), "store needs the name of a store; there are memory", ":9"},
		{"store misspelt", inCache("store memry"), `there is no store "memry"; did you mean memory?`, ":9"},
		{"unknown store", inCache("store memcached 10.0.0.9:11211"), `there is no store "memcached"; there are memory, redis, and those that plug-ins add`, ":9"},
		{"a store that takes nothing", inCache("store memory 1GiB"), `store memory has "1GiB" too many; remove it`, ":9"},
		{"redis nowhere", inCache("store redis"), "store redis needs an address, like 10.0.0.9:6379", ":9"},
		{"redis without port", inCache("store redis r"), `address has the address "r", which is not host:port; add the port: r:6379`, ":9"},
		{"unknown option of redis", inCache("store redis r:6379 {\n\t\t\t\t\tusernam x\n\t\t\t\t}"), `store redis has no option "usernam"; did you mean username?`, ":10"},
		{"redis user without password", inCache("store redis r:6379 {\n\t\t\t\t\tusername x\n\t\t\t\t}"), "username has no password", ":10"},
		{"redis database of a word", inCache("store redis r:6379 {\n\t\t\t\t\tdatabase x\n\t\t\t\t}"), `database takes a whole number, and "x" is none`, ":10"},
		{"redis tls with a mode", inCache("store redis r:6379 {\n\t\t\t\t\ttls require\n\t\t\t\t}"), `tls has "require" too many; remove it`, ":10"},
		{"a store without block", inCache("store memory {\n\t\t\t\t\tx\n\t\t\t\t}"), "store memory takes no block", ":10"},
		{"cached sessions", inPool("\t\t\tpool_mode session\n\t\t\tquery_cache {\n\t\t\t\tttl 5s\n\t\t\t}"), "pool app query_cache is on, but pool_mode is session", ":9"},
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
