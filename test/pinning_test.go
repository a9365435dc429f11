//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// pinning is a statement that leaves state which cannot follow its client, and a query that tells in any session whether
// it is there.
type pinning struct {
	name, statement, probe string
	there, gone            string
}

var pinnings = []pinning{
	{"temporary table", "CREATE TEMP TABLE mine (n int)", "SELECT to_regclass('pg_temp.mine') IS NULL", "f", "t"},
	{"SELECT INTO TEMP", "SELECT 1 AS n INTO TEMP mine", "SELECT to_regclass('mine') IS NULL", "f", "t"},
	{"advisory lock", "SELECT pg_advisory_lock(46)", ownLocks, "1", "0"},
	{"try of an advisory lock", "SELECT pg_try_advisory_lock(46)", ownLocks, "1", "0"},
	{"cursor WITH HOLD", "DECLARE mine CURSOR WITH HOLD FOR VALUES (1)", "SELECT count(*) FROM pg_cursors WHERE name = 'mine'", "1", "0"},
	{"setseed", "SELECT setseed(0.46)", "SELECT 'cannot be asked'", "cannot be asked", "cannot be asked"},
}

const ownLocks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"

// refusedByPinning is what its client is told.
var refusedByPinning = []string{"ErrorResponse ERROR 0A000", "pinning error", `hint "Use pinning on for this pool, or pool_mode session`}

// With pinning error such statements are refused on every road, as Postgres refuses one, and others beside them are not.
func TestPinningErrorRefusesState(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\npinning error"})
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		other.query("DROP TABLE IF EXISTS done; CREATE TABLE done (n int)")
		for _, pin := range pinnings {
			for _, r := range refusals {
				t.Run(pin.name+"/"+r.name, func(t *testing.T) {
					r.talk(t, c, pin.statement)
					mustContain(t, c.query("SELECT 'goes on'"), "goes on")
					if got := c.value(pin.probe); got != pin.gone {
						t.Errorf("%q answers %q, want %q", pin.probe, got, pin.gone)
					}
					// The one server is free.
					if n := other.value("SELECT count(*) FROM done"); n != "0" {
						t.Errorf("%s rows of what was refused", n)
					}
				})
			}
		}
		other.query("DROP TABLE done")
	})
}

