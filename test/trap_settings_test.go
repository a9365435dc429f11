//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// everywhere demands that a client finds the answer on every server of its pool: others see to it that it meets them all.
func everywhere(t *testing.T, others *passersBy, c *client, when, probe, want string) {
	t.Helper()
	for range 4 {
		others.pass()
		if got := c.value(probe); got != want {
			t.Fatalf("%s: %q answers %q, want %q", when, probe, got, want)
		}
	}
}

// revocable is settings, each with what is committed first, what is taken back, and how it is seen.
var revocable = []struct {
	name, before, change, show, want string
}{
	{"SET", "SET work_mem = '6MB'", "SET work_mem = '7MB'", "SHOW work_mem", "6MB"},
	{"SET of what was not set", "RESET work_mem", "SET work_mem = '7MB'", "SHOW work_mem", "4MB"},
	{"RESET", "SET work_mem = '6MB'", "RESET work_mem", "SHOW work_mem", "6MB"},
	{"RESET ALL", "SET work_mem = '6MB'", "RESET ALL", "SHOW work_mem", "6MB"},
	{"SET of one's own", "SET my.tenant = 'six'", "SET my.tenant = 'seven'",
		"SELECT coalesce(current_setting('my.tenant', true), '')", "six"},
	{"set_config", "SET search_path = pg_catalog", "SELECT set_config('search_path', 'nosuch', false)", "SHOW search_path", "pg_catalog"},
	{"SET TIME ZONE", "SET TIME ZONE 'Asia/Tokyo'", "SET TIME ZONE 'America/Lima'", "SHOW TimeZone", "Asia/Tokyo"},
	{"SET ROLE", "SET ROLE other", "RESET ROLE", "SELECT current_user", "other"},
	{"SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION app", "SET SESSION AUTHORIZATION other", "SELECT session_user", "app"},
	{"SET SESSION CHARACTERISTICS", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
		"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SHOW default_transaction_read_only", "off"},
	{"SET LOCAL", "SET work_mem = '6MB'", "SET LOCAL work_mem = '7MB'", "SHOW work_mem", "6MB"},
	{"a function", "SET work_mem = '6MB'", "DO $$ BEGIN PERFORM set_config('work_mem', '7MB', false); END $$", "SHOW work_mem", "6MB"},
}

// undoings are the ways in which a transaction takes back what a statement of it has done.
var undoings = map[string]func(c *client, change string){
	"ROLLBACK":            func(c *client, change string) { simply(c, "BEGIN", change, "ROLLBACK") },
	"ROLLBACK, extended":  func(c *client, change string) { extended(c, "BEGIN", change, "ROLLBACK") },
	"ROLLBACK TO":         func(c *client, change string) { simply(c, "BEGIN", "SAVEPOINT a", change, "ROLLBACK TO a", "COMMIT") },
	"ROLLBACK TO, in one": func(c *client, change string) { c.query("BEGIN; SAVEPOINT a; " + change + "; ROLLBACK TO a; COMMIT") },
	"an inner ROLLBACK TO": func(c *client, change string) {
		simply(c, "BEGIN", "SAVEPOINT a", "SAVEPOINT b", change, "RELEASE b", "ROLLBACK TO a", "COMMIT")
	},
	"an error":             func(c *client, change string) { simply(c, "BEGIN", change, "SELECT 1/0", "COMMIT") },
	"an error, in one":     func(c *client, change string) { c.query(change + "; SELECT 1/0") },
	"an error in a batch":  func(c *client, change string) { c.ask(join(pbe(change), pbe("SELECT 1/0"))...) },
	"ROLLBACK AND CHAIN":   func(c *client, change string) { simply(c, "BEGIN", change, "ROLLBACK AND CHAIN", "SELECT 1", "COMMIT") },
	"twice, then ROLLBACK": func(c *client, change string) { simply(c, "BEGIN", change, change, "ROLLBACK") },
}

// What is rolled back was never set, on whichever server its client comes to be, and nobody else sees it either.
func TestTrap41RolledBackSettingsWereNeverSet(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, passersPool)
		others := newPassersBy(t, p)
		c, beside := superuser(t, p), superuser(t, p)
		for _, r := range revocable {
			fresh := beside.value(r.show) // what nobody has changed
			for name, undo := range undoings {
				c.query(r.before)
				undo(c, r.change)
				when := r.name + ", " + name
				everywhere(t, others, c, when, r.show, r.want)
				if got := beside.value(r.show); got != fresh {
					t.Fatalf("%s: another client finds %q, want %q", when, got, fresh)
				}
			}
			simply(c, "RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL")
		}
	})
}

