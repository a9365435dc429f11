package sql

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// What this package says of settings and of the statements of a text is what every Postgres at hand does.
func TestPostgresAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, version := range pgtest.Versions() {
		server := pgtest.Start(t, pgtest.Options{Version: version, Databases: []string{"app"},
			Roles:    []pgtest.Role{{Name: "bob", Superuser: true}, {Name: "carol", Superuser: true}}, // they see every setting
			Settings: map[string]string{"log_min_messages": "error"}})
		for name, test := range map[string]func(*testing.T, *pgconn.PgConn){
			"what is named changes": namedChanges, "reset all": resetsAll, "statements are counted": countsStatements,
		} {
			t.Run(fmt.Sprintf("%d/%s", version, name), func(t *testing.T) {
				conn, err := pgx.Connect(context.Background(), server.SuperDSN("app"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(context.Background())
				test(t, conn.PgConn())
			})
		}
	}
}

// run is one result for each statement of the text.
func run(t *testing.T, conn *pgconn.PgConn, text string) []*pgconn.Result {
	t.Helper()
	results, err := conn.Exec(context.Background(), text).ReadAll()
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return slices.DeleteFunc(results, func(r *pgconn.Result) bool { return r.CommandTag.String() == "" })
}

// settings is what Postgres says of every setting of the session, also of those that pg_settings leaves out. The
// characteristics of the transaction that asks are none.
func settings(t *testing.T, conn *pgconn.PgConn) map[string]string {
	t.Helper()
	text := `SELECT lower(name), coalesce(setting, 'null') FROM pg_settings
		WHERE name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')`
	for _, hidden := range []string{
		"role", "session_authorization", "app.tenant", "app.tenant.id", "session.x", "characteristics.x", "local.x",
		"time.zone", "transaction.isolation",
	} {
		text += fmt.Sprintf(" UNION SELECT '%s', coalesce(current_setting('%[1]s', true), '')", hidden)
	}
	all := map[string]string{}
	for _, row := range run(t, conn, text)[0].Rows {
		all[string(row[0])] = string(row[1])
	}
	return all
}

// differing is the names of the settings that differ.
func differing(a, b map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] != b[name] {
			names = append(names, name)
		}
	}
	return names
}

// namedChanges: every form changes the very settings that are named, and no other.
func namedChanges(t *testing.T, conn *pgconn.PgConn) {
	for _, c := range changing {
		run(t, conn, "DISCARD ALL")
		run(t, conn, c.before)
		before := settings(t, conn)
		run(t, conn, c.text)
		var want []string
		for _, change := range scan(c.text).Changes() {
			want = append(want, string(change.Name))
		}
		slices.Sort(want)
		if got := differing(before, settings(t, conn)); !slices.Equal(got, want) {
			t.Errorf("%q after %q: Postgres changes %q, want %q", c.text, c.before, got, want)
		}
	}
}

// resetsAll: RESET ALL leaves role and session_authorization alone, DISCARD ALL does not.
func resetsAll(t *testing.T, conn *pgconn.PgConn) {
	first := settings(t, conn)
	run(t, conn, "SET SESSION AUTHORIZATION bob; SET ROLE carol; SET work_mem = '1MB'; SET app.tenant = 1")
	run(t, conn, "RESET ALL")
	if got := differing(first, settings(t, conn)); !slices.Equal(got, []string{"role", "session_authorization"}) {
		t.Errorf("RESET ALL leaves %q", got)
	}
	run(t, conn, "DISCARD ALL")
	if got := differing(first, settings(t, conn)); got != nil {
		t.Errorf("DISCARD ALL leaves %q", got)
	}
}

// countsStatements: Postgres answers as many as are counted, and takes another one where a change ends.
func countsStatements(t *testing.T, conn *pgconn.PgConn) {
	const seed = 4
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var text string
		for range 1 + random.IntN(8) {
			text += pieces[random.IntN(len(pieces))] + ";"
		}
		if random.IntN(2) == 0 {
			text = text[:len(text)-1]
		}
		st := scan(text)
		n := len(run(t, conn, text))
		if st.Effects.Has(Unknown|SetsUnknown) || st.Effects.Has(Multi) != (n > 1) || st.Single() != (n == 1) {
			t.Errorf("seed %d: %q has %d statements to Postgres, and %v", seed, text, n, st.Effects)
		}
		for _, c := range st.Changes() {
			results := run(t, conn, text[:c.End]+"; SELECT 1 AS probe"+text[c.End:])
			if len(results) != n+1 || !isProbe(results[c.Statement+1]) {
				t.Errorf("seed %d: %q: behind statement %d, at %d, is no place for another", seed, text, c.Statement, c.End)
			}
		}
	}
}

// pieces are what texts of many statements are made of.
var pieces = []string{
	"", " ", "-- ;\n", "/* ; /* ; */ */", "SELECT 1", "(SELECT 1) -- ;\n", "VALUES (';'), ($$;$$)", `SELECT 1 AS ";"`,
	"EXPLAIN (COSTS off) SELECT 1", "EXPLAIN (SELECT 1)", "EXPLAIN ANALYZE VERBOSE SELECT 1 /* ; */", "SHOW work_mem",
	"DO $$ BEGIN PERFORM 1; END $$", "CREATE TEMP TABLE IF NOT EXISTS t (a int); DROP TABLE t", "BEGIN", "COMMIT",
	"SET app.tenant = 1", "set SESSION work_mem TO '1MB' /* c */", "SET TIME ZONE -7 -- ;\n", "RESET work_mem",
	"SET application_name = E'\\';' -- a\n ';'", "RESET ALL /* ; */ -- c\n",
	"SELECT set_config('work_mem', ';', false) WHERE false",
	"EXPLAIN SELECT set_config('app.tenant', $_$;$_$, false) -- ;\n",
}

func isProbe(r *pgconn.Result) bool {
	return len(r.FieldDescriptions) == 1 && r.FieldDescriptions[0].Name == "probe"
}
