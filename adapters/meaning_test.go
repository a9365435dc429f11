package adapters

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// appOf is the app of an adapted configuration.
func appOf(t *testing.T, text []byte) *config.App {
	t.Helper()
	var c struct {
		Apps struct{ Postgres config.App }
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return &c.Apps.Postgres
}

// poolOf is the pool app of a file whose database app says this much, with these lines of [pgbouncer].
func poolOf(t *testing.T, database, lines string) *config.Pool {
	t.Helper()
	out, _, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=127.0.0.1 "+database+"\n[pgbouncer]\nlisten_addr = *\nauth_file = /users\n"+lines), nil)
	if err != nil {
		t.Fatalf("%s\n%s: %v", database, lines, err)
	}
	return appOf(t, out).Pools["app"]
}

// What PgBouncer takes where nothing is written, though we would take something else.
func TestDefaultsOfPgBouncerAreSaid(t *testing.T) {
	p := poolOf(t, "", "")
	seconds := func(d *caddy.Duration) time.Duration { return config.Duration(d, -1) / time.Second }
	if p.PoolMode != "session" || int(*p.PoolSize) != 20 || *p.MaxServerConnections != 0 || *p.MaxPreparedStatements != 200 || p.Auth.Method != "md5" ||
		*p.ServerResetQuery != "DISCARD ALL" || p.ServerTLS.Mode != "prefer" || p.TLS != nil || p.ServerReset != "" || p.IdleServerOrder != "" {
		t.Errorf("%+v", p)
	}
	if seconds(p.QueryWaitTimeout) != 120 || seconds(p.ServerIdleTimeout) != 600 || seconds(p.ServerLifetime) != 3600 || seconds(p.ServerCheckInterval) != 30 ||
		seconds(p.ServerConnectTimeout) != 15 || *p.ServerLoginRetry != caddy.Duration(15*time.Second/16) {
		t.Errorf("%+v", p)
	}
	if p.QueryTimeout != nil || p.TransactionTimeout != nil || p.IdleTransactionTimeout != nil || p.ClientIdleTimeout != nil || p.ReservePoolSize != nil {
		t.Errorf("%+v", p)
	}
}

// Where 0, or nothing, means something else here.
func TestTheMeaningIsTranslated(t *testing.T) {
	const never, always = time.Duration(0), time.Millisecond
	if p := poolOf(t, "", "server_lifetime = 0"); config.Duration(p.ServerLifetime, -1) != always {
		t.Error("server_lifetime 0 is after one use")
	}
	if p := poolOf(t, "server_lifetime=7.5", ""); config.Duration(p.ServerLifetime, -1) != 7*time.Second {
		t.Error("server_lifetime of a database is in whole seconds")
	}
	if p := poolOf(t, "", "server_check_delay = 0"); config.Duration(p.ServerCheckInterval, -1) != always {
		t.Error("server_check_delay 0 is always")
	}
	if p := poolOf(t, "", "server_check_query ="); config.Duration(p.ServerCheckInterval, -1) != never || p.ServerCheckQuery != nil {
		t.Error("an empty server_check_query is no check")
	}
	if p := poolOf(t, "", "server_idle_timeout = 0"); config.Duration(p.ServerIdleTimeout, -1) != never {
		t.Error("server_idle_timeout 0 is never in both")
	}
	if p := poolOf(t, "", "reserve_pool_timeout = 0\nreserve_pool_size = 5"); p.ReservePoolSize != nil {
		t.Error("reserve_pool_timeout 0 is no reserve")
	}
	if p := poolOf(t, "reserve_pool=3", "reserve_pool_timeout = 0.5"); *p.ReservePoolSize != 3 || config.Duration(p.ReservePoolTimeout, 0) != time.Second/2 {
		t.Error("a reserve of a database")
	}
	if p := poolOf(t, "pool_size=3 min_pool_size=9", ""); *p.MinPoolSize != 3 {
		t.Error("min_pool_size is at most pool_size")
	}
	if p := poolOf(t, "max_db_connections=2", "min_pool_size = 9"); *p.MinPoolSize != 2 {
		t.Error("min_pool_size is at most max_db_connections")
	}
	if p := poolOf(t, "", "server_reset_query =\nserver_reset_query_always = 1"); p.ServerReset != "" || *p.ServerResetQuery != "" {
		t.Error("nothing is run always")
	}
	if p := poolOf(t, "query_wait_timeout=-1", "query_wait_timeout = 7"); config.Duration(p.QueryWaitTimeout, 0) != 7*time.Second {
		t.Error("-1 is not set")
	}
	if p := poolOf(t, "dbname=app", ""); p.ServerDatabase != "" {
		t.Error("a database of the same name is no alias")
	}
}

// What a database does not say, or says with a number that means nothing, is as [pgbouncer] says.
func TestNumbersThatMeanNothing(t *testing.T) {
	const lines = `default_pool_size = 9
min_pool_size = 3
reserve_pool_size = 2
max_db_connections = 50
max_db_client_connections = 60
server_lifetime = 70
`
	want := *poolOf(t, "", lines)
	for _, database := range []string{
		"pool_size=-1", "min_pool_size=-1", "reserve_pool_size=-2", "reserve_pool=-1", "server_lifetime=0", "server_lifetime=0.5",
		"max_db_connections=0", "max_db_connections=-1", "max_db_client_connections=0", "max_db_client_connections=-9",
	} {
		if got := *poolOf(t, database, lines); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", database, got, want)
		}
	}
	if p := poolOf(t, "pool_size=010", lines); *p.PoolSize != 10 {
		t.Errorf("pool_size 010 is %d", *p.PoolSize)
	}
	p := poolOf(t, "pool_size=1 min_pool_size=0 reserve_pool=0 max_db_connections=1 max_db_client_connections=1 server_lifetime=1", lines)
	if *p.PoolSize != 1 || *p.MinPoolSize != 0 || p.ReservePoolSize != nil || *p.MaxServerConnections != 1 || *p.MaxClientConnections != 1 ||
		config.Duration(p.ServerLifetime, 0) != time.Second {
		t.Errorf("what it does say: %+v", p)
	}
}

