package querycache_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// What texts use without a word of it, with functions that change a table, answer differently or hide what they read; and what becomes of
// a read of another table, and of a write to that.
var unsaid = []struct {
	name, body  string
	make        []string
	read, write string
}{
	{"nothing", "SELECT 1", nil, "other", "other"},
	{"an operator that writes", "INSERT INTO target VALUES (1); SELECT 1", []string{"CREATE OPERATOR @+@ (leftarg = text, rightarg = text, function = f)"},
		"! calls a volatile function", "other, target"},
	{"a cast that writes", "INSERT INTO target VALUES (1); SELECT 1",
		[]string{"CREATE TYPE pair AS (a int)", "CREATE FUNCTION g(pair) RETURNS int LANGUAGE sql AS $$ SELECT f('a', 'b') $$", "CREATE CAST (pair AS int) WITH FUNCTION g(pair)"},
		"! calls a volatile function", "other, target"},
	{"a domain that checks", "INSERT INTO target VALUES (1); SELECT 1", []string{"CREATE DOMAIN d AS text CHECK (f(VALUE, '') > 0)"},
		"! calls a volatile function", "other, target"},
	{"a domain that asks for the time", "SELECT 1", []string{"CREATE DOMAIN d AS timestamptz CHECK (VALUE < now())"}, "! depends on time", "other"},
	{"a domain with a default", "INSERT INTO target VALUES (1); SELECT 1", []string{"CREATE DOMAIN d AS int DEFAULT f('a', 'b')"}, "other", "other, target"},
	{"an aggregate", "INSERT INTO target VALUES (1); SELECT 1", []string{"CREATE AGGREGATE a (int) (sfunc = int4pl, stype = int)"}, "other", "other"},
}

func TestWhatIsUsedWithoutAWord(t *testing.T) {
	onEveryPostgres(t, func(t *testing.T, version int, conn *pgconn.PgConn) {
		run(t, conn, "CREATE TABLE target (id int)", "CREATE TABLE other (id int)")
		for _, c := range unsaid {
			t.Run(fmt.Sprintf("%d/%s", version, c.name), func(t *testing.T) {
				defer run(t, conn, "ROLLBACK")
				run(t, conn, "BEGIN", "CREATE FUNCTION f(text, text) RETURNS int LANGUAGE sql AS $$ "+c.body+" $$")
				run(t, conn, c.make...)
				l := ask(t, conn)
				checkOther(t, l, c.read, c.write)
			})
		}
	})
}

// checkOther checks what is said of a read of the other table, and of a write to it.
func checkOther(t *testing.T, l *querycache.Lineage, read, write string) {
	t.Helper()
	tables, why := l.Reads(&sql.Facts{Class: sql.ClassReads, Traits: sql.Repeatable, Relations: []string{"other"}}, nil)
	if got := shown(tables, why.String()); got != read {
		t.Errorf("a read depends on %s, and not on %s", got, read)
	}
	tables, all := l.Writes(&sql.Facts{Traits: sql.Understood, Written: []string{"other"}}, nil)
	if got := shown(tables, ""); got != write || all {
		t.Errorf("a write reaches %s, and not %s; everything is %v", got, write, all)
	}
}

// TestNamesThatAreNoWords are found in source by what of them is one, and by everything if nothing is.
func TestNamesThatAreNoWords(t *testing.T) {
	onEveryPostgres(t, func(t *testing.T, version int, conn *pgconn.PgConn) {
		run(t, conn, `CREATE TABLE "Two Words" (id int)`, `CREATE TABLE "+" (id int)`, `CREATE TABLE "öß" (id int)`, "CREATE TABLE \"a\nb\" (id int)",
			`CREATE FUNCTION f() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM "+", "öß", "Two Words"'`,
			`CREATE FUNCTION g() RETURNS bigint STABLE LANGUAGE sql AS E'SELECT count(*) FROM "a\nb"'`,
			`CREATE FUNCTION h() RETURNS bigint STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM U&"\0054wo Words"); END $$`)
		l := ask(t, conn)
		for name, want := range map[string]int{"f": 3, "g": 3, "h": -1} {
			tables, why := l.Reads(&sql.Facts{Class: sql.ClassReads, Traits: sql.Repeatable, Functions: []string{name}}, nil)
			if want >= 0 && (len(tables) != want || why != querycache.Cacheable) || want < 0 && why != querycache.Opaque {
				t.Errorf("%s depends on %q: %v", name, tables, why)
			}
		}
	})
}
