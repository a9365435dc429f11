package engine

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// The answer to the question tells that somebody else has changed the columns of a table; and nothing of the kind where nobody
// has.
func TestTheCatalogTellsOfChangesElsewhere(t *testing.T) {
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, version := range pgtest.Versions() {
		server := pgtest.Start(t, pgtest.Options{Version: version, Databases: []string{"app"}})
		connect := func() *pgconn.PgConn {
			conn, err := pgconn.Connect(context.Background(), server.SuperDSN("app"))
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		elsewhere := func(sql string) {
			conn := connect()
			mustExec(t, conn, sql)
			conn.Close(context.Background()) // from then on its changes are counted
		}
		conn := connect()
		defer conn.Close(context.Background())
		var known catalog
		changed := func() bool { return known.changed("pg:5432", countOf(t, conn)) }

		elsewhere("CREATE TABLE t (a int)")
		if changed() {
			t.Errorf("%d: the first answer is no change", version)
		}
		for _, sql := range []string{"ALTER TABLE t ADD b int", "ALTER TABLE t ALTER b TYPE text", "ALTER TABLE t RENAME b TO c", "ALTER TABLE t DROP c",
			"CREATE VIEW v AS SELECT a FROM t", "CREATE OR REPLACE VIEW v AS SELECT a, a AS b FROM t",
			"CREATE FUNCTION f() RETURNS TABLE (x int) LANGUAGE sql AS 'SELECT 1'"} {
			elsewhere(sql)
			for deadline := time.Now().Add(time.Minute); !changed(); {
				if time.Now().After(deadline) {
					t.Errorf("%d: nothing tells of %s", version, sql)
					break
				}
			}
		}
		elsewhere("INSERT INTO t VALUES (1); ANALYZE t; SET work_mem = '7MB'; SELECT * FROM v")
		if changed() {
			t.Errorf("%d: what changes no columns is told", version)
		}
	}
}

func countOf(t *testing.T, conn *pgconn.PgConn) (count string) {
	t.Helper()
	results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range results[len(results)-1].Rows {
		if string(row[0]) == "changes" {
			count = string(row[1])
		}
	}
	if count == "" {
		t.Fatal("the answer tells of no count")
	}
	return count
}