// listens is where a file with this listen_addr listens by TCP, and the warnings.
func listens(t *testing.T, addresses string) (string, string) {
	t.Helper()
	out, warnings, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=h\n[pgbouncer]\nauth_file = /users\nunix_socket_dir =\nlisten_addr = "+addresses), nil)
	if err != nil {
		t.Fatalf("%s: %v", addresses, err)
	}
	return strings.Join(appOf(t, out).Pools["app"].Listen, " "), printed(warnings)
}

// All addresses are those of one family, or of both.
func TestWhereItListens(t *testing.T) {
	for addresses, want := range map[string]string{
		"*":                    ":6432",
		"0.0.0.0":              "tcp4/0.0.0.0:6432",
		"::":                   "tcp6/[::]:6432",
		"0.0.0.0,::, 0.0.0.0":  "tcp4/0.0.0.0:6432 tcp6/[::]:6432",
		"127.0.0.1, ::1":       "127.0.0.1:6432 [::1]:6432",
		"localhost":            "localhost:6432",
		"db.example.com,[::1]": "db.example.com:6432 [::1]:6432",
	} {
		got, warnings := listens(t, addresses)
		if got != want {
			t.Errorf("%s: got %s, want %s", addresses, got, want)
		}
		for name, cure := range map[string]string{"localhost": "write `127.0.0.1, ::1`, if it is wanted", "db.example.com": "write the addresses"} {
			if strings.Contains(addresses, name) != strings.Contains(warnings, cure) {
				t.Errorf("%s: warnings %s", addresses, warnings)
			}
		}
	}
}

