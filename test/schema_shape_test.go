//go:build e2e

package e2e

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// In session mode a prepared statement whose result has another shape since is refused, by whoever it was prepared, until
// its client prepares it again, as another may have done already: a driver that was told the shape once would take what
// comes for it (trap 19).
func TestTrap19InSessionModeEachPreparesAgainForItself(t *testing.T) {
	both(t, settings{Global: "event_loops 1", Pool: "pool_size 2\npool_mode session"}, func(t *testing.T, c *client) {
		const all = "SELECT * FROM reshaped"
		other := c.beside()
		defer other.leave()
		c.query("CREATE TABLE reshaped AS SELECT 1 AS one")
		for _, each := range []*client{c, other} {
			each.ask(parse("s", all), describe("s"))
			mustContain(t, each.runStatement("s"), "DataRow")
		}
		c.query("ALTER TABLE reshaped ADD two int DEFAULT 2")
		mustContain(t, c.runStatement("s"), "0A000")
		mustContain(t, c.runStatement("s"), "0A000")
		c.ask(closeStatement("s"))
		c.ask(parse("s", all), describe("s"))
		mustContain(t, c.runStatement("s"), "DataRow")
		mustContain(t, other.runStatement("s"), "0A000")
		c.query("DROP TABLE reshaped")
	})
}

// In transaction mode too, on a server that is to prepare it for this Bind only.
func TestTrap19InTransactionModeAShapeIsWhatItWasDescribedAs(t *testing.T) {
	both(t, settings{Global: "event_loops 1", Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		other := c.beside()
		defer other.leave()
		c.query("CREATE TABLE reshaped AS SELECT 1 AS one")
		c.ask(parse("s", "SELECT * FROM reshaped"), describe("s"))
		c.runStatement("s")
		other.query("ALTER TABLE reshaped ADD two int DEFAULT 2")
		other.query("BEGIN") // takes the server that has prepared it
		mustContain(t, c.runStatement("s"), "0A000")
		other.query("COMMIT")
		c.query("DROP TABLE reshaped")
	})
}

// A transaction in which it is refused has failed, as with any error, and goes back to its savepoint: the driver of Java
// prepares again like that (autosave).
func TestTrap19AShapeIsHeldToInATransaction(t *testing.T) {
	both(t, settings{Global: "event_loops 1", Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		const all = "SELECT * FROM reshaped"
		other := c.beside()
		defer other.leave()
		c.query("CREATE TABLE reshaped AS SELECT 1 AS one")
		c.query("CREATE TABLE beside (b int)")
		c.ask(parse("s", all), describe("s"))
		c.runStatement("s")
		other.query("ALTER TABLE reshaped ADD two int DEFAULT 2")
		other.query("BEGIN") // takes the server that has prepared it
		c.query("BEGIN")
		c.query("INSERT INTO beside VALUES (1)")
		c.query("SAVEPOINT before")
		mustContain(t, c.runStatement("s"), "0A000")
		mustContain(t, c.query("SELECT 1"), "25P02")
		c.query("ROLLBACK TO before")
		mustContain(t, c.runStatement("s"), "0A000")
		c.query("ROLLBACK TO before")
		c.ask(closeStatement("s"))
		c.ask(parse("s", all), describe("s"))
		mustContain(t, c.runStatement("s"), "DataRow")
		c.query("COMMIT")
		mustContain(t, c.query("SELECT b FROM beside"), "DataRow")
		other.query("COMMIT")
		c.query("DROP TABLE reshaped, beside")
	})
}

// What is changed and rolled back has never been changed: whoever was told the shape of before may go on.
func TestTrap19AChangeThatIsRolledBack(t *testing.T) {
	both(t, settings{Global: "event_loops 1", Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		const all = "SELECT * FROM reshaped"
		other := c.beside()
		defer other.leave()
		c.query("CREATE TABLE reshaped AS SELECT 1 AS one")
		c.ask(parse("s", all), describe("s"))
		other.query("BEGIN")
		other.query("ALTER TABLE reshaped ADD two int DEFAULT 2")
		other.ask(parse("t", all), describe("t"))
		mustContain(t, other.runStatement("t"), "DataRow")
		other.query("ROLLBACK")
		mustContain(t, c.runStatement("s"), "DataRow")
		mustContain(t, other.runStatement("t"), "0A000")
		mustContain(t, c.runStatement("s"), "DataRow")
		c.query("DROP TABLE reshaped")
	})
}

// A change by somebody who does not go through us is noticed when Postgres refuses what anybody has prepared.
func TestTrap19AShapeThatChangedPastThePooler(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		past := func(statements ...string) {
			t.Helper()
			if err := server.Exec(within(t), "app", statements...); err != nil {
				t.Fatal(err)
			}
		}
		past("DROP TABLE IF EXISTS reshaped", "CREATE TABLE reshaped AS SELECT 1 AS one", "GRANT ALL ON reshaped TO app")
		p := startPooler(t, driver, server, settings{Global: "event_loops 1", Pool: "pool_size 2"})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		for _, c := range []*client{a, b} {
			c.ask(parse("s", "SELECT * FROM reshaped"), describe("s"))
			mustContain(t, c.runStatement("s"), "DataRow")
		}
		past("ALTER TABLE reshaped ADD two int DEFAULT 2")
		mustContain(t, b.runStatement("s"), "0A000")
		b.query("BEGIN") // takes the server that has prepared it
		mustContain(t, a.runStatement("s"), "0A000")
		b.query("ROLLBACK")
		a.ask(closeStatement("s"))
		a.ask(parse("s", "SELECT * FROM reshaped"), describe("s"))
		mustContain(t, a.runStatement("s"), "DataRow")
		mustContain(t, b.runStatement("s"), "0A000")
	})
}
