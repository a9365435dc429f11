//go:build e2e

package e2e

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

func TestSessionModeKeepsTheServer(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\npool_mode session"})
		first := connect(t, p.Addr)
		pid := first.value("SELECT pg_backend_pid()")
		first.query("SET work_mem = '7MB'; CREATE TEMP TABLE mine (n int); PREPARE p AS SELECT 1; LISTEN ch")
		first.ask(parse("s", "SELECT 'kept'"))
		for range 3 {
			mustContain(t, first.runStatement("s"), "kept")
			if now := first.value("SELECT pg_backend_pid()"); now != pid {
				t.Errorf("server %s, then %s", pid, now)
			}
		}
		if !direct() {
			second := connect(t, p.Addr)
			second.say(simple("SHOW work_mem"))
			p.awaitWaiting(1)
			first.leave()
			mustContain(t, second.hear(1), "4MB")
			// Nothing of the first is left.
			mustContain(t, second.query("SELECT * FROM mine"), "42P01")
			mustContain(t, second.query("EXECUTE p"), "26000")
			mustContain(t, second.query("SELECT count(*) FROM pg_listening_channels()"), `"0"`)
			mustContain(t, second.ask(parse("s", "SELECT 'own'"), bind("", "s"), execute("")), "own")
		}
	})
}

func TestStatementModeRefusesTransactions(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no such mode")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\npool_mode statement"})
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		mustContain(t, c.query("SELECT 'autocommit'"), "autocommit")
		mustContain(t, c.ask(parse("s", "SELECT 'prepared'"), bind("", "s"), execute("")), "prepared")
		mustContain(t, c.runStatement("s"), "prepared")
		heard := c.tryQuery("BEGIN")
		mustContain(t, heard, "ErrorResponse", "0A000")
		mustNotContain(t, heard, `hint ""`)
		mustContain(t, other.query("SELECT 'not held up'"), "not held up")
		// What its batch has done before is undone.
		other.query("CREATE TABLE IF NOT EXISTS undone (x int)")
		insert := []pgproto3.FrontendMessage{parse("", "INSERT INTO undone VALUES (1)"), bind("", ""), execute("")}
		mustContain(t, other.ask(append(insert, parse("t", "BEGIN"), bind("", "t"), execute(""))...), "0A000")
		other.say(append(insert, simple("BEGIN"))...)
		mustContain(t, other.hearAnyEnd(), "0A000")
		mustContain(t, other.query("SELECT count(*) FROM undone"), `"0"`)
		again := connect(t, p.Addr)
		mustContain(t, again.query("SELECT 'served'"), "served")
	})
}

// tryQuery runs a simple query that may cost the connection.
func (c *client) tryQuery(sql string) []string {
	c.t.Helper()
	c.say(simple(sql))
	return c.hearAnyEnd()
}

func TestSimpleQueriesOfEveryShape(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		for _, sql := range []string{
			"SELECT 1", "", ";", "  -- only a comment\n", "SELECT 1; SELECT 2", "SELECT 1;;SELECT 2;", "SELECT nosuch",
			"SELECT 1; SELECT nosuch; SELECT 3", "SELEC", "SELECT NULL, '', 'ü'", "SELECT FROM generate_series(1, 3)",
			"SELECT 1/0", "BEGIN; SELECT 1; COMMIT", "BEGIN", "SELECT 1/0", "SELECT 'in a failed transaction'", "ROLLBACK",
			"COMMIT", "BEGIN", "SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a", "SELECT 'after a savepoint'", "COMMIT AND CHAIN",
			"ROLLBACK", "DO $$ BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'careful'; END $$", "VALUES (1), (2)", "SHOW server_version",
			"EXPLAIN (COSTS OFF) SELECT 1", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "COMMIT", "START TRANSACTION", "ABORT",
		} {
			c.query(sql)
		}
	})
}

func TestExtendedErrorsSkipToSync(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		c.ask(parse("", "SELECT 1/0"), bind("", ""), execute(""), parse("", "SELECT 1"), bind("", ""), execute(""))
		c.say(parse("", "SELEC"), flush)
		c.hearUntil("ErrorResponse", 1)
		c.say(simple("SELECT 'skipped'"), bind("", ""), sync_)
		c.hear(1)
		c.query("SELECT 'in step'")
		c.ask()
		c.ask(parse("", ""), bind("", ""), execute(""))
		c.ask(&pgproto3.Parse{Query: "SELECT 1; SELECT 2"})
		c.ask(describePortal("nosuch"))
		c.query("BEGIN")
		c.ask(parse("x", "SELECT 1/0"), bind("", "x"), execute(""))
		mustContain(t, c.runStatement("x"), "25P02")
		c.query("ROLLBACK")
		c.ask(closeStatement("x"))
		c.ask(&pgproto3.Parse{Name: "bin", Query: "SELECT 258::int4"})
		c.ask(&pgproto3.Bind{PreparedStatement: "bin", ResultFormatCodes: []int16{1}}, execute(""))
	})
}