// A relative unix_socket_dir is a directory too, of our socket and of Postgres's.
func TestRelativeDirectories(t *testing.T) {
	out, _, err := PgBouncer{}.Adapt([]byte("[databases]\napp = port=6000\n[pgbouncer]\nunix_socket_dir = run, {1}\nauth_file = users\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := escaped(absolute("run, {1}"))
	p := appOf(t, out).Pools["app"]
	if got, want := p.Upstream[0].Address, "unix/"+dir+":6000"; got != want {
		t.Errorf("upstream: got %s, want %s", got, want)
	}
	if got, want := p.Listen[0], "unix/"+dir+"/.s.PGSQL.6432|0777"; got != want {
		t.Errorf("listen: got %s, want %s", got, want)
	}
}

// What has braces and backslashes comes through Caddy's replacer as it was.
func TestTextsSurviveCaddysReplacer(t *testing.T) {
	for _, text := range []string{`a{b}c`, `a\{b\}c`, `\}`, `{`, `}`, `\\}`, `{env.HOME}`, `\{env.HOME}`, `{{}}`, `\`, `a\b`, strings.Repeat("{", 200)} {
		if got, err := caddy.NewReplacer().ReplaceOrErr(escaped(text), true, true); err != nil || got != text {
			t.Errorf("%s became %s, %v", text, got, err)
		}
	}
}

// Where [pgbouncer] begins again, what has a default has it again, and what has none stays.
func TestTheSecondBeginning(t *testing.T) {
	out, warnings, err := PgBouncer{}.Adapt([]byte(`[databases]
app = host=h
[pgbouncer]
auth_file = /users
auth_user = asker
verbose = 1
listen_addr = 127.0.0.1
default_pool_size = 3
user = postgres
[pgbouncer]
pool_mode = statement
auth_user = other
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := appOf(t, out).Pools["app"]
	if p.Auth.UsersFile != "/users" || p.Auth.QueryUser.Name != "other" || *p.PoolSize != 20 || p.PoolMode != "statement" || len(p.Listen) != 1 ||
		!strings.Contains(string(out), "DEBUG") {
		t.Errorf("%s", out)
	}
	for _, want := range []string{
		"begins a second time: what stands below the first one does not count, as in PgBouncer, but for auth_file, auth_user, verbose, user\n", "user: none: ",
	} {
		if !strings.Contains(printed(warnings), want) {
			t.Errorf("no %q in %s", want, printed(warnings))
		}
	}
	_, warnings, err = PgBouncer{}.Adapt([]byte("[pgbouncer]\nauth_file = /u\n[pgbouncer]\nlisten_addr = *\n"), nil)
	if err != nil || strings.Contains(printed(warnings), "second") {
		t.Errorf("nothing was lost, but %v\n%s", err, printed(warnings))
	}
}

func TestDatabasesBecomePools(t *testing.T) {
	out, _, err := PgBouncer{}.Adapt([]byte(`[databases]
app = host=h
default = host=h user=u password=p
* = host=/run/pg,h2 port=6000 dbname=all
"a b/c" = host=2001:db8::1
app = host=h3
[pgbouncer]
listen_addr = 127.0.0.1,::1
unix_socket_dir = @pgbouncer
auth_file = /users
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	pools := appOf(t, out).Pools
	for name, want := range map[string]string{
		"app": "app  h3:5432", "default": "default  h:5432", "default_": "* all unix//run/pg:6000 h2:6000", "a_b_c": "a b/c  [2001:db8::1]:5432",
	} {
		p := pools[name]
		if p == nil {
			t.Errorf("there is no pool %s", name)
			continue
		}
		got := strings.Join(p.Databases, ",") + " " + p.ServerDatabase
		for _, u := range p.Upstream {
			got += " " + u.Address
		}
		if got != want {
			t.Errorf("pool %s: got %s, want %s", name, got, want)
		}
		if listen := strings.Join(p.Listen, " "); listen != "127.0.0.1:6432 [::1]:6432 unix/@pgbouncer/.s.PGSQL.6432" {
			t.Errorf("pool %s listens at %s", name, listen)
		}
	}
	if len(pools) != 4 {
		t.Errorf("%d pools", len(pools))
	}
}

// A file may have thousands of databases, and as many warnings.
func TestManyDatabasesCostLittle(t *testing.T) {
	const n, most = 2000, 100 << 10
	var b strings.Builder
	b.WriteString("[databases]\n")
	for i := range n {
		fmt.Fprintf(&b, "db%d = host=h connect_query='SELECT %d'\n", i, i)
	}
	b.WriteString("[pgbouncer]\nauth_file = /users\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, warnings, err := PgBouncer{}.Adapt([]byte(b.String()), nil)
	runtime.ReadMemStats(&after)
	if err != nil || len(warnings) != n {
		t.Fatalf("%d warnings, %v", len(warnings), err)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > most {
		t.Errorf("%d bytes are allocated for each database, more than %d", each, most)
	} else {
		t.Logf("%d bytes are allocated for each database", each)
	}
}

func TestWhatIsRefused(t *testing.T) {
	const ok = "[databases]\napp = host=h\n[pgbouncer]\nlisten_addr = *\n"
	for text, want := range map[string]string{
		ok:                                                      "x.ini: auth_type: is md5, but there is neither an auth_file nor an auth_user",
		ok + "auth_type = hba\nauth_file = /u":                  "x.ini:5: auth_type: is hba",
		ok + "auth_type = trust":                                "x.ini:5: auth_type: is trust, but there is neither an auth_file",
		ok + "auth_type = pam":                                  "x.ini:5: auth_type: is pam",
		ok + "auth_type = ldap":                                 "x.ini:5: auth_type: is ldap",
		ok + "auth_type = any":                                  "x.ini:2: database app has no user, but auth_type is any",
		ok + "auth_type = cert\nauth_file = /u":                 "x.ini: client_tls_sslmode: is disable, but auth_type is cert",
		ok + "auth_type = sspi":                                 "x.ini:5: auth_type: is \"sspi\", but must be one of",
		ok + "max_client_con = 5":                               "x.ini:5: PgBouncer 1.25 has no setting max_client_con; did you mean max_client_conn?",
		ok + "max_client_conn = many":                           "x.ini:5: max_client_conn: is \"many\", but must be a whole number",
		ok + "default_pool_size = 0\nauth_file = /u":            "x.ini:5: default_pool_size: is 0",
		ok + "default_pool_size = -1\nauth_file = /u":           "x.ini:5: default_pool_size: is -1, but must not be negative",
		ok + "query_timeout = 5s\nauth_file = /u":               "x.ini:5: query_timeout: is \"5s\", but must be a number of seconds",
		ok + "unix_socket_mode = 777":                           "x.ini:5: unix_socket_mode: is \"777\", but must be permissions",
		ok + "listen_port = 0":                                  "x.ini:5: listen_port: is 0",
		ok + "auth_file = /u\nclient_tls_sslmode = require":     "x.ini:6: client_tls_sslmode: is require, which needs client_tls_cert_file",
		ok + "auth_file = /u\nclient_tls_sslmode = verify-full": "x.ini:6: client_tls_sslmode: is verify-full, but there is no client_tls_ca_file",
		ok + "auth_file = /u\nserver_tls_sslmode = verify-ca":   "x.ini:6: server_tls_sslmode: is verify-ca, which needs a server_tls_ca_file",
		ok + "auth_file = /u\nserver_tls_key_file = /k":         "x.ini: server_tls_cert_file: and server_tls_key_file go together",
		ok + "auth_user = a\nauth_dbname = other":               "x.ini:6: auth_dbname: is other, which has no line",
		"[databases]\nother = host=h2\n" + ok[12:] + "auth_user = a\nauth_dbname = other": "x.ini:7: auth_dbname: is other, which is on other servers than database app",
		"[database]\n":                      "x.ini:1: there is no section [database]; there are [pgbouncer], [databases], [users], [peers]; did you mean databases?",
		"[databases]\npgbouncer = host=h\n": "x.ini:2: the database name pgbouncer is reserved",
		"[databases]\napp* = host=h\n":      "x.ini:2: the database \"app*\" has a *",
		"[databases]\napp = pport=1\n":      "x.ini:2: database app: PgBouncer 1.25 has no key pport; did you mean port?",
		"[databases]\napp = host\n":         "x.ini:2: database app: \"host\" is no key=value",
		"[databases]\napp = host=h pool_size=x\n[pgbouncer]\nauth_file = /u":                 "x.ini:2: app.pool_size: is \"x\"",
		"[databases]\napp = host=@a\n[pgbouncer]\nauth_file = /u":                            "x.ini:2: database app: the socket @a is in the abstract namespace",
		"[databases]\napp = host=h\n[pgbouncer]\nauth_file = /u\n[users]\na = pool_sise=1\n": "x.ini:6: user a: PgBouncer 1.25 has no key pool_sise; did you mean pool_size?",
		"[peers]\none = host=h\n":          "x.ini:2: peer \"one\": the name of a peer is its number",
		"[pgbouncer]\nunix_socket_dir =\n": "x.ini:2: unix_socket_dir: is empty, and so is listen_addr",
	} {
		_, _, err := PgBouncer{}.Adapt([]byte(text), map[string]any{"filename": "x.ini"})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
