//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Secrets that Postgres is asked for. Nobody is written down but who asks.

// secretive is a Postgres that demands SCRAM of everybody, with a role that may look secrets up.
func secretive(t *testing.T, settings map[string]string) *pgtest.Server {
	t.Helper()
	server := pgtest.Start(t, pgtest.Options{
		Version: versions()[len(versions())-1], Auth: "scram-sha-256", Databases: []string{"app"}, Settings: settings,
		Roles: []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "other", Password: "secret"}, {Name: "pooler", Password: "asks"}},
	})
	for _, database := range []string{"postgres", "app"} {
		if err := server.Exec(within(t), database,
			"CREATE SCHEMA pooler",
			"CREATE FUNCTION pooler.lookup(name text) RETURNS TABLE (usename name, passwd text) LANGUAGE sql SECURITY DEFINER "+
				"SET search_path = pg_catalog AS 'SELECT usename, passwd FROM pg_shadow WHERE usename = name'",
			"GRANT USAGE ON SCHEMA pooler TO pooler",
			"REVOKE ALL ON FUNCTION pooler.lookup FROM PUBLIC", "GRANT EXECUTE ON FUNCTION pooler.lookup TO pooler",
		); err != nil {
			t.Fatal(err)
		}
	}
	return server
}

const lookUp = "query \"SELECT usename, passwd FROM pooler.lookup($1)\"\nquery_user pooler asks\n"

func TestAuthQueryLetsUsersInWithTheirVerifiersAlone(t *testing.T) {
	server := secretive(t, nil)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("Postgres looks its users up itself")
			}
			// No server_user: the key that each client's own login proves logs us in to its servers.
			p := startPooler(t, driver, server, settings{Auth: lookUp + "query_ttl 1s"})
			for _, user := range []string{"app", "other"} {
				if err := canLogIn(t, p.dsn(user)); err != nil {
					t.Fatalf("%s: %v", user, err)
				}
			}
			for _, dsn := range []string{pgtest.DSN(p.Addr, "app", "wrong", "app"), pgtest.DSN(p.Addr, "nobody", "secret", "app")} {
				if err := canLogIn(t, dsn); err == nil || !strings.Contains(err.Error(), "28P01") {
					t.Errorf("got %v, want 28P01", err)
				}
			}

			alter := func(sql string) {
				t.Helper()
				if err := server.Exec(within(t), "postgres", sql); err != nil {
					t.Fatal(err)
				}
			}
			alter("ALTER ROLE other PASSWORD 'new'")
			eventually(t, "the new password works, without a reload", func() error {
				return canLogIn(t, pgtest.DSN(p.Addr, "other", "new", "app"))
			})
			if err := canLogIn(t, p.dsn("other")); err == nil {
				t.Error("the old password still works")
			}
			// VALID UNTIL, which the query does not ask for (trap 35).
			alter("ALTER ROLE other VALID UNTIL '2020-01-01'")
			eventually(t, "the password has expired", func() error {
				if err := canLogIn(t, pgtest.DSN(p.Addr, "other", "new", "app")); err == nil || !strings.Contains(err.Error(), "28P01") {
					return fmt.Errorf("got %v, want 28P01", err)
				}
				return nil
			})
			alter("ALTER ROLE other VALID UNTIL 'infinity' PASSWORD 'secret'")
			eventually(t, "and is valid again", func() error { return canLogIn(t, p.dsn("other")) })
		})
	}
}