// refusals are the ways to have a statement refused, each with what its client must see.
var refusals = []struct {
	name string
	talk func(t *testing.T, c *client, statement string)
}{
	{"simple", func(t *testing.T, c *client, statement string) {
		heard := c.query(statement)
		mustContain(t, heard, refusedByPinning...)
		mustContain(t, heard, "ReadyForQuery", `"I"`)
	}},
	{"among others in one query", func(t *testing.T, c *client, statement string) {
		heard := c.query("INSERT INTO done VALUES (1); " + statement + "; INSERT INTO done VALUES (2)")
		mustContain(t, heard, refusedByPinning...)
		mustNotContain(t, heard, "CommandComplete")
	}},
	{"in a transaction", func(t *testing.T, c *client, statement string) {
		c.query("BEGIN; INSERT INTO done VALUES (1)")
		heard := c.query(statement)
		mustContain(t, heard, refusedByPinning...)
		mustContain(t, heard, "ReadyForQuery", `"E"`)
		mustContain(t, c.query("SELECT 1"), "25P02")
		mustContain(t, c.query("COMMIT"), "CommandComplete", "ROLLBACK")
	}},
	{"after a savepoint", func(t *testing.T, c *client, statement string) {
		c.query("BEGIN; SAVEPOINT before")
		mustContain(t, c.query(statement), refusedByPinning...)
		c.query("ROLLBACK TO before")
		mustContain(t, c.query("SELECT 'saved'"), "saved")
		mustContain(t, c.query("COMMIT"), "CommandComplete", "COMMIT")
	}},
	{"extended", func(t *testing.T, c *client, statement string) {
		heard := c.ask(parse("", statement), bind("", ""), execute(""))
		mustContain(t, heard, refusedByPinning...)
		mustNotContain(t, heard, "BindComplete")
	}},
	{"named", func(t *testing.T, c *client, statement string) {
		mustContain(t, c.ask(parse("refused", statement)), refusedByPinning...)
		mustContain(t, c.runStatement("refused"), "26000")
		mustNotContain(t, c.ask(parse("refused", "SELECT 1"), closeStatement("refused")), "ErrorResponse") // its name is free
	}},
	{"extended in a transaction", func(t *testing.T, c *client, statement string) {
		extended(c, "BEGIN", "INSERT INTO done VALUES (1)")
		heard := extended(c, statement)
		mustContain(t, heard, refusedByPinning...)
		mustContain(t, heard, "ReadyForQuery", `"E"`)
		mustContain(t, extended(c, "COMMIT"), "CommandComplete", "ROLLBACK")
	}},
	{"in a pipeline", func(t *testing.T, c *client, statement string) {
		insert := []pgproto3.FrontendMessage{parse("", "INSERT INTO done VALUES (1)"), bind("", ""), execute("")}
		batch := append(append(insert, parse("", statement), bind("", ""), execute("")), insert...)
		heard := c.ask(batch...)
		mustContain(t, heard, refusedByPinning...)
		if n := strings.Count(strings.Join(heard, "\n"), "CommandComplete"); n != 1 {
			t.Errorf("%d statements of the batch are answered, want the one before it:\n%s", n, strings.Join(heard, "\n"))
		}
	}},
	{"between two batches", func(t *testing.T, c *client, statement string) {
		c.say(parse("", "SELECT 'before'"), bind("", ""), execute(""), sync_,
			parse("", statement), bind("", ""), execute(""), sync_,
			parse("", "SELECT 'after'"), bind("", ""), execute(""), sync_)
		heard := c.hear(3)
		mustContain(t, heard, "before")
		mustContain(t, heard, refusedByPinning...)
		mustContain(t, heard, "after")
		if n := strings.Count(strings.Join(heard, "\n"), "ErrorResponse"); n != 1 {
			t.Errorf("%d errors, want 1:\n%s", n, strings.Join(heard, "\n"))
		}
	}},
	{"before a flush", func(t *testing.T, c *client, statement string) {
		c.say(parse("", "INSERT INTO done VALUES (1)"), bind("", ""), execute(""), parse("", statement), flush)
		mustContain(t, c.hearUntil("ErrorResponse", 1), refusedByPinning...)
		c.say(simple("SELECT 'skipped'"), sync_)
		mustNotContain(t, c.hear(1), "skipped")
	}},
}

// What ends with its transaction, and what follows its client, is nothing that pinning error would refuse.
func TestPinningErrorLetsThroughWhatEndsWithItsTransaction(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\npinning error"})
		c := connect(t, p.Addr)
		for _, r := range roads {
			heard := r.travel(c, "SELECT pg_advisory_xact_lock(46)", "SELECT pg_advisory_unlock_all()", "SELECT currval(oid) FROM pg_class WHERE false",
				"SELECT set_config('work_mem', '7MB', true)", "CLOSE ALL")
			mustNotContain(t, heard, "ErrorResponse")
		}
		c.query("BEGIN")
		mustNotContain(t, simply(c, "SET LOCAL work_mem = '7MB'", "DECLARE mine CURSOR FOR VALUES ('row')", "SAVEPOINT a", "RELEASE a"), "ErrorResponse")
		mustContain(t, c.query("FETCH mine"), "row")
		c.query("COMMIT")
		mustNotContain(t, c.ask(parse("ours", "SELECT 'prepared'")), "ErrorResponse")
		mustContain(t, c.runStatement("ours"), "prepared")
	})
}

