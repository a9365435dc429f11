package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Who only reads in a database, and who may not, by every Postgres at hand.
var readerCases = []struct {
	name string
	make []string
	want string // sort and name, sorted
}{
	{"nothing", nil, ""},
	{"functions of every kind", []string{
		`CREATE FUNCTION i(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
		`CREATE FUNCTION s(a int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN a; END'`,
		`CREATE FUNCTION v() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1'`,
		`CREATE FUNCTION "Odd name"(a int, b int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'`,
		`CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'`,
		`CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`},
		"reader Odd name, reader i, reader s, writer v"},
	{"who can be called like a column", []string{
		`CREATE TABLE t (a int)`,
		`CREATE FUNCTION a() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE FUNCTION b(t) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE FUNCTION c(t, int) RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE FUNCTION d(t, int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1'`},
		"unread b, unread d, writer a, writer b, writer c, writer d"},
	{"one of several by that name", []string{`CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
		`CREATE SCHEMA other`, `CREATE FUNCTION other.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`}, "writer f"},
	{"stable functions that call volatile ones", []string{
		`CREATE SEQUENCE q_seq`,
		`CREATE FUNCTION a() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT nextval('q_seq') $$`,
		`CREATE FUNCTION b() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN public.A(); END'`,
		`CREATE FUNCTION c() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT b(); END`,
		`CREATE FUNCTION d() RETURNS float LANGUAGE sql STABLE AS 'SELECT random()'`,
		`CREATE FUNCTION e() RETURNS float LANGUAGE sql STABLE AS 'SELECT 1 AS randomly'`},
		"reader e, writer a, writer b, writer c, writer d"},
	{"aggregates", []string{`CREATE FUNCTION v(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE FUNCTION i(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
		`CREATE AGGREGATE good (int) (sfunc = i, stype = int)`, `CREATE AGGREGATE bad (int) (sfunc = v, stype = int)`},
		"reader good, reader i, unread bad, writer bad, writer v"},
	{"views", []string{`CREATE FUNCTION v() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE TABLE t (a int)`, `CREATE VIEW plain AS SELECT * FROM t`, `CREATE VIEW calls AS SELECT v()`, `CREATE VIEW over AS SELECT * FROM calls`,
		`CREATE VIEW own AS SELECT random()`, `CREATE VIEW locks AS SELECT * FROM t FOR UPDATE`, `CREATE VIEW over_locks AS SELECT * FROM locks`,
		`CREATE VIEW barrier WITH (security_barrier) AS SELECT lower('A')`, `CREATE VIEW activity AS SELECT pid FROM pg_stat_activity`,
		`CREATE MATERIALIZED VIEW kept AS SELECT random()`, `CREATE VIEW over_kept AS SELECT * FROM kept`,
		`CREATE FUNCTION asks() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM calls'`,
		`CREATE RULE r AS ON INSERT TO t DO ALSO SELECT v()`},
		"unread relation activity, unread relation calls, unread relation locks, unread relation over, unread relation over_locks, unread relation own, writer asks, writer v"},
	{"policies", []string{`CREATE FUNCTION v() RETURNS bool LANGUAGE sql AS 'SELECT true'`, `CREATE TABLE plain (a int)`,
		`CREATE POLICY x ON plain USING (a = 1)`, `CREATE TABLE tenants (a text)`, `CREATE POLICY x ON tenants USING (a = current_setting('app.tenant'))`,
		`CREATE TABLE calls (a int)`, `CREATE POLICY x ON calls USING (v())`, `CREATE TABLE own (a int)`, `CREATE POLICY x ON own USING (random() > a)`,
		`CREATE VIEW over AS SELECT * FROM calls`, `CREATE TABLE checks (a int)`, `CREATE POLICY x ON checks FOR INSERT WITH CHECK (random() > a)`},
		"unread relation calls, unread relation over, unread relation own, writer v"},
	{"what a standby does not have, or has otherwise", []string{`CREATE UNLOGGED TABLE fast (a int)`, `CREATE VIEW over AS SELECT * FROM fast`,
		`CREATE TABLE parent (a int) PARTITION BY LIST (a)`, `CREATE UNLOGGED TABLE part PARTITION OF parent DEFAULT`,
		`CREATE SEQUENCE counter`, `CREATE TABLE t (id serial)`},
		"unread relation counter, unread relation fast, unread relation over, unread relation parent, unread relation part"},
	{"defaults, triggers, checks and indexes do not matter", []string{`CREATE FUNCTION v() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE TABLE t (a int DEFAULT v(), CHECK (v() > a))`, `CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW WHEN (v() > 1) EXECUTE FUNCTION g()`}, "writer v"},
	{"an operator", []string{`CREATE FUNCTION o(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE OPERATOR @@@+ (leftarg = int, rightarg = int, function = o)`}, "unread , writer o"},
	{"an operator that reads", []string{`CREATE FUNCTION o(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
		`CREATE OPERATOR @@@+ (leftarg = int, rightarg = int, function = o)`}, "reader o"},
	{"a cast", []string{`CREATE TYPE pair AS (a int, b int)`, `CREATE FUNCTION c(pair) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE CAST (pair AS int) WITH FUNCTION c(pair)`}, "unread , unread c, writer c"},
	{"domains", []string{`CREATE FUNCTION c(int) RETURNS bool LANGUAGE sql AS 'SELECT true'`,
		`CREATE DOMAIN good AS int CHECK (value > 0)`, `CREATE DOMAIN bad AS int CHECK (c(value))`}, "unread , unread c, writer c"},
	{"a domain that calls a function of Postgres", []string{`CREATE DOMAIN bad AS int CHECK (random() < value)`}, "unread "},
	{"too many", []string{`DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE FUNCTION f%s() RETURNS int LANGUAGE sql IMMUTABLE AS ''SELECT 1''',
		repeat('x', 50) || i); END LOOP; END $$`}, "incomplete"},
}

func TestPostgresIsAskedWhoReads(t *testing.T) {
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
		for _, test := range readerCases {
			t.Run(fmt.Sprintf("%d/%s", version, test.name), func(t *testing.T) {
				mustExec(t, conn, "BEGIN", "SET LOCAL check_function_bodies TO off")
				defer mustExec(t, conn, "ROLLBACK")
				mustExec(t, conn, test.make...)
				if got := askReaders(t, conn); got != test.want {
					t.Errorf("readers %s\nwant    %s", got, test.want)
				}
			})
		}
	}
}

// askReaders asks the question, and lists sorts and names of the answer.
func askReaders(t *testing.T, conn *pgconn.PgConn) string {
	t.Helper()
	begun := time.Now()
	results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("asked in %v", time.Since(begun))
	all := map[string]bool{}
	complete := false
	for _, result := range results {
		for _, row := range result.Rows {
			switch sort := string(row[0]); sort {
			case "reads":
				complete = true
			case "reader", "writer", "unread", "unread relation":
				for name := range strings.SplitSeq(string(row[1]), "\n") {
					all[sort+" "+name] = true
				}
			}
		}
	}
	if !complete {
		return "incomplete"
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}
