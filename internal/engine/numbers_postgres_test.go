package engine

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Postgres is asked who may draw from sequences, and who asks for what has been drawn.
func TestPostgresIsAskedWhoDrawsNumbers(t *testing.T) {
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
		for _, test := range []struct {
			name string
			make []string
			want []string // sorts and names, sorted
		}{
			{"a table that INSERT draws for", []string{"CREATE TABLE t (n serial, m int GENERATED ALWAYS AS IDENTITY)", "CREATE VIEW v AS SELECT n FROM t"}, nil},
			{"functions", []string{
				"CREATE SEQUENCE s",
				"CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('s') $$",
				"CREATE FUNCTION pure(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n'",
				"CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN PERFORM f(); END'",
				"CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM f(); RETURN NEW; END'",
			}, []string{"drawer f", "drawer p"}},
			{"views", []string{
				"CREATE SEQUENCE s", "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('s') $$",
				"CREATE VIEW v AS SELECT f()", "CREATE VIEW w AS SELECT nextval('s')", "CREATE VIEW over AS SELECT * FROM w", "CREATE VIEW innocent AS SELECT 1",
			}, []string{"drawer f", "drawer over", "drawer v", "drawer w"}},
			{"a trigger", []string{
				"CREATE TABLE t (n int)", "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER x AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
			}, []string{"writers "}},
			{"a rule", []string{"CREATE TABLE t (n int)", "CREATE RULE r AS ON UPDATE TO t DO ALSO INSERT INTO t VALUES (1)"}, []string{"writers "}},
			{"who asks", []string{
				"CREATE SEQUENCE s",
				"CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS $$ SELECT lastval() $$",
				"CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := currval('s'); RETURN NEW; END $$",
				"CREATE TABLE fired (n bigint)", "CREATE TRIGGER x BEFORE INSERT ON fired FOR EACH ROW EXECUTE FUNCTION g()",
				"CREATE TABLE defaults (n bigint DEFAULT currval('s'))", "CREATE VIEW v AS SELECT lastval() AS n", "CREATE VIEW over AS SELECT f(), n FROM v",
			}, []string{"drawer f", "drawer over", "name defaults", "name f", "name fired", "name g", "name over", "name v", "writers "}},
		} {
			t.Run(test.name, func(t *testing.T) {
				mustExec(t, conn, "BEGIN")
				defer mustExec(t, conn, "ROLLBACK")
				mustExec(t, conn, test.make...)
				results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, row := range results[len(results)-1].Rows {
					if sort := string(row[0]); sort != "changes" {
						got = append(got, sort+" "+string(row[1]))
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, test.want) {
					t.Errorf("%d: %q\nwant %q", version, got, test.want)
				}
			})
		}
	}
}