// CVE-2025-12819: what a client asks its session to be set to must not decide what the pooler's own query means.
func TestTrap34AHostileSearchPathCannotCaptureTheAuthQuery(t *testing.T) {
	server := secretive(t, nil)
	if err := server.Exec(within(t), "app",
		"CREATE SCHEMA evil", "GRANT ALL ON SCHEMA evil TO PUBLIC",
		"CREATE VIEW evil.pg_shadow AS SELECT 'victim'::name AS usename, 'plain'::text AS passwd",
		"CREATE FUNCTION evil.equal(name, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
		"CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.equal)",
		"GRANT SELECT ON evil.pg_shadow TO PUBLIC", "GRANT pg_read_all_data TO pooler",
	); err != nil {
		t.Fatal(err)
	}
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("Postgres looks its users up itself")
			}
			p := startPooler(t, driver, server, settings{
				Auth: "method plain\nquery \"SELECT usename, passwd FROM pg_shadow WHERE usename = $1\"\nquery_user postgres {env.PGMUX_TEST_PASSWORD}\nquery_database app",
			})
			if err := server.Exec(within(t), "postgres", "ALTER ROLE postgres PASSWORD 'secret'"); err != nil {
				t.Fatal(err)
			}
			for _, options := range []string{"-c search_path=evil,pg_catalog", "-c search_path=evil"} {
				_, err := tryLogin(t, p.Addr, "victim", "plain", "search_path", "evil, pg_catalog", "options", options)
				if err == nil || !strings.Contains(err.Error(), "28P01") {
					t.Errorf("a user whom only the hostile schema has: %v, want 28P01", err)
				}
			}
			if _, err := tryLogin(t, p.Addr, "app", "secret", "options", "-c search_path=evil"); err != nil {
				t.Errorf("an honest user with that search_path: %v", err)
			}
		})
	}
}

// A storm of logins of one user asks Postgres once.
func TestAuthQueryIsAskedOnceForAStorm(t *testing.T) {
	server := secretive(t, map[string]string{"log_connections": "on", "log_statement": "all"})
	for _, driver := range drivers()[:1] {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("Postgres looks its users up itself")
			}
			p := startPooler(t, driver, server, settings{Auth: lookUp + "query_ttl 10m", Pool: "pool_size 5"})
			before := strings.Count(server.Log(), "pooler.lookup")
			failed := make(chan error, 200)
			for range cap(failed) {
				go func() { failed <- canLogIn(t, p.dsn("app")) }()
			}
			for range cap(failed) {
				if err := <-failed; err != nil {
					t.Fatal(err)
				}
			}
			if n := strings.Count(server.Log(), "pooler.lookup") - before; n != 1 {
				t.Errorf("200 logins asked Postgres %d times, want once", n)
			}
		})
	}
}

func TestAuthQueryThatCannotBeAskedSaysSo(t *testing.T) {
	server := secretive(t, nil)
	for _, driver := range drivers()[:1] {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("Postgres looks its users up itself")
			}
			for what, auth := range map[string]string{
				"permission denied": "query \"SELECT usename, passwd FROM pg_shadow WHERE usename = $1\"\nquery_user pooler asks",
				"syntax error":      "query \"SELEC $1\"\nquery_user pooler asks",
				"password":          "query \"SELECT 1, $1\"\nquery_user pooler wrong",
			} {
				p := startPooler(t, driver, server, settings{Auth: auth})
				err := canLogIn(t, p.dsn("app"))
				if err == nil || !strings.Contains(err.Error(), "08006") {
					t.Errorf("%s: the client is told %v, want 08006", what, err)
				}
				eventually(t, "the operator is told why: "+what, func() error {
					if !strings.Contains(p.out.String(), what) {
						return fmt.Errorf("not in the log")
					}
					return nil
				})
				p.stop()
			}
		})
	}
}

// tryLogin logs in with a password in clear, as method plain asks for it, and with these startup parameters.
func tryLogin(t *testing.T, addr, user, password string, params ...string) (string, error) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "host=%s port=%s user=%s password=%s dbname=app sslmode=disable", addr[:strings.LastIndex(addr, ":")],
		addr[strings.LastIndex(addr, ":")+1:], user, password)
	for i := 0; i < len(params); i += 2 {
		fmt.Fprintf(&b, " %s='%s'", params[i], params[i+1])
	}
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	conn, err := pgx.Connect(ctx, b.String())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var who string
	err = conn.QueryRow(ctx, "SELECT current_user").Scan(&who)
	return who, err
}
