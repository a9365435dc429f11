package querycache_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// onEveryPostgres runs a test on a database of every version at hand.
func onEveryPostgres(t *testing.T, f func(t *testing.T, version int, conn *pgconn.PgConn)) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, version := range pgtest.Versions() {
		server := pgtest.Start(t, pgtest.Options{Version: version, Databases: []string{"app"}})
		conn, err := pgconn.Connect(context.Background(), server.SuperDSN("app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		f(t, version, conn)
	}
}

// ask asks the question, behind another statement, as an engine does.
func ask(t *testing.T, conn *pgconn.PgConn) *querycache.Lineage {
	t.Helper()
	begun := time.Now()
	results, err := conn.Exec(context.Background(), "SET LOCAL jit TO off;"+querycache.Question).ReadAll()
	if err != nil {
		t.Fatalf("asking: %v", err)
	}
	rows := results[len(results)-1].Rows
	var b querycache.LineageBuilder
	bytes, longest := 0, 0
	for _, row := range rows {
		n := 0
		for _, c := range row {
			n += len(c) + 4
		}
		bytes, longest = bytes+n, max(longest, n)
		b.Row(row)
	}
	t.Logf("asked in %v: %d rows, %d bytes, the longest of %d", time.Since(begun), len(rows), bytes, longest)
	if longest > 8<<10 {
		t.Errorf("a row has %d bytes", longest)
	}
	return b.Done()
}

func run(t *testing.T, conn *pgconn.PgConn, statements ...string) [][][]byte {
	t.Helper()
	var rows [][][]byte
	for _, sql := range statements {
		results, err := conn.Exec(context.Background(), sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		rows = results[len(results)-1].Rows
	}
	return rows
}

// shadows is a schema in which nothing is what it seems.
const shadows = `CREATE SCHEMA shadows;
	CREATE TABLE shadows.pg_class (oid oid); CREATE TABLE shadows.pg_proc (oid oid); CREATE TABLE shadows.pg_depend (classid oid);
	CREATE FUNCTION shadows.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
	CREATE FUNCTION shadows.strpos(text, text) RETURNS int LANGUAGE sql AS 'SELECT 0';
	CREATE FUNCTION shadows.left(text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
	CREATE AGGREGATE shadows.count(*) (sfunc = int8inc, stype = int8, initcond = '77');
	CREATE DOMAIN shadows.text AS pg_catalog.text CHECK (VALUE = 'x'); CREATE DOMAIN shadows.oid AS int CHECK (VALUE = 0)`

// TestTheSessionDoesNotMatter: the answer is the same whatever the session that is asked is set to, and whoever it is.
func TestTheSessionDoesNotMatter(t *testing.T) {
	onEveryPostgres(t, func(t *testing.T, version int, conn *pgconn.PgConn) {
		run(t, conn, "CREATE ROLE nobody", shadows, `CREATE TABLE a (id int); CREATE VIEW v AS SELECT now(), * FROM a`,
			`CREATE FUNCTION f() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM v'`)
		want := ask(t, conn).Sum()
		for _, settings := range []string{"", "SET search_path TO shadows, pg_catalog", "SET standard_conforming_strings TO off", "SET quote_all_identifiers TO on",
			"SET ROLE nobody", "SET search_path TO ''", "SET client_encoding TO latin1", "SET default_transaction_read_only TO on"} {
			if settings != "" && !(version >= 19 && strings.Contains(settings, "conforming")) {
				run(t, conn, settings)
			}
			if got := ask(t, conn).Sum(); got != want || got == 0 {
				t.Errorf("with %s the sum is %x, and not %x", settings, got, want)
			}
			run(t, conn, "RESET ALL", "RESET ROLE")
		}
		for _, change := range []string{"CREATE TABLE b (id int)", "CREATE OR REPLACE VIEW v AS SELECT now(), id FROM a WHERE id > 1",
			`CREATE OR REPLACE FUNCTION f() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT sum(1) FROM v'`, "ALTER TABLE a RENAME TO c", "ALTER FUNCTION f() VOLATILE"} {
			run(t, conn, change)
			if got := ask(t, conn).Sum(); got == want {
				t.Errorf("%s does not change the sum", change)
			} else {
				want = got
			}
		}
	})
}

// TestALargeCatalog: how long Postgres takes for a large catalog is for people to see; the number of rows is not.
func TestALargeCatalog(t *testing.T) {
	const make = `DO $$ BEGIN
		FOR i IN 1..10000 LOOP EXECUTE format('CREATE TABLE table_%s (id int, other int, at timestamptz DEFAULT now())', i); END LOOP;
		FOR i IN 1..1000 LOOP EXECUTE format('ALTER TABLE table_%s ADD PRIMARY KEY (id)', i); END LOOP;
		FOR i IN 2..1000 LOOP EXECUTE format('ALTER TABLE table_%s ADD FOREIGN KEY (other) REFERENCES table_%s ON DELETE CASCADE', i, i / 2); END LOOP;
		FOR i IN 1..500 LOOP EXECUTE format('CREATE VIEW view_%s AS SELECT lower(x.id::text) AS a, y.at FROM table_%s x JOIN table_%s y USING (id)', i, i, i + 1); END LOOP;
		FOR i IN 1..1000 LOOP EXECUTE format('CREATE FUNCTION function_%s() RETURNS bigint STABLE LANGUAGE plpgsql AS %L', i,
			'BEGIN ' || repeat(format('PERFORM count(*) FROM table_%s JOIN view_%s USING (id) WHERE random_words > to_be_skipped; ', i, i), 20) || 'END'); END LOOP;
		END $$`
	if testing.Short() || len(pgtest.Versions()) == 0 {
		t.Skip("makes 10,000 tables")
	}
	server := pgtest.Start(t, pgtest.Options{Databases: []string{"app"}, Settings: map[string]string{"max_locks_per_transaction": "1024"}})
	conn, err := pgconn.Connect(context.Background(), server.SuperDSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	run(t, conn, make, "ANALYZE")
	l := ask(t, conn)
	if l == nil {
		t.Fatal("there is no lineage")
	}
	tables, all := l.Writes(&sql.Facts{Traits: sql.Understood, Written: []string{"table_1"}}, nil)
	if len(tables) != 1000 || all {
		t.Errorf("who writes to the first writes to %d, everything is %v", len(tables), all)
	}
}
