package engine

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// What sessions of a role begin with has another hash when it changes, by whatever road, and not when anything else does.
func TestPostgresIsAskedWhatSessionsBeginWith(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, version := range pgtest.Versions() {
		server := pgtest.Start(t, pgtest.Options{Version: version, Databases: []string{"app", "other"}})
		conn, err := pgconn.Connect(context.Background(), server.SuperDSN("app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		mustExec(t, conn, "CREATE ROLE another")
		me := beginning{sort: beginsRole, role: "postgres"}
		was := askBeginnings(t, conn)
		if was[me] == "" || was[beginning{sort: beginsLoaded}] == "" {
			t.Fatalf("%d: there is something missing in %v", version, was)
		}
		for _, c := range []struct {
			sql    string
			change bool
		}{
			{"SET TimeZone TO 'Asia/Tokyo'", false}, {"SET search_path TO nosuch", false}, {"SET DateStyle TO German", false},
			{"ALTER ROLE another SET work_mem TO '1MB'", false}, {"ALTER DATABASE other SET work_mem TO '1MB'", false},
			{"ALTER ROLE postgres IN DATABASE other SET work_mem TO '1MB'", false},
			{"ALTER ROLE postgres SET work_mem TO '1MB'", true}, {"ALTER ROLE postgres SET work_mem TO '1MB'", false},
			{"ALTER ROLE postgres SET work_mem TO '2MB'", true}, {"ALTER DATABASE app SET work_mem TO '2MB'", true},
			{"ALTER ROLE postgres IN DATABASE app SET work_mem TO '2MB'", true}, {"ALTER ROLE ALL SET work_mem TO '2MB'", true},
			{"ALTER ROLE postgres RESET ALL", true}, {"ALTER ROLE ALL RESET work_mem", true},
		} {
			mustExec(t, conn, c.sql)
			now := askBeginnings(t, conn)
			if changed := now[me] != was[me]; changed != c.change {
				t.Errorf("%d: after %s it is another: %v", version, c.sql, changed)
			}
			was = now
		}
	}
}

// askBeginnings asks the question, and takes of its answer what sessions begin with.
func askBeginnings(t *testing.T, conn *pgconn.PgConn) map[beginning]string {
	t.Helper()
	results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[beginning]string{}
	for _, result := range results {
		for _, row := range result.Rows {
			if b := (beginning{sort: string(row[0]), role: string(row[1])}); b.isOne() {
				got[b] = string(row[2])
			}
		}
	}
	return got
}
