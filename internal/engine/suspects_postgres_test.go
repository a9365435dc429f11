package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// What is suspected of a database, by every Postgres at hand, and what is not.
var suspectCases = []struct {
	name string
	// make defines something; want is who is suspected of it, with the kinds of state, besides what those before it left.
	make []string
	want map[string]session.Pins
}{
	{"set_config", []string{`CREATE FUNCTION f(v text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', v, false) $$`},
		map[string]session.Pins{"f": session.PinSettings}},
	{"set_config for the transaction alone", []string{
		`CREATE FUNCTION f(v text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', v, true) $$`}, nil},
	{"SET", []string{`CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN -- why
	 SET work_mem = '7MB'; END $$`}, map[string]session.Pins{"f": session.PinSettings}},
	{"SET behind other things", []string{`CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF true THEN /* why */ Set Role x; END IF; END $$`},
		map[string]session.Pins{"f": session.PinSettings}},
	{"RESET", []string{`CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RESET ALL; END $$`},
		map[string]session.Pins{"f": session.PinSettings}},
	{"SET LOCAL, and the SET of an UPDATE", []string{`CREATE TABLE t (a int)`,
		`CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET LOCAL work_mem = '7MB'; UPDATE t SET a = 1; UPDATE t AS x SET a = 2; END $$`}, nil},
	{"SQL that is read where it is defined", []string{
		`CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT set_config('work_mem', '7MB', false); END`},
		map[string]session.Pins{"f": session.PinSettings}},
	{"settings of one's own", []string{
		`CREATE FUNCTION f(v text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('My.Tenant', v, false) $$`,
		`CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET SESSION my.deep.name = 'x'; END $$`},
		map[string]session.Pins{"f": session.PinSettings, "g": session.PinSettings, "(setting) my.tenant": 0, "(setting) my.deep.name": 0}},
	{"locks", []string{`CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'`,
		`CREATE FUNCTION g() RETURNS bool LANGUAGE sql AS 'SELECT pg_advisory_unlock(1)'`,
		`CREATE FUNCTION h() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_xact_lock(1)'`},
		map[string]session.Pins{"f": session.PinLock, "g": session.PinLock}},
	{"other state", []string{
		`CREATE FUNCTION a() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE x (a int); END $$`,
		`CREATE FUNCTION b() RETURNS void LANGUAGE plpgsql AS $$ BEGIN LISTEN x; END $$`,
		`CREATE FUNCTION c() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM setseed(0.5); END $$`,
		`CREATE FUNCTION d() RETURNS void LANGUAGE plpgsql AS $$ BEGIN LOAD 'plpgsql'; END $$`},
		map[string]session.Pins{"a": session.PinTemp, "b": session.PinListen, "c": session.PinSeed, "d": session.PinLoad}},
	{"dynamic SQL", []string{`CREATE FUNCTION f(v text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE v; END $$`,
		`CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'PREPARE x AS SELECT 1'; END $$`,
		`CREATE FUNCTION h() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE x CURSOR WITH HOLD FOR SELECT 1'; END $$`},
		map[string]session.Pins{"f": hiddenInDynamic, "g": hiddenInDynamic, "h": hiddenInDynamic}},
	{"nested two deep", []string{`CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'`,
		`CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM public.f(); END'`,
		`CREATE FUNCTION h() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM G(); END'`,
		`CREATE FUNCTION i() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM ggg(); END'`},
		map[string]session.Pins{"f": session.PinLock, "g": session.PinLock, "h": session.PinLock}},
	{"tables", []string{`CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', '7MB', false) $$`,
		`CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(1); RETURN NEW; END $$`,
		`CREATE TABLE innocent (a int)`, `CREATE INDEX ON innocent (a)`,
		`CREATE TABLE triggers (a int PRIMARY KEY)`, `CREATE TRIGGER x BEFORE INSERT ON triggers FOR EACH ROW EXECUTE FUNCTION g()`,
		`CREATE TABLE defaults (a text DEFAULT f())`, `CREATE TABLE checks (a text CHECK (f() <> a))`,
		`CREATE TABLE policies (a text)`, `CREATE POLICY x ON policies USING (f() <> '')`,
		`CREATE VIEW over_triggers AS SELECT * FROM triggers`, `CREATE VIEW over_it AS SELECT * FROM over_triggers`,
		`CREATE TABLE rules (a int)`, `CREATE RULE x AS ON INSERT TO rules DO ALSO SELECT f()`,
		`CREATE FUNCTION uses() RETURNS void LANGUAGE sql AS 'INSERT INTO defaults DEFAULT VALUES'`,
		`CREATE TABLE partitioned (a int) PARTITION BY LIST (a)`, `CREATE TABLE part PARTITION OF partitioned DEFAULT`,
		`CREATE TRIGGER x BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION g()`,
		`CREATE TABLE parent (a int PRIMARY KEY)`, `CREATE TABLE child (a int REFERENCES parent ON DELETE CASCADE)`,
		`CREATE TRIGGER x BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION g()`},
		map[string]session.Pins{"f": session.PinSettings, "g": session.PinLock, "triggers": session.PinLock, "defaults": session.PinSettings,
			"checks": session.PinSettings, "policies": session.PinSettings, "over_triggers": session.PinLock, "over_it": session.PinLock,
			"rules": session.PinSettings, "uses": session.PinSettings, "partitioned": session.PinLock, "part": session.PinLock,
			"parent": session.PinLock, "child": session.PinLock}},
	{"functions of Postgres, called from expressions", []string{
		`CREATE VIEW v AS SELECT set_config('work_mem', '7MB', false)`, `CREATE TABLE d (a bool DEFAULT pg_try_advisory_lock(1))`,
		`CREATE TABLE p (a text)`, `CREATE POLICY x ON p USING (set_config('work_mem', '7MB', false) <> '')`,
		`CREATE VIEW innocent AS SELECT current_setting('work_mem')`},
		map[string]session.Pins{"v": session.PinSettings, "d": session.PinLock, "p": session.PinSettings}},
	{"who notifies", []string{
		`CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT pg_notify('a', 'x') $$`,
		`CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY a; RETURN NEW; END $$`,
		`CREATE FUNCTION innocent() RETURNS text LANGUAGE sql AS $$ SELECT 'notification' $$`,
		`CREATE TABLE triggers (a int)`, `CREATE TRIGGER x AFTER INSERT ON triggers FOR EACH ROW EXECUTE FUNCTION g()`,
		`CREATE VIEW v AS SELECT pg_notify('a', 'x')::text`, `CREATE TABLE rules (a int)`, `CREATE RULE x AS ON INSERT TO rules DO ALSO NOTIFY a`,
		`CREATE TABLE calls (a int)`, `CREATE RULE x AS ON INSERT TO calls DO ALSO SELECT pg_notify('a', 'x')`,
		`CREATE FUNCTION uses() RETURNS void LANGUAGE sql AS 'INSERT INTO triggers VALUES (1)'`},
		map[string]session.Pins{"f": session.Notifying, "g": session.Notifying, "triggers": session.Notifying, "v": session.Notifying,
			"rules": session.Notifying, "calls": session.Notifying, "uses": session.Notifying}},
	{"an aggregate", []string{`CREATE FUNCTION s(v int, w int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '7MB'; RETURN v; END $$`,
		`CREATE AGGREGATE sums (int) (sfunc = s, stype = int)`},
		map[string]session.Pins{"s": session.PinSettings, "sums": session.PinSettings}},
	{"an operator", []string{`CREATE FUNCTION o(v int, w int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '7MB'; RETURN v; END $$`,
		`CREATE OPERATOR @@@+ (leftarg = int, rightarg = int, function = o)`},
		map[string]session.Pins{"o": session.PinSettings, "(any)": session.PinSettings}},
	{"an event trigger", []string{`CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '7MB'; END $$`,
		`CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()`},
		map[string]session.Pins{"e": session.PinSettings, "(definition)": session.PinSettings}},
	{"strange names", []string{`CREATE FUNCTION "My Öl" () RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'`,
		`CREATE FUNCTION "LOCK me" () RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'`,
		`CREATE FUNCTION "a+(b" () RETURNS void LANGUAGE sql AS 'SELECT "LOCK me"()'`},
		map[string]session.Pins{"My Öl": session.PinLock, "LOCK me": session.PinLock, "a+(b": session.PinLock}},
}

