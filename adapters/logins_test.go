package adapters

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/config"
)

// login is what the pool app of a file says of logins, in words; the file is adapted with these lines.
func login(t *testing.T, database, lines string) string {
	t.Helper()
	out, _, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=h "+database+"\ndirectory = host=h dbname=postgres\n[pgbouncer]\nlisten_addr = *\n"+lines), nil)
	if err != nil {
		t.Fatalf("%s\n%s: %v", database, lines, err)
	}
	p := appOf(t, out).Pools["app"]
	text, err := json.Marshal(struct {
		*config.Auth
		ServerUser *config.ServerUser `json:"server_user,omitempty"`
	}{p.Auth, p.ServerUser})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLogins(t *testing.T) {
	for _, test := range []struct{ database, lines, want string }{
		{"", "auth_file = /u", `{"method":"md5","users_file":"/u"}`},
		{"", "auth_file = /u{1}", `{"method":"md5","users_file":"/u\\{1\\}"}`},
		{"", "auth_type = SCRAM-SHA-256\nauth_file = /u", `{"method":"scram-sha-256","users_file":"/u"}`},
		{"", "auth_type = plain\nauth_file = /u", `{"method":"plain","users_file":"/u"}`},
		{"", "auth_type = trust\nauth_file = /u", `{"method":"trust","known_users":"on","users_file":"/u"}`},
		{"", "auth_user = asker", `{"method":"md5","query_user":{"name":"asker"}}`},
		{"auth_user=own", "auth_user = asker", `{"method":"md5","query_user":{"name":"own"}}`},
		{"auth_query='SELECT $1'", "auth_user = asker", `{"method":"md5","query":"SELECT $1","query_user":{"name":"asker"}}`},
		{"auth_dbname=directory", "auth_user = asker", `{"method":"md5","query_user":{"name":"asker"},"query_database":"postgres"}`},
		{"", "auth_user = asker\nauth_dbname = app", `{"method":"md5","query_user":{"name":"asker"},"query_database":"app"}`},
		{"user=u", "auth_file = /u", `{"method":"md5","users_file":"/u","server_user":{"name":"u"}}`},
		{"user=u password='p {x}'", "auth_file = /u", `{"method":"md5","users_file":"/u","server_user":{"name":"u","secret":"p \\{x\\}"}}`},
		{"password=p", "auth_file = /u", `{"method":"md5","users_file":"/u"}`},
	} {
		if got := login(t, test.database, test.lines); got != test.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", test.database, test.lines, got, test.want)
		}
	}
}

// auth_type any takes any name, for which the databases have a user.
func TestAnyUser(t *testing.T) {
	out, _, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=h user=u\n[pgbouncer]\nauth_type = any\nadmin_users = a\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	app := appOf(t, out)
	if p := app.Pools["app"]; p.Auth.Method != "trust" || p.ServerUser.Name != "u" {
		t.Errorf("%+v", p)
	}
	if app.Console != nil {
		t.Error("there is a console for everybody")
	}
}

// Names without a schema are found in public, as they mostly are by PgBouncer; Postgres's own, and those that have one, stay as they are.
func TestQueriesHaveSchemas(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT a FROM user_search($1)":                                    "SELECT a FROM public.user_search($1)",
		"select a from  \"Users\" where n=$1":                              "select a from  public.\"Users\" where n=$1",
		"SELECT usename, passwd FROM pg_shadow WHERE usename=$1":           "",
		"SELECT * FROM pgbouncer.get_auth($1)":                             "",
		"SELECT a FROM \"s\".f($1)":                                        "",
		"SELECT a FROM (SELECT b FROM pg_authid WHERE b = $1) AS":          "",
		"select * from f($1)":                                              "select * from public.f($1)",
		"select * from from_f($1, 'from') x where x.a is distinct from b":  "select * from public.from_f($1, 'from') x where x.a is distinct from b",
		"SELECT u, extract(epoch FROM v) FROM only users WHERE u = $1":     "SELECT u, extract(epoch FROM v) FROM only public.users WHERE u = $1",
		"SELECT u, 'from' || \"from x\" FROM users -- from where $1":       "SELECT u, 'from' || \"from x\" FROM public.users -- from where $1",
		"SELECT a FROM json_to_record($1::json) AS (a text)":               "",
		"SELECT u FROM pg_shadow WHERE u = $1 AND v IS DISTINCT FROM w":    "",
		"SELECT u, extract(epoch from valuntil) FROM pg_shadow WHERE u=$1": "",
		"SELECT u FROM unnest(ARRAY[$1]) AS u":                             "",
	} {
		if want == "" {
			want = query
		}
		out, warnings, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=h\nb = host=h\n[pgbouncer]\nauth_user = a\nauth_query = "+query), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := appOf(t, out).Pools["b"].Auth.Query; got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
		if warned := len(warnings) == 1 && strings.Contains(warnings[0].Message, "public."); warned != (want != query) {
			t.Errorf("%s: warnings\n%s", query, printed(warnings))
		}
	}
}