// badSettings are refused by Postgres when they are said.
var badSettings = []string{
	"SET work_mem = 'much'", "SET nosuch = 1", "SET statement_timeout = -5", "SET TimeZone = 'Nowhere/Land'", "SET client_encoding = 'nosuch'",
	"SET DateStyle = 'Klingon'", "SET ROLE nosuch", "SET SESSION AUTHORIZATION nosuch", "SET ROLE postgres", "SET log_statement = 'all'",
	"SET shared_buffers = '1MB'", "SET default_transaction_isolation = 'chaos'", "SET my.tenant", "SET session_replication_role = replica",
	"SELECT set_config('work_mem', 'much', false)", "SELECT set_config('nosuch', '1', false)", "ALTER ROLE app SET work_mem = 'much'",
	"RESET nosuch", "SET default_tablespace = 'nosuch'", "SET temp_tablespaces = 'nosuch'", "SET transaction_isolation = 'serializable'; SELECT 1; SET work_mem = 'much'",
}

// A SET that Postgres refuses fails where it is said, word for word, and nothing of it is said again to another server.
func TestTrap44ABadSetFailsWhereItIsSaid(t *testing.T) {
	both(t, settings{Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		beside := c.beside()
		defer beside.leave()
		for _, bad := range badSettings {
			c.query("SET work_mem = '6MB'")
			c.query(bad)
			c.query("SHOW work_mem")
			c.ask(join(pbe(bad), pbe("SHOW work_mem"))...)
			c.query("BEGIN; SET work_mem = '7MB'")
			c.query(bad)
			c.query("SHOW work_mem")
			c.query("COMMIT")
			c.query("SHOW work_mem")
			// Several batches under way: only its own fails.
			c.say(append(join(pbe("SELECT 'before'"), sync_, pbe(bad), sync_, pbe("SELECT 'after'")), &pgproto3.Sync{})...)
			c.hear(3)
			mustContain(t, beside.query("SELECT 'undisturbed'"), "undisturbed")
			c.query("SHOW work_mem")
		}
	})
}

// A server that has refused a SET is none the worse for it: two clients go on with the same one.
func TestTrap44ABadSetCostsNoServer(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		c, other := connect(t, p.Addr), connect(t, p.Addr, "work_mem", "5MB")
		pid := other.value("SELECT pg_backend_pid()")
		for _, bad := range badSettings {
			if bad == "SET my.tenant" || strings.HasPrefix(bad, "ALTER ROLE") {
				continue // it cannot be read, and the server stays with its client; and new sessions get new servers
			}
			for _, r := range roads {
				if strings.Contains(bad, "client_encoding") && r.name == "several in one query" {
					continue // nor can what stands behind it, which may be in any encoding
				}
				mustContain(t, r.travel(c, bad), "ErrorResponse")
				if got := other.value("SELECT pg_backend_pid() || ' ' || current_setting('work_mem')"); got != pid+" 5MB" {
					t.Fatalf("%s, %s: another client finds %q, want server %s with 5MB", bad, r.name, got, pid)
				}
				if got := c.value("SHOW work_mem"); got != "4MB" {
					t.Fatalf("%s, %s: work_mem is %s", bad, r.name, got)
				}
			}
		}
	})
}

// What ALTER … SET says reaches sessions that begin then, on every server, and in what they are told at login.
func TestTrap45AlterSetReachesNewSessions(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, passersPool)
			others := newPassersBy(t, p)
			c := connect(t, p.Addr)
			for i, say := range []func(sql string){
				func(sql string) { c.query(sql) },
				func(sql string) { extended(c, sql) },
				func(sql string) { simply(c, "BEGIN", sql, "COMMIT") },
				func(sql string) { c.query("SELECT 1; " + sql) },
				func(sql string) { c.query("SET work_mem = '7MB'; " + sql + "; RESET work_mem") },
			} {
				for j, whose := range []string{"ROLE app", "DATABASE app", "ROLE app IN DATABASE app"} {
					timeout, zone := fmt.Sprintf("%dms", 60001+10*i+j), fmt.Sprintf("<+0%d>-0%d", 1+i, 1+i)
					say("ALTER " + whose + " SET lock_timeout = '" + timeout + "'")
					say("ALTER " + whose + " SET TimeZone = '" + zone + "'")
					fresh := connect(t, p.Addr)
					mustContain(t, fresh.heard, "ParameterStatus", "TimeZone", fmt.Sprintf("+0%d", 1+i))
					everywhere(t, others, fresh, fmt.Sprint(whose, ", way ", i), "SHOW lock_timeout", timeout)
					everywhere(t, others, fresh, fmt.Sprint(whose, ", way ", i), "SHOW TimeZone", zone)
					asked := connect(t, p.Addr, "lock_timeout", "5s")
					everywhere(t, others, asked, "asked for at login", "SHOW lock_timeout", "5s")
					asked.leave()
					fresh.leave()
					say("ALTER " + whose + " RESET ALL")
				}
			}
			simply(c, "BEGIN", "ALTER ROLE app SET lock_timeout = '7s'", "ROLLBACK")
			everywhere(t, others, connect(t, p.Addr), "rolled back", "SHOW lock_timeout", "0")
		})
	}
}

