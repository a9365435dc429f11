package engine

import (
	"context"
	"fmt"
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
		was := askBeginnings(t, conn)
		if was.loaded == "" || was.committed != "t" || len(was.roles) != 1 {
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
			if changed := now.of("postgres") != was.of("postgres"); changed != c.change {
				t.Errorf("%d: after %s it is another: %v", version, c.sql, changed)
			}
			was = now
		}
		makes := "DO $$ BEGIN FOR i IN %d..%d LOOP EXECUTE format('CREATE ROLE r%%s; ALTER ROLE r%%1$s SET work_mem TO 3072', i); END LOOP; END $$"
		mustExec(t, conn, fmt.Sprintf(makes, 1, 997)) // with those of others, of this role and of the one above there are as many rows as can be
		if was = askBeginnings(t, conn); len(was.roles) != 1000 || was.of("r5") == was.of("r6") || was.of("nobody") == was.of("r5") {
			t.Errorf("%d: of 999 roles: %d rows", version, len(was.roles))
		}
		mustExec(t, conn, fmt.Sprintf(makes, 998, 998))
		if was = askBeginnings(t, conn); len(was.roles) != 1 {
			t.Errorf("%d: of 1000 roles: %d rows", version, len(was.roles))
		}
		mustExec(t, conn, "ALTER ROLE r5 SET work_mem TO 4096")
		if now := askBeginnings(t, conn); now.of("r6") == was.of("r6") {
			t.Errorf("%d: of 1000 roles, nothing is told when one of them changes", version)
		}
	}
}

// askBeginnings asks the question, and takes of its answer what sessions begin with.
func askBeginnings(t *testing.T, conn *pgconn.PgConn) (got beginnings) {
	t.Helper()
	results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		for _, row := range result.Rows {
			got.add(string(row[0]), string(row[1]), string(row[2]))
		}
	}
	return got
}
