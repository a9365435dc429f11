package login

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Trap 34 (CVE-2025-12819): neither a client's settings nor those of the role and the database that ask reach the query.
func TestTrap34HostileSettingsDoNotReachTheAuthQuery(t *testing.T) {
	s := authPostgres(t, 0)
	run(t, s, "app", "CREATE SCHEMA evil",
		"CREATE TABLE evil.pg_shadow (usename name, passwd text)", "INSERT INTO evil.pg_shadow VALUES ('alice', 'captured'), ('mallory', 'captured')",
		"CREATE TABLE evil.pg_roles (rolname name, rolvaliduntil timestamptz)",
		"CREATE FUNCTION evil.same(name, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
		"CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.same)",
		"GRANT ALL ON SCHEMA evil TO PUBLIC", "GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC",
		"ALTER ROLE pooler SET search_path = evil, pg_catalog", "ALTER DATABASE app SET search_path = evil, pg_catalog",
		"ALTER ROLE pooler SET default_transaction_read_only = off", "ALTER ROLE pooler SET statement_timeout = 1")
	for name, value := range map[string]string{
		"PGOPTIONS": "-c search_path=evil", "PGUSER": "nobody", "PGPASSWORD": "wrong", "PGHOST": "127.0.0.9", "PGPORT": "1",
		"PGSERVICE": "missing", "PGSERVICEFILE": "/nonexistent", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/nonexistent",
		"PGREQUIREAUTH": "none", "PGTARGETSESSIONATTRS": "standby", "PGDATABASE": "nowhere", "PGAPPNAME": "evil",
		"PGCHANNELBINDING": "require", "PGMINPROTOCOLVERSION": "9",
	} {
		t.Setenv(name, value)
	}
	q, log := authQuery(t, s, queryOfShadow, nil)
	address, results := accepting(t, generous, Auth{Method: Plain, Credentials: q})
	for user, passwords := range map[string]map[string]bool{
		"alice": {"captured": false, "secret of alice": true}, "mallory": {"captured": false},
	} {
		for secret, lets := range passwords {
			done := make(chan struct{})
			go func() {
				defer close(done)
				Dial(withTimeout(t, generous), Target{
					Address: address, User: user, Database: "app", Secret: password(t, secret),
					Startup: []Setting{{"search_path", "evil, pg_catalog"}, {"options", "-c search_path=evil,pg_catalog"}},
				})
			}()
			a := result(t, results)
			if (a.client != nil) != lets {
				t.Errorf("%s with %q: %v", user, secret, a.err)
			}
			a.conn.Close()
			<-done
		}
	}
	for setting, want := range map[string]string{
		"search_path": "pg_catalog", "default_transaction_read_only": "on", "application_name": "pgmux_auth", "statement_timeout": "4s",
	} {
		probe, _ := authQuery(t, s, "SELECT $1, pg_catalog.current_setting('"+setting+"')", nil)
		mustLookup(t, probe, Identity{"anybody", "app"}, want, true)
	}
	if errs := log.all(); len(errs) > 0 {
		t.Errorf("told %q", errs)
	}
}

// Trap 35 (CVE-2025-2291): VALID UNTIL is honoured, whatever the query, and while an answer is remembered.
func TestTrap35ValidUntilIsHonoured(t *testing.T) {
	eachPostgres(t, func(t *testing.T, s *pgtest.Server) {
		run(t, s, "app", "SET DateStyle = 'ISO'",
			"CREATE ROLE past LOGIN PASSWORD 'x' VALID UNTIL '2001-02-03 04:05:06+00'",
			"CREATE ROLE bc LOGIN PASSWORD 'x' VALID UNTIL '0044-03-15 BC'",
			"CREATE ROLE minus LOGIN PASSWORD 'x' VALID UNTIL '-infinity'",
			"CREATE ROLE future LOGIN PASSWORD 'x' VALID UNTIL '2999-01-01'",
			"CREATE ROLE far LOGIN PASSWORD 'x' VALID UNTIL '12999-01-01'",
			"CREATE ROLE ever LOGIN PASSWORD 'x' VALID UNTIL 'infinity'",
			"CREATE ROLE unset LOGIN PASSWORD 'x'",
			"ALTER ROLE pooler SET DateStyle = 'SQL, DMY'", "ALTER ROLE pooler SET TimeZone = 'Asia/Kathmandu'")
		for _, query := range []string{"", queryOfShadow, "SELECT usename, passwd, valuntil FROM pg_shadow WHERE usename = $1"} {
			q, log := authQuery(t, s, query, func(c *AuthQueryConfig) { c.TTL = time.Hour })
			for user, why := range map[string]string{
				"past": "password expired at 2001-02-03T04:05:06Z", "bc": "password expired", "minus": "password expired",
				"future": "", "far": "", "ever": "", "unset": "",
			} {
				for _, method := range []Method{ScramSHA256, Plain} {
					state, cause := logInTo(t, method, q, "app", user, "x")
					if !strings.Contains(cause, why) || (why == "") != (state == "") || why != "" && state != invalidPassword {
						t.Errorf("%q: %s by %s: %s %s", query, user, method, state, cause)
					}
				}
			}
			if errs := log.all(); len(errs) > 0 {
				t.Errorf("told %q", errs)
			}
		}
	})
}
