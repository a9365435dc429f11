package querycache_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestEligibility is the table of what is cached, by every Postgres at hand; and Postgres says whether it is right:
//
//  1. Asked twice, in two transactions, as somebody whom row security is about, a cached read answers the same.
//  2. Emptied of all but the tables that it depends on, the database answers the same.
//  3. What its plan reads from is among them.
//  4. It calls no volatile function.
func TestEligibility(t *testing.T) {
	onEveryPostgres(t, func(t *testing.T, version int, conn *pgconn.PgConn) {
		l := makeSchema(t, conn)
		d := readDecisions(t, "eligibility.txt")
		cached, refused := 0, 0
		d.each(t, func(statement, want string) string {
			facts, form := classified(t, statement)
			tables, why := l.Reads(facts, form)
			got := shown(tables, why.String())
			d.check(t, statement, got, want)
			if why != 0 {
				refused++
				return got
			}
			cached++
			t.Run(fmt.Sprintf("%d/%s", version, statement), func(t *testing.T) {
				justify(t, conn, statement, tables)
				justifyFunctions(t, conn, facts.Functions)
			})
			return got
		})
		t.Logf("%d are cached, %d are not", cached, refused)
	})
}

// ownTables is the tables of schema.sql.
const ownTables = `SELECT relname, oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'second'::regnamespace)`

// justify has Postgres say that a read depends on no more than these tables.
func justify(t *testing.T, conn *pgconn.PgConn, statement string, tables []string) {
	statement = strings.ReplaceAll(statement, "$1", "1")
	as := "BEGIN; SET LOCAL ROLE reader; "
	before := answer(conn, as+statement+"; COMMIT")
	answer(conn, "ROLLBACK")
	if strings.Contains(before, "ERROR") {
		t.Errorf("it fails: %s", before)
	}
	if after := answer(conn, as+statement+"; COMMIT"); after != before {
		t.Errorf("it answers\n%s, then\n%s", before, after)
	}
	empty := "BEGIN; SET LOCAL session_replication_role TO replica; "
	for _, row := range run(t, conn, ownTables) {
		if !slices.Contains(tables, string(row[0])) && !strings.Contains(string(row[0]), "größe") {
			empty += "DELETE FROM ONLY " + string(row[1]) + "; "
		}
	}
	if after := answer(conn, empty+"SET LOCAL ROLE reader; "+statement+"; ROLLBACK"); after != before {
		t.Errorf("without what it does not depend on, it answers\n%s, and not\n%s", after, before)
	}
	answer(conn, "ROLLBACK")
	for _, name := range planned(t, conn, statement) {
		if !slices.Contains(tables, name) {
			t.Errorf("its plan reads from %s", name)
		}
	}
}

// planned is the relations of a statement's plan.
func planned(t *testing.T, conn *pgconn.PgConn, statement string) (names []string) {
	var plan any
	if err := json.Unmarshal(run(t, conn, "EXPLAIN (VERBOSE, FORMAT JSON) "+statement)[0][0], &plan); err != nil {
		t.Fatal(err)
	}
	var look func(any)
	look = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				look(item)
			}
		case map[string]any:
			if name, ok := v["Relation Name"].(string); ok {
				names = append(names, name)
			}
			for _, item := range v {
				look(item)
			}
		}
	}
	look(plan)
	return names
}

func justifyFunctions(t *testing.T, conn *pgconn.PgConn, functions []string) {
	for _, row := range run(t, conn, "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND proname IN ('"+strings.Join(functions, "','")+"')") {
		t.Errorf("%s is volatile", row[0])
	}
}
