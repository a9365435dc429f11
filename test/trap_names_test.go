//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// listed is a client's own prepared statements, as Postgres has them, from whichever of its views.
const listed = "SELECT name, statement, parameter_types::text, from_sql FROM pg_prepared_statements ORDER BY name"

// In pg_prepared_statements a client finds what it has prepared, by its own names, and nothing else: on a server that others have
// used, by both protocols, after all that may happen to names.
func TestTrap20PgPreparedStatementsShowsAClientItsOwn(t *testing.T) {
	both(t, settings{Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		beside := c.beside()
		defer beside.leave()
		beside.ask(parse("s", "SELECT 'of another'"), parse("another's", "SELECT 1"))
		beside.query("PREPARE p AS SELECT 'of another'")
		for _, name := range []string{"s", `odd "name"`, "_pgmux", "PREPARE", "Ä", strings.Repeat("n", 70)} {
			c.ask(parse(name, "SELECT $1::int, 'by the protocol'"))
		}
		c.query(listed)
		c.query("PREPARE p (int, text) AS SELECT $1, $2")
		c.query(`PREPARE "Odd "" name" AS SELECT 'of sql'`)
		c.ask(join(pbe(listed))...)
		c.query("SELECT count(*) FROM pg_prepared_statement()")
		c.query("EXECUTE p (1, 'one')")
		c.runStatement("s", "7")
		c.query("DEALLOCATE p")
		c.ask(closeStatement("s"))
		c.query(listed)
		c.query("BEGIN")
		c.query("PREPARE amid AS SELECT 1")
		c.ask(parse("amid too", "SELECT 2"))
		c.query(listed)
		c.query("ROLLBACK")
		c.query(listed)
		c.query("DEALLOCATE ALL")
		c.query(listed)
		c.ask(parse("again", "SELECT 3"))
		c.query("SELECT 1; " + listed)
		c.query("DISCARD ALL")
		c.query(listed)
	})
}

// Two clients that look at what they have prepared take turns with few servers: each finds its own and neither the other's.
func TestTrap20ClientsThatLookTakeTurns(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		for round := range 20 {
			a, b := connect(t, p.Addr), connect(t, p.Addr)
			for i, c := range []*client{a, b} {
				c.ask(parse("mine", fmt.Sprintf("SELECT 'of %d in round %d'", i, round)))
				c.query(fmt.Sprintf("PREPARE sql AS SELECT 'of %d, by sql, in round %d'", i, round))
			}
			for range 2 {
				for i, c := range []*client{a, b} {
					heard := c.query(listed)
					mustContain(t, heard, "DataRow", `"text":"mine"`, fmt.Sprintf("of %d in round %d'", i, round))
					mustContain(t, heard, "DataRow", `"text":"sql"`, fmt.Sprintf("of %d, by sql, in round %d'", i, round))
					if n := len(heard); n != 2+3 {
						t.Fatalf("round %d: %d messages, want two rows:\n%s", round, n, strings.Join(heard, "\n"))
					}
					c.query("DEALLOCATE ALL") // which gives its server back
					mustNotContain(t, c.query(listed), "DataRow")
					c.ask(parse("mine", fmt.Sprintf("SELECT 'of %d in round %d'", i, round)))
					c.query(fmt.Sprintf("PREPARE sql AS SELECT 'of %d, by sql, in round %d'", i, round))
				}
			}
			a.leave()
			b.leave()
		}
	})
}

// Errors, notices and what is said about them name statements as their client does, whichever road a statement took.
func TestTrap20InternalNamesNeverReachAClientInAnythingItIsTold(t *testing.T) {
	both(t, settings{Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		c.query("PREPARE mine (int) AS SELECT 1/$1")
		for _, sql := range []string{"EXECUTE mine", "EXECUTE mine (0)", "EXECUTE mine ('x')", "EXECUTE mine (1, 2)", "PREPARE mine AS SELECT 1",
			"EXECUTE nosuch", "DEALLOCATE nosuch", "EXPLAIN (COSTS OFF, VERBOSE) EXECUTE mine (1)", "CREATE TEMP TABLE made AS EXECUTE mine (0)",
			"SELECT 1; EXECUTE mine (0); SELECT 2", "SELECT 'Ä'; EXECUTE mine; SELECT 2"} {
			c.query(sql)
			c.ask(join(pbe(sql))...)
		}
		c.ask(parse("s", "SELECT 1/$1::int"), parse("s", "SELECT 1"))
		c.runStatement("s", "0")
		c.runStatement("s")
		c.ask(describe("nosuch"))
		c.query("EXECUTE s (0)")
		for _, l := range c.heard {
			if strings.Contains(l, "pgmux") {
				t.Errorf("the client is told of a name that is not its own: %s", l)
			}
		}
	})
}