// With pinning off state lives as long as its transaction: after it nobody sees it, its client neither.
func TestPinningOffEndsStateWithItsTransaction(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\npinning off"})
		for _, pin := range append(pinnings, unshown...) {
			for _, r := range roads {
				t.Run(pin.name+"/"+r.name, func(t *testing.T) {
					owner, other := connect(t, p.Addr), connect(t, p.Addr)
					mustNotContain(t, r.travel(owner, pin.statement), "ErrorResponse")
					for who, c := range map[string]*client{"another": other, "its owner": owner} {
						if got := c.value(pin.probe); got != pin.gone {
							t.Errorf("%s: %q answers %q, want %q", who, pin.probe, got, pin.gone)
						}
					}
					owner.query("BEGIN")
					owner.query(pin.statement)
					if got := owner.value(pin.probe); got != pin.there {
						t.Errorf("in its transaction %q answers %q, want %q", pin.probe, got, pin.there)
					}
					other.say(simple(pin.probe))
					p.awaitWaiting(1)
					owner.query("COMMIT")
					mustContain(t, other.hear(1), "DataRow", fmt.Sprintf(`"text":%q`, pin.gone))
					owner.leave()
					other.leave()
				})
			}
		}
	})
}

// unshown is state that no statement shows beforehand.
var unshown = []pinning{
	{"temporary table of a block", "DO $$ BEGIN CREATE TEMP TABLE mine (n int); END $$", "SELECT to_regclass('pg_temp.mine') IS NULL", "f", "t"},
}

// awaitPinned waits until so many servers stay with their clients for a reason.
func (p *pooler) awaitPinned(reason string, want int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d servers pinned for %s", want, reason), func() error {
		var pool struct {
			Pinned map[string]int `json:"pinned"`
		}
		err := p.getJSON("/postgres/pools/app", &pool)
		if err == nil && pool.Pinned[reason] != want {
			err = fmt.Errorf("there are %v", pool.Pinned)
		}
		return err
	})
}

const temporary = "CREATE TEMP TABLE mine (n int)"

// tooManyPinned is what a client is told at the bound.
var tooManyPinned = []string{"ErrorResponse ERROR 53400", "max_pinned_servers", `hint "Raise max_pinned_servers`}

// Up to max_pinned_servers stay with their clients; one more is refused, until one of them is free.
func TestMaxPinnedServers(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Global: "event_loops 2", Pool: "pool_size 4\nmax_pinned_servers 2"})
		for name, free := range map[string]func(*client){
			"leaves":   (*client).leave,
			"vanishes": (*client).vanish,
			"drops it": func(c *client) { c.query("DROP TABLE mine") },
			"discards": func(c *client) { c.query("DISCARD ALL") },
		} {
			t.Run(name, func(t *testing.T) {
				first, second, third := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
				mustNotContain(t, first.query(temporary), "ErrorResponse")
				mustNotContain(t, second.query(temporary), "ErrorResponse")
				p.awaitPinned("temporary_table", 2)
				for _, r := range roads {
					mustContain(t, r.travel(third, temporary), tooManyPinned...)
					mustContain(t, third.query("SELECT 'goes on'"), "goes on")
				}
				// Who has a server may leave more in it; and what pins nothing needs no room.
				mustNotContain(t, first.query("SELECT pg_advisory_lock(46)"), "ErrorResponse")
				mustNotContain(t, simply(first, "SELECT pg_advisory_unlock(46)", "INSERT INTO mine VALUES (1)"), "ErrorResponse")
				mustContain(t, third.query("SELECT pg_advisory_xact_lock(47), 'free'"), "free")
				free(first)
				p.awaitPinned("temporary_table", 1)
				eventually(t, "room for another", func() error {
					if heard := third.query(temporary); contains(heard, "ErrorResponse") {
						return fmt.Errorf("heard %q", heard)
					}
					return nil
				})
				p.awaitPinned("temporary_table", 2)
				for _, c := range []*client{first, second, third} {
					c.vanish()
				}
				p.awaitClients(0)
				p.awaitPinned("temporary_table", 0)
			})
		}
	})
}

