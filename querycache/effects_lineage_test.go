package querycache_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestEffects is the table of what statements may change, by every Postgres at hand; and they are run there: each table that has changed
// is one that was to be expected.
func TestEffects(t *testing.T) {
	onEveryPostgres(t, func(t *testing.T, version int, conn *pgconn.PgConn) {
		l := makeSchema(t, conn)
		d := readDecisions(t, "effects.txt")
		d.each(t, func(statement, want string) string {
			tables, all := l.Writes(classified(t, statement))
			got := shown(tables, "")
			if all {
				got = "! everything"
			}
			d.check(t, statement, got, want)
			t.Run(fmt.Sprintf("%d/%s", version, statement), func(t *testing.T) {
				for _, name := range changed(t, conn, statement) {
					if !all && !slices.Contains(tables, name) {
						t.Errorf("it changes %s, and not only %s", name, got)
					}
				}
			})
			return got
		})
	})
}

// changed is the names of the tables that a statement changes, which is taken back. Who fails changes nothing.
func changed(t *testing.T, conn *pgconn.PgConn, statement string) []string {
	if strings.HasPrefix(statement, "COPY") || strings.HasPrefix(statement, "VACUUM") || statement == "BEGIN" {
		return nil
	}
	defer answer(conn, "ROLLBACK")
	answer(conn, "BEGIN")
	before := contents(t, conn)
	if failed := answer(conn, statement); strings.Contains(failed, "ERROR") {
		if !strings.Contains(failed, "does not exist") {
			t.Logf("it fails: %s", failed)
		}
		return nil
	}
	after := contents(t, conn)
	different := map[string]bool{}
	for place, was := range before {
		if after[place] != was {
			different[strings.TrimPrefix(place, "second.")] = true
		}
	}
	return slices.Sorted(maps.Keys(different))
}

// contents is a hash of every table, and of every materialized view.
func contents(t *testing.T, conn *pgconn.PgConn) map[string]string {
	var question []string
	for _, row := range run(t, conn, `SELECT oid::regclass::text, CASE WHEN relnamespace = 'second'::regnamespace THEN 'second.' ELSE '' END || relname
		FROM pg_class WHERE relkind IN ('r', 'm') AND relpersistence <> 't' AND relnamespace IN ('public'::regnamespace, 'second'::regnamespace)`) {
		question = append(question, fmt.Sprintf("SELECT '%s', md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM ONLY %s t", row[1], row[0]))
	}
	all := map[string]string{}
	for _, row := range run(t, conn, strings.Join(question, " UNION ALL ")) {
		all[string(row[0])] = string(row[1])
	}
	return all
}
