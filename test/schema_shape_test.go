//go:build e2e

package e2e

import "testing"

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
	awaits(t, reshaped)
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