// A statement that was prepared while there was room is refused when it is to run without.
func TestMaxPinnedServersCountsWhenAStatementRuns(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3\nmax_pinned_servers 1"})
		owner, prepared := connect(t, p.Addr), connect(t, p.Addr)
		mustNotContain(t, prepared.ask(parse("lock", "SELECT pg_advisory_lock(48)")), "ErrorResponse")
		mustNotContain(t, owner.query(temporary), "ErrorResponse")
		mustContain(t, prepared.runStatement("lock"), tooManyPinned...)
		if got := prepared.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"); got != "0" {
			t.Errorf("%s locks are held", got)
		}
		owner.leave()
		eventually(t, "room for it", func() error {
			if heard := prepared.runStatement("lock"); contains(heard, "ErrorResponse") {
				return fmt.Errorf("heard %q", heard)
			}
			return nil
		})
	})
}

// The bound is of each (database, user), and none of sessions that keep their server anyway.
func TestMaxPinnedServersIsOfAUserAndNotOfSessions(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4\nmax_pinned_servers 1"})
		for _, user := range []string{"app", "other"} {
			c := connect(t, p.Addr, "user", user)
			mustNotContain(t, c.query(temporary), "ErrorResponse")
			mustContain(t, connect(t, p.Addr, "user", user).query(temporary), tooManyPinned...)
		}
		session := startPooler(t, driver, server, settings{Pool: "pool_size 4\npool_mode session\nmax_pinned_servers 1\npinning error"})
		for range 3 {
			mustNotContain(t, connect(t, session.Addr).query(temporary), "ErrorResponse")
		}
	})
}

// The options apply to clients that are there already when the configuration changes.
func TestPinningChangesWithTheConfiguration(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("an option of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		owner, c := connect(t, p.Addr), connect(t, p.Addr)
		mustNotContain(t, owner.query(temporary), "ErrorResponse")
		if err := p.reload(settings{Pool: "pool_size 2\npinning error"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "what was reloaded counts", func() error {
			if heard := c.query(temporary + "; DROP TABLE mine"); !contains(heard, refusedByPinning...) {
				return fmt.Errorf("heard %q", heard)
			}
			return nil
		})
		mustContain(t, owner.query("SELECT count(*) FROM mine"), `"0"`) // what is there stays
		if err := p.reload(settings{Pool: "pool_size 2\nmax_pinned_servers 1"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "what was reloaded counts", func() error {
			if heard := c.query(temporary + "; DROP TABLE mine"); !contains(heard, tooManyPinned...) {
				return fmt.Errorf("heard %q", heard)
			}
			return nil
		})
	})
}

// Settings whose names no text shows stay with their client, and nobody else sees them: by a bound parameter, more than are
// looked for in one text, and a name longer than any.
func TestTrap40SettingsWithoutAName(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		var many []string
		for i := range 40 {
			many = append(many, fmt.Sprintf("set_config('many.n%d', 'seven', false)", i))
		}
		long := "long." + strings.Repeat("n", 200)
		for name, c := range map[string]struct{ text, setting string }{
			"computed": {"SELECT set_config('my' || '.own', 'seven', false)", "my.own"},
			"many":     {"SELECT " + strings.Join(many, ", "), "many.n39"},
			"long":     {"SELECT set_config('" + long + "', 'seven', false)", long},
		} {
			t.Run(name, func(t *testing.T) {
				owner, other := connect(t, p.Addr), connect(t, p.Addr)
				mustNotContain(t, owner.query(c.text), "ErrorResponse")
				probe := "SELECT coalesce(current_setting('" + c.setting + "', true), '')"
				for range 3 {
					if got := other.value(probe); got != "" {
						t.Fatalf("another client finds %q", got)
					}
					if got := owner.value(probe); got != "seven" {
						t.Fatalf("its owner finds %q", got)
					}
				}
				owner.leave()
				p.awaitClients(1)
				for range 3 {
					if got := other.value(probe); got != "" {
						t.Fatalf("who comes after it finds %q", got)
					}
				}
				other.leave()
			})
		}
	})
}
