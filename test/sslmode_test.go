//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// sslmodes are those of libpq, in the order of the columns below.
var sslmodes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// sslRow is a mode of the pool, what the client shows and expects beside sslmode, and what comes of each sslmode.
type sslRow struct {
	mode  string
	shows string // a certificate: none, app, other (both of the authority), foreign (of another one)
	with  string // more of the connection string
	want  string
}

var sslRows = []sslRow{
	//                                          disable allow   prefer  require verify-ca verify-full
	{"disable", "none", "", "                   clear   clear   clear   refused refused   refused"},
	{"allow", "none", "", "                     clear   clear   tls     tls     tls       tls"},
	{"allow", "app", "", "                      clear   clear   tls     tls     tls       tls"},
	{"allow", "none", "host=elsewhere", "       clear   clear   tls     tls     tls       refused"},
	{"allow", "none", "sslrootcert=foreign", "  clear   clear   clear   refused refused   refused"},
	{"require", "none", "", "                   refused tls     tls     tls     tls       tls"},
	{"require", "app", "", "                    refused tls     tls     tls     tls       tls"},
	{"require", "none", "sslrootcert=foreign", "refused refused refused refused refused   refused"},
	{"verify-ca", "none", "", "                 refused refused refused refused refused   refused"},
	{"verify-ca", "app", "", "                  refused tls     tls     tls     tls       tls"},
	{"verify-ca", "other", "", "                refused tls     tls     tls     tls       tls"},
	{"verify-ca", "foreign", "", "              refused refused refused refused refused   refused"},
	{"verify-full", "none", "", "               refused refused refused refused refused   refused"},
	{"verify-full", "app", "", "                refused tls     tls     tls     tls       tls"},
	{"verify-full", "other", "", "              refused refused refused refused refused   refused"},
	{"verify-full", "foreign", "", "            refused refused refused refused refused   refused"},
}

// sslDatabases are the databases of a Postgres that lets each mode's clients into one, by lines of pg_hba.conf.
var sslDatabases = []string{"app", "allow", "require", "verify-ca", "verify-full", "cert"}

var sslHBA = []string{
	"host    allow         all 127.0.0.1/32 trust",
	"hostssl require       all 127.0.0.1/32 trust",
	"hostssl verify-ca     all 127.0.0.1/32 trust clientcert=verify-ca",
	"hostssl verify-full   all 127.0.0.1/32 trust clientcert=verify-full",
	"hostssl cert          all 127.0.0.1/32 cert map=names",
	"host    require,verify-ca,verify-full,cert all 127.0.0.1/32 reject",
}

// postgres is a Postgres of the newest version at hand that speaks TLS; database app wants SCRAM.
func (a *authority) postgres() *pgtest.Server {
	a.t.Helper()
	all := versions()
	options := commonOptions(all[len(all)-1])
	options.Auth, options.HBA, options.Databases = "scram-sha-256", sslHBA, sslDatabases
	server := pgtest.Start(a.t, options)
	a.encrypt(server)
	return server
}

// Every sslmode of psql, against every mode of the pool, comes out as it does with a Postgres that is set up likewise.
func TestSSLModesComeOutAsWithPostgres(t *testing.T) {
	ours, foreign := newAuthority(t), newAuthority(t)
	shown := map[string]identity{"app": ours.client("app"), "other": ours.client("other"), "foreign": foreign.client("app")}
	// columns runs a row: one word for each sslmode, and what psql said.
	columns := func(t *testing.T, l libpq, addr, database string, r sslRow) (got, said []string) {
		conninfo := "dbname=" + database + " sslrootcert=" + ours.CA
		if id, ok := shown[r.shows]; ok {
			conninfo += " sslcert=" + id.Certificate + " sslkey=" + id.Key
		}
		conninfo += " " + strings.ReplaceAll(r.with, "foreign", foreign.CA)
		for _, mode := range sslmodes {
			outcome, text := l.visit(t, addr, conninfo+" sslmode="+mode)
			got, said = append(got, outcome), append(said, mode+": "+text)
		}
		return got, said
	}
	check := func(t *testing.T, who, addr string, database func(mode string) string, mode string) {
		for _, l := range libpqs(t) {
			for _, r := range sslRows {
				if r.mode != mode {
					continue
				}
				got, said := columns(t, l, addr, database(r.mode), r)
				if got, want := strings.Join(got, " "), strings.Join(strings.Fields(r.want), " "); got != want {
					t.Errorf("%s, %s, tls %s, client shows %s, %q:\ngot  %s\nwant %s\n%s", who, l.name, r.mode, r.shows, r.with,
						got, want, strings.Join(said, "\n"))
				}
			}
		}
	}
	t.Run("postgres", func(t *testing.T) {
		secured, plain := ours.postgres(), postgres(t, versions()[0])
		own := func(mode string) string { return mode }
		check(t, "Postgres", plain.Addr(), func(string) string { return "app" }, "disable")
		for _, mode := range []string{"allow", "require", "verify-ca", "verify-full"} {
			check(t, "Postgres", secured.Addr(), own, mode)
		}
	})
	if direct() {
		return
	}
	for _, mode := range []string{"disable", "allow", "require", "verify-ca", "verify-full"} {
		t.Run(mode, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
				p := startPooler(t, driver, server, ours.settings(mode))
				check(t, "through us", p.Addr, func(string) string { return "app" }, mode)
			})
		})
	}
}

// settings is a pool with a mode of TLS, and a certificate.
func (a *authority) settings(mode string) settings {
	id := a.server()
	s := settings{Pool: "pool_size 4\ntls " + mode, Certificate: &id}
	if strings.HasPrefix(mode, "verify-") {
		s.Pool += " {\nclient_ca " + a.CA + "\n}"
	}
	return s
}

// Who comes in clear where he must not is told so, and what to do.
func TestClearIsRefusedWhereTLSIsRequired(t *testing.T) {
	a := newAuthority(t)
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("Postgres speaks of pg_hba.conf")
		}
		for _, mode := range []string{"require", "verify-ca", "verify-full"} {
			p := startPooler(t, driver, server, a.settings(mode))
			c, err := dial(t, p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.logIn(3 << 16); err == nil || !strings.Contains(err.Error(), "28000") {
				t.Errorf("tls %s: %v, want 28000", mode, err)
			}
			mustContain(t, c.heard, "ErrorResponse", "FATAL", "28000", "TLS")
			mustNotContain(t, c.heard, `hint ""`)
		}
	})
}