// A query that is more than a plain one stays as it is, and a warning says what to do.
func TestDifficultQueriesStay(t *testing.T) {
	for query, name := range map[string]string{
		"WITH x AS (SELECT 1) SELECT * FROM x":                       "x",
		"SELECT a FROM users, secrets WHERE n = $1":                  "users",
		"SELECT a FROM users JOIN secrets USING (n)":                 "users",
		"SELECT a FROM pg_shadow JOIN secrets USING (n)":             "secrets",
		"SELECT a FROM f($1) UNION SELECT b FROM g($1)":              "f",
		"SELECT a FROM (SELECT b FROM users WHERE b = $1) AS u":      "users",
		"SELECT (SELECT b FROM users)":                               "users",
		"SELECT E'\\' from', a FROM users":                           "users",
		"SELECT $$ from $$, a FROM users":                            "users",
		"SELECT a FROM only (users)":                                 "only",
		"SELECT a FROM s.users u LEFT JOIN secrets USING (n)":        "secrets",
		"SELECT a FROM s.f($1), LATERAL g(a) JOIN LATERAL h(a) ON 1": "h",
	} {
		a := newAdaptation("x.ini")
		if got := a.qualified(value{name: "auth_query", text: query}); got != query {
			t.Errorf("%s\nbecame %s", query, got)
		}
		if said := printed(a.warnings); !strings.Contains(said, "seems to name "+name+" without a schema") || !strings.Contains(said, "write the schema of whatever") {
			t.Errorf("%s: warnings\n%s", query, said)
		}
	}
}

// PgBouncer's console lets in whom auth_type lets in; ours needs a secret that SCRAM can make something of.
func TestThoseWhomTheConsoleMayLockOut(t *testing.T) {
	for lines, want := range map[string]string{
		"admin_users = ops":                                               "admin_users",
		"stats_users = ops":                                               "stats_users",
		"stats_users = ops\nauth_type = trust":                            "stats_users",
		"admin_users = ops\nauth_type = scram-sha-256":                    "",
		"admin_users = \nauth_type = md5":                                 "",
		"admin_users = ops\nauth_type = Scram-SHA-256\nauth_user = asker": "admin_users",
	} {
		_, warnings, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=h\n[pgbouncer]\nauth_file = /u\n"+lines), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range warnings {
			if strings.Contains(w.Message, "log in to the console by SCRAM") {
				got += w.Directive
			}
		}
		if got != want {
			t.Errorf("%s: warnings\n%s", lines, printed(warnings))
		}
	}
}

func TestEncryptionOfClients(t *testing.T) {
	const files = "client_tls_cert_file = /c\nclient_tls_key_file = /k\nclient_tls_ca_file = /ca\nclient_tls_sslmode = "
	const policy = `"connection_policies":[{"certificate_selection":{"any_tag":["pgbouncer"]}`
	for lines, want := range map[string]string{
		files + "disable":     "null",
		files + "prefer":      `{"mode":"allow",` + policy + `}]}`,
		files + "require":     `{"mode":"require",` + policy + `}]}`,
		files + "verify-ca":   `{"mode":"verify-ca","client_ca":"/ca",` + policy + `}]}`,
		files + "verify-full": `{"mode":"verify-ca","client_ca":"/ca",` + policy + `}]}`, // which compares no name there
		files + "allow\nclient_tls_protocols = tlsv1.3":                                      `{"mode":"allow",` + policy + `,"protocol_min":"tls1.3"}]}`,
		files + "allow\nclient_tls_protocols = tlsv1.1, tlsv1.2\nclient_tls_ecdhcurve=P-384": `{"mode":"allow",` + policy + `,"curves":["secp384r1"],"protocol_max":"tls1.2"}]}`,
		files + "verify-full\nauth_type = cert":                                              `{"mode":"verify-ca","client_ca":"/ca",` + policy + `}]}`,
	} {
		got, err := json.Marshal(poolOf(t, "", lines).TLS)
		if err != nil || !sameJSON(t, string(got), want) {
			t.Errorf("%s:\n got %s %v\nwant %s", lines, got, err, want)
		}
	}
}

func TestEncryptionOfServers(t *testing.T) {
	const files = "server_tls_cert_file = /c\nserver_tls_key_file = /k\nserver_tls_ca_file = /ca\nserver_tls_sslmode = "
	for lines, want := range map[string]string{
		"":                               `{"mode":"prefer"}`,
		"server_tls_sslmode = allow":     `{"mode":"prefer"}`,
		files + "disable":                `{"mode":"disable"}`,
		files + "require":                `{"mode":"require","certificate":"/c","key":"/k"}`,
		files + "verify-ca":              `{"mode":"verify-ca","ca":"/ca","certificate":"/c","key":"/k"}`,
		"server_tls_sslmode=verify-full": `{"mode":"verify-full"}`, // by the system's authorities
	} {
		got, err := json.Marshal(poolOf(t, "", lines).ServerTLS)
		if err != nil || !sameJSON(t, string(got), want) {
			t.Errorf("%s:\n got %s %v\nwant %s", lines, got, err, want)
		}
	}
}

// sameJSON compares what two texts say, in whatever order.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	sorted := func(text string) string {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return sorted(a) == sorted(b)
}