func TestPostgresIsAskedWhoLeavesState(t *testing.T) {
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
		if got := askSuspects(t, conn); len(got) > 0 {
			t.Errorf("%d: a database without functions has suspects: %v", version, got)
		}
		mustExec(t, conn, "SET standard_conforming_strings TO off") // as the last client may have left it
		askSuspects(t, conn)
		mustExec(t, conn, "SET standard_conforming_strings TO on")
		for _, test := range suspectCases {
			t.Run(fmt.Sprintf("%d/%s", version, test.name), func(t *testing.T) {
				mustExec(t, conn, "BEGIN", "SET LOCAL row_security TO on")
				defer mustExec(t, conn, "ROLLBACK")
				mustExec(t, conn, test.make...)
				if got := askSuspects(t, conn); !maps.Equal(got, test.want) {
					t.Errorf("suspects %v\nwant     %v", shown(got), shown(test.want))
				}
			})
		}
	}
}

// askSuspects asks the question. Names that stand for no function or table are in parentheses.
func askSuspects(t *testing.T, conn *pgconn.PgConn) map[string]session.Pins {
	t.Helper()
	begun := time.Now()
	results, err := conn.Exec(context.Background(), suspectsQuestion).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("asked in %v", time.Since(begun))
	got := map[string]session.Pins{}
	for _, row := range results[len(results)-1].Rows {
		n, err := strconv.Atoi(string(row[2]))
		if err != nil {
			t.Fatal(err)
		}
		name := string(row[1])
		if sort := string(row[0]); sort == "changes" || sort == "drawer" || sort == "writers" {
			continue
		} else if sort != "name" {
			name = strings.TrimSpace("(" + sort + ") " + name)
		}
		got[name] = session.Pins(n)
	}
	return got
}

func mustExec(t *testing.T, conn *pgconn.PgConn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := conn.Exec(context.Background(), sql).ReadAll(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// shown lists names with their kinds.
func shown(m map[string]session.Pins) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		var kinds []string
		m[name].Each(func(reason string) { kinds = append(kinds, reason) })
		out = append(out, name+" "+strings.Join(kinds, "+"))
	}
	return strings.Join(out, ", ")
}