// So does what is said elsewhere, and by dynamic SQL, as soon as the catalog has been asked again: within a minute, or at once when
// something is defined.
func TestTrap45AlterSetSaidElsewhere(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection asks nobody")
		}
		p := startPooler(t, driver, server, passersPool)
		others := newPassersBy(t, p)
		c := connect(t, p.Addr)
		for i, say := range []func(sql string) error{
			func(sql string) error { return server.Exec(within(t), "postgres", sql) },
			func(sql string) error {
				mustNotContain(t, superuser(t, p).query("DO $$ BEGIN EXECUTE "+quoted(sql)+"; END $$"), "ErrorResponse")
				return nil
			},
		} {
			for j, whose := range []string{"ROLE app", "DATABASE app", "ROLE app IN DATABASE app", "ROLE ALL"} {
				timeout, zone := fmt.Sprintf("%dms", 60001+10*i+j), fmt.Sprintf("<+0%d>-0%d", 1+j, 1+j)
				for _, change := range []string{"lock_timeout = '" + timeout + "'", "TimeZone = '" + zone + "'"} {
					if err := say("ALTER " + whose + " SET " + change); err != nil {
						t.Fatal(err)
					}
				}
				c.query("DO $$ BEGIN /* create */ END $$") // for all that is known of it
				eventually(t, "a session that begins now begins so, wherever it is", func() error {
					fresh := connect(t, p.Addr)
					defer fresh.leave()
					if !contains(fresh.heard, "ParameterStatus", "TimeZone", fmt.Sprintf("+0%d", 1+j)) {
						return errors.New(strings.Join(fresh.heard, "\n"))
					}
					for range 4 {
						others.pass()
						if got := fresh.value("SHOW lock_timeout"); got != timeout {
							return errors.New("on a server that was there before it is " + got)
						}
					}
					return nil
				})
				fresh := connect(t, p.Addr)
				everywhere(t, others, fresh, fmt.Sprint(whose, ", way ", i), "SHOW lock_timeout", timeout)
				everywhere(t, others, fresh, fmt.Sprint(whose, ", way ", i), "SHOW TimeZone", zone)
				fresh.leave()
				if err := say("ALTER " + whose + " RESET ALL"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// Where strings begin and end depends on a setting that Postgres may begin with otherwise than it comes: what a text does is read by what
// the session is, also after a change of the configuration.
func TestTrap43WhereStringsEndIsWhatPostgresSays(t *testing.T) {
	const hides = `SELECT 'a\'', set_config('work_mem', '1MB', false) --'`
	eitherDriver(t, func(t *testing.T, driver string, shared *pgtest.Server) {
		server := pgtest.Start(t, commonOptions(versions()[0]))
		turn := func(setting string) {
			if err := server.Exec(within(t), "postgres", "ALTER SYSTEM SET standard_conforming_strings = "+setting, "SELECT pg_reload_conf()"); err != nil {
				t.Fatal(err)
			}
		}
		turn("off")
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		is := func(want string) {
			t.Helper()
			eventually(t, "strings are read otherwise", func() error {
				if got := a.value("SHOW standard_conforming_strings"); got != want {
					return errors.New("it is " + got)
				}
				return nil
			})
		}
		mine := func(when, hides string) {
			t.Helper()
			for range 3 {
				a.query(hides)
				if got := b.value("SHOW work_mem"); got != "4MB" {
					t.Fatalf("%s: another has work_mem %s", when, got)
				}
				if got := a.value("SHOW work_mem"); got != "1MB" {
					t.Fatalf("%s: who has set it has work_mem %s", when, got)
				}
				a.query("RESET work_mem")
			}
		}
		is("off")
		mine("a backslash escapes from the start", hides)
		turn("on")
		is("on")
		mine("it does not any more", `SELECT 'a\', set_config('work_mem', '1MB', false) --'`)
		turn("off")
		is("off")
		mine("it does again", hides)

		// The first text after a change of the configuration is read as the client had been told before: here as one string.
		direct, err := pgx.Connect(within(t), server.SuperDSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close(context.Background())
		for _, when := range []string{"as it began", "with settings of its own, which are sent ahead"} {
			eventually(t, when+": the first text has set it", func() error {
				turn("on")
				is("on")
				if when != "as it began" {
					a.query("SET lock_timeout = '5s'")
					b.query("SELECT 1")
				}
				turn("off")
				for got := ""; got != "off"; {
					if err := direct.QueryRow(within(t), "SHOW standard_conforming_strings").Scan(&got); err != nil {
						return err
					}
				}
				time.Sleep(100 * time.Millisecond) // the other has been told at the same time
				a.query(`SELECT 'a\'', set_config($$work_mem$$, $$1MB$$, false) --'`)
				if got := b.value("SHOW work_mem"); got != "4MB" {
					t.Fatalf("%s: another has work_mem %s", when, got)
				}
				if got := a.value("SHOW work_mem"); got != "1MB" {
					return errors.New("who has set it has work_mem " + got)
				}
				return nil
			})
			a.query("RESET work_mem")
		}

		// A text that was sent behind the one that changes it, before that was answered.
		turn("on")
		is("on")
		a.say(simple("SET standard_conforming_strings = off"), simple(`SELECT 'a\'', set_config($$work_mem$$, $$1MB$$, false) --'`))
		a.hear(2)
		if got := b.value("SHOW work_mem"); got != "4MB" {
			t.Fatalf("sent behind: another has work_mem %s", got)
		}
		if got := a.value("SHOW work_mem"); got != "1MB" {
			t.Fatalf("sent behind: who has set it has work_mem %s", got)
		}

	})
}

// A statement whose text was one string when it was prepared, and is none for the next server. Postgres, which has it already, would not read
// it again.
func TestTrap43AStatementIsReadAgainWhereStringsEndElsewhere(t *testing.T) {
	const hides = `SELECT 'a\'' || set_config($$work_mem$$, $$1MB$$, false) --'`
	eitherDriver(t, func(t *testing.T, driver string, _ *pgtest.Server) {
		if direct() {
			t.Skip("who ends a server of Postgres ends its client")
		}
		for when, turn := range map[string]string{
			"turned by its client":  "SET standard_conforming_strings = off",
			"turned for the server": "ALTER ROLE app SET standard_conforming_strings = off",
		} {
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
			one, other := connect(t, p.Addr), connect(t, p.Addr)
			one.ask(parse("hidden", hides))
			if heard := one.runStatement("hidden"); !contains(heard, "set_config") {
				t.Fatalf("%s: it is no string to begin with: %q", when, heard)
			}
			bySQL := connect(t, p.Addr)
			bySQL.query("PREPARE hidden AS " + hides)
			if got := bySQL.value("EXECUTE hidden"); !strings.Contains(got, "set_config") {
				t.Fatalf("%s: by SQL it is no string to begin with: %q", when, got)
			}
			if strings.HasPrefix(turn, "SET") {
				mustContain(t, bySQL.query(turn), "CommandComplete")
			}
			mustContain(t, one.query(turn), "CommandComplete")
			pid := other.value("SELECT pg_backend_pid()") // which means that nothing is asked about the other any more
			terminate(t, server, pid)
			if heard := one.runStatement("hidden"); contains(heard, "set_config") || !contains(heard, "1MB") {
				t.Fatalf("%s: it is a string still: %q", when, heard)
			}
			one.leave() // it has kept its server
			if got := other.value("SHOW work_mem"); got != "4MB" {
				t.Errorf("%s: another has work_mem %s", when, got)
			}
			if got := bySQL.value("EXECUTE hidden"); strings.Contains(got, "set_config") || !strings.Contains(got, "1MB") {
				t.Fatalf("%s: by SQL it is a string still: %q", when, got)
			}
			bySQL.leave()
			if got := other.value("SHOW work_mem"); got != "4MB" {
				t.Errorf("%s: by SQL: another has work_mem %s", when, got)
			}
		}
	})
}
