//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// hidingPlaces are functions, and what calls functions, that leave state in the session of whoever mentions them.
var hidingPlaces = []string{
	"DROP SCHEMA IF EXISTS hides CASCADE", "CREATE SCHEMA hides",
	`CREATE FUNCTION hides.config() RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', '7MB', false) $$`,
	`CREATE FUNCTION hides.sets() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '7MB'; END $$`,
	`CREATE FUNCTION hides.definer() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN SET work_mem = '7MB'; END $$`,
	`CREATE FUNCTION hides.role() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET ROLE other; END $$`,
	`CREATE FUNCTION hides.own() RETURNS text LANGUAGE sql AS $$ SELECT set_config('my.tenant', 'seven', false) $$`,
	`CREATE FUNCTION hides.lock() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(46); END $$`,
	`CREATE FUNCTION hides.temp() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE mine AS SELECT 1; END $$`,
	`CREATE FUNCTION hides.listen() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'LISTEN mine'; END $$`,
	`CREATE FUNCTION hides.hold() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE mine CURSOR WITH HOLD FOR SELECT 1'; END $$`,
	`CREATE FUNCTION hides.prepare() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'PREPARE mine AS SELECT 1'; END $$`,
	`CREATE FUNCTION hides.inner() RETURNS void LANGUAGE sql AS $$ SELECT hides.sets() $$`,
	`CREATE FUNCTION hides.outer() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM hides.inner(); END $$`,
	`CREATE FUNCTION hides.atomic() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT set_config('work_mem', '7MB', false); END`,
	`CREATE FUNCTION hides.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM hides.sets(); RETURN NEW; END $$`,
	`CREATE TABLE hides.fired (n int)`, `CREATE TRIGGER fires BEFORE INSERT ON hides.fired FOR EACH ROW EXECUTE FUNCTION hides.fires()`,
	`CREATE VIEW hides.looks AS SELECT * FROM hides.fired`, `CREATE VIEW hides.called AS SELECT hides.config() AS v`,
	`CREATE TABLE hides.defaults (v text DEFAULT hides.config())`,
	`CREATE TABLE hides.guarded (v text)`, `ALTER TABLE hides.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
	`CREATE POLICY guards ON hides.guarded USING (hides.config() <> '')`, `INSERT INTO hides.guarded VALUES (1)`,
	`CREATE PROCEDURE hides.proceeds() LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '7MB'; COMMIT; END $$`,
	`GRANT USAGE ON SCHEMA hides TO PUBLIC`, `GRANT ALL ON ALL TABLES IN SCHEMA hides TO PUBLIC`,
}

// hiddenLeftovers is state left without a word of it in the client's text.
var hiddenLeftovers = func() (list []leftover) {
	for name, sql := range map[string]string{
		"a function with set_config":  "SELECT hides.config()",
		"a function with SET":         "SELECT Hides . Sets ( )",
		"a SECURITY DEFINER function": `SELECT "hides"."definer"()`,
		"functions two deep":          "SELECT hides.outer()",
		"SQL read at its definition":  "SELECT hides.atomic()",
		"a trigger":                   "INSERT INTO hides.fired VALUES (1)",
		"a trigger below a view":      "INSERT INTO hides.looks VALUES (1)",
		"a view":                      "SELECT * FROM hides.called",
		"a default":                   "INSERT INTO hides.defaults DEFAULT VALUES",
		"a FROM clause":               "WITH x AS (SELECT 1) SELECT * FROM x, hides.config() LIMIT 1",
		"a DO block":                  "DO $$ BEGIN PERFORM hides.sets(); END $$",
	} {
		list = append(list, leftover{name, []string{sql}, "SHOW work_mem", "7MB", "4MB", true, false})
	}
	return append(list,
		leftover{"a role", []string{"SELECT hides.role()"}, "SELECT current_user", "other", "postgres", true, false},
		leftover{"a setting of one's own", []string{"SELECT hides.own()"},
			"SELECT coalesce(nullif(current_setting('my.tenant', true), ''), 'nobody')", "seven", "nobody", true, false},
		leftover{"a lock", []string{"SELECT hides.lock()"},
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", "1", "0", false, false},
		leftover{"a temporary table", []string{"SELECT hides.temp()"}, "SELECT to_regclass('mine') IS NULL", "f", "t", false, false},
		leftover{"LISTEN", []string{"SELECT hides.listen()"}, "SELECT count(*) FROM pg_listening_channels()", "1", "0", true, false},
		leftover{"a cursor WITH HOLD", []string{"SELECT hides.hold()"}, "SELECT count(*) FROM pg_cursors WHERE name = 'mine'", "1", "0", false, false},
		leftover{"PREPARE", []string{"SELECT hides.prepare()"},
			"SELECT count(*) FROM pg_prepared_statements WHERE from_sql AND name = 'mine'", "1", "0", false, false},
	)
}()

// What functions, triggers, views and defaults leave in a session is its client's, and nobody else's.
func TestTrap40And46HiddenState(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		prepareHiding(t, server)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for _, l := range hiddenLeftovers {
			for _, r := range roads {
				t.Run(l.name+"/"+r.name, func(t *testing.T) { p.hides(t, l, r) })
			}
		}
	})
}

// prepareHiding makes the hiding places, without the pooler.
func prepareHiding(t *testing.T, server *pgtest.Server) {
	t.Helper()
	if err := server.Exec(within(t), "app", hidingPlaces...); err != nil {
		t.Fatal(err)
	}
}

// hides has an owner leave state, beside another client on the only server.
func (p *pooler) hides(t *testing.T, l leftover, r road) {
	t.Helper()
	owner, other := superuser(t, p), superuser(t, p)
	mustNotContain(t, r.travel(owner, l.leave...), "ErrorResponse")
	if l.follows {
		for range 2 {
			l.sees(t, "another", other, l.gone)
			l.sees(t, "its owner", owner, l.there)
		}
		owner.leave()
	} else {
		other.say(simple(l.probe))
		p.awaitWaiting(1)
		l.sees(t, "its owner", owner, l.there)
		owner.leave()
		mustContain(t, other.hear(1), "DataRow", `"text":"`+l.gone+`"`)
	}
	l.sees(t, "who comes after it", other, l.gone)
	other.leave()
	p.awaitClients(0)
}

// A policy's function is called for whoever reads the table. Its owner is no superuser, who would be spared.
func TestHiddenStateOfAPolicy(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		prepareHiding(t, server)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		owner, other := connect(t, p.Addr, "user", "other"), connect(t, p.Addr, "user", "other")
		mustNotContain(t, owner.query("SELECT * FROM hides.guarded"), "ErrorResponse")
		if got := other.value("SHOW work_mem"); got != "4MB" {
			t.Fatalf("another sees %s", got)
		}
		if got := owner.value("SHOW work_mem"); got != "7MB" {
			t.Fatalf("its owner sees %s", got)
		}
	})
}

// What a function of a client's own making leaves is found at once: in the transaction that makes it, after it, and by a
// statement that was prepared before it was there.
func TestHiddenStateOfWhatWasJustDefined(t *testing.T) {
	const define = "CREATE OR REPLACE FUNCTION hides.fresh() RETURNS text LANGUAGE sql AS $$ SELECT $1 $$"
	harmless := strings.Replace(define, "$1", "'x'", 1)
	guilty := strings.Replace(define, "$1", "set_config('work_mem', '7MB', false)", 1)
	work := leftover{"", nil, "SHOW work_mem", "7MB", "4MB", true, false}
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		prepareHiding(t, server)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for name, leave := range map[string]func(owner, other *client) []string{
			"in its transaction": func(owner, _ *client) []string { return inTransaction(owner, guilty, "SELECT hides.fresh()") },
			"in one text":        func(owner, _ *client) []string { return together(owner, guilty, "SELECT hides.fresh()") },
			"behind it":          func(owner, _ *client) []string { return simply(owner, guilty, "SELECT hides.fresh()") },
			"defined by another": func(owner, other *client) []string {
				return append(simply(other, guilty), simply(owner, "SELECT hides.fresh()")...)
			},
			"prepared before": func(owner, other *client) []string {
				heard := append(simply(other, harmless), owner.ask(parse("mine", "SELECT hides.fresh()"))...)
				heard = append(heard, owner.runStatement("mine")...)
				heard = append(heard, simply(other, guilty)...)
				return append(heard, owner.runStatement("mine")...)
			},
			"a table made of it": func(owner, other *client) []string {
				heard := simply(other, guilty, "DROP TABLE IF EXISTS hides.made", "CREATE TABLE hides.made (v text DEFAULT hides.fresh())")
				return append(heard, simply(owner, "INSERT INTO hides.made DEFAULT VALUES")...)
			},
		} {
			t.Run(name, func(t *testing.T) {
				owner, other := superuser(t, p), superuser(t, p)
				mustNotContain(t, leave(owner, other), "ErrorResponse")
				for range 2 {
					work.sees(t, "another", other, "4MB")
					work.sees(t, "its owner", owner, "7MB")
				}
				owner.leave()
				other.leave()
				p.awaitClients(0)
			})
		}
	})
}
