//go:build e2e

package e2e

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// A text that is prepared again after a change of the schema means what it means now, for whoever asks and wherever it
// runs: what servers have of it from before has other types.
func TestTrap19PreparedAgainAfterAChangeOfTheSchema(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if err := server.Exec(within(t), "app", "DROP TABLE IF EXISTS changing", "CREATE TABLE changing (c int)",
			"ALTER TABLE changing OWNER TO app"); err != nil {
			t.Fatal(err)
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3"})
		const insert = "INSERT INTO changing (c) VALUES ($1)"
		// describes prepares it on a server that nobody else has.
		describes := func(c *client, name string) string {
			heard := c.ask(parse(name, insert), describe(name))
			return heard[1]
		}
		a, b, c := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
		for _, each := range []*client{a, b, c} {
			each.query("BEGIN")
			each.ask(parse("before", insert))
		}
		for _, each := range []*client{a, b, c} {
			each.query("COMMIT")
		}
		asInt := describes(a, "int")
		b.query("ALTER TABLE changing ALTER c TYPE bool USING c::bool")
		asBool := describes(c, "bool")
		if asInt == asBool {
			t.Fatalf("after the change it is described as before: %s", asBool)
		}
		for _, each := range []*client{a, b, c} {
			each.query("BEGIN")
		}
		for _, each := range []*client{a, b, c} {
			if got := describes(each, "again"); got != asBool {
				t.Errorf("%s, want %s", got, asBool)
			}
			mustContain(t, each.runStatement("again", "true"), "INSERT 0 1")
			mustContain(t, each.query("COMMIT"), "COMMIT")
		}

		// In the transaction that changes it, and for others when that is over.
		a.query("BEGIN")
		a.query("ALTER TABLE changing ALTER c TYPE text")
		asText := describes(a, "text")
		if asText == asBool {
			t.Errorf("in its own transaction it is described as before: %s", asText)
		}
		a.query("COMMIT")
		if got := describes(b, "text"); got != asText {
			t.Errorf("when that is over: %s, want %s", got, asText)
		}
	})
}

// A change that goes past the pooler breaks a statement once, not for ever.
func TestTrap19AChangeThatGoesPastThePooler(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		past := func(statements ...string) {
			t.Helper()
			if err := server.Exec(within(t), "app", statements...); err != nil {
				t.Fatal(err)
			}
		}
		past("DROP TABLE IF EXISTS moody", "DROP TYPE IF EXISTS mood", "CREATE TYPE mood AS ENUM ('good')",
			"CREATE TABLE moody (m mood)", "ALTER TABLE moody OWNER TO app")
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		a := connect(t, p.Addr)
		a.ask(parse("s", "INSERT INTO moody VALUES ($1)"))
		mustContain(t, a.runStatement("s", "good"), "INSERT 0 1")
		past("DROP TABLE moody", "DROP TYPE mood", "CREATE TYPE mood AS ENUM ('good')", "CREATE TABLE moody (m mood)",
			"ALTER TABLE moody OWNER TO app")
		mustContain(t, a.runStatement("s", "good"), "ErrorResponse")
		b := connect(t, p.Addr)
		b.ask(parse("s", "INSERT INTO moody VALUES ($1)"))
		mustContain(t, b.runStatement("s", "good"), "INSERT 0 1")
	})
}
