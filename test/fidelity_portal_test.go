//go:build e2e

package e2e

// series is a statement whose rows are as many as its parameter says.
const series = "SELECT * FROM generate_series(1, $1)"

// portalTalks is portals, suspended and interleaved, and the rules of the unnamed.
var portalTalks = []conversation{
	{name: "suspended by a limit", script: script{
		batch{parse("g", series), sync_}, "BEGIN",
		batch{bind("p", "g", "5"), executeRows("p", 2), sync_}, batch{executeRows("p", 2), sync_},
		batch{describePortal("p"), executeRows("p", 1), sync_},
		batch{executeRows("p", 1), sync_}, batch{execute("p"), sync_}, "COMMIT",
	}},
	{name: "interleaved", script: script{
		batch{parse("g", series), sync_}, "BEGIN", batch{bind("a", "g", "4"), bind("b", "g", "6"), bind("", "g", "3"), sync_},
		batch{executeRows("a", 1), executeRows("b", 2), executeRows("", 1), executeRows("a", 2), executeRows("b", 3), sync_},
		batch{executeRows("b", 9), executeRows("a", 9), execute(""), closePortal("a"), execute("a"), sync_}, "ROLLBACK",
	}},
	{name: "end with their transaction", script: script{
		batch{parse("g", series), bind("p", "g", "5"), executeRows("p", 2), sync_}, batch{executeRows("p", 1), sync_},
		"BEGIN", batch{bind("p", "g", "5"), executeRows("p", 2), sync_}, "COMMIT", batch{executeRows("p", 1), sync_},
		"BEGIN", batch{bind("p", "g", "5"), executeRows("p", 2), sync_}, "SELECT 1/0", batch{executeRows("p", 1), sync_},
		batch{closePortal("p"), sync_}, "ROLLBACK",
	}},
	{name: "and savepoints", script: script{
		batch{parse("g", series), sync_}, "BEGIN", batch{bind("before", "g", "5"), executeRows("before", 1), sync_},
		"SAVEPOINT a",
		batch{bind("after", "g", "5"), executeRows("after", 1), sync_}, "ROLLBACK TO a",
		batch{executeRows("before", 1), sync_},
		batch{executeRows("after", 1), sync_}, "ROLLBACK TO a", batch{executeRows("before", 1), sync_}, "ROLLBACK",
	}},
	{name: "a name that is taken", script: script{
		batch{parse("g", series), sync_}, "BEGIN", batch{bind("p", "g", "5"), bind("p", "g", "5"), sync_}, "ROLLBACK",
		"BEGIN", batch{bind("", "g", "5"), bind("", "g", "2"), execute(""), sync_},
		batch{bind("p", "g", "1"), closePortal("p"), bind("p", "g", "2"), execute("p"), sync_},
		"COMMIT",
	}},
	{name: "of what returns no rows", script: script{
		"BEGIN", batch{parse("", "INSERT INTO scene.t VALUES (1), (2), (3)"), bind("p", ""), executeRows("p", 1),
			executeRows("p", 1), sync_}, "ROLLBACK",
		"BEGIN", batch{parse("", "INSERT INTO scene.t VALUES (1), (2), (3) RETURNING n"), bind("p", ""), executeRows("p", 1),
			executeRows("p", 1), sync_},
		batch{execute("p"), execute("p"), sync_}, "COMMIT", "TABLE scene.t",
	}},
	{name: "described before Bind", script: script{
		batch{parse("d", "SELECT $1::int AS n, $2 || 'x' AS t"), describe("d"), sync_},
		batch{describe("d"), describe("d"), sync_},
		batch{describePortal(""), sync_}, batch{describePortal("d"), sync_}, batch{describe(""), sync_},
		batch{parse("none", "INSERT INTO scene.t VALUES ($1)"), describe("none"), bind("", "none", "1"), describePortal(""),
			sync_},
	}},
	{name: "Close of the unknown", script: script{
		batch{closeStatement("nosuch"), closePortal("nosuch"), closeStatement(""), closePortal(""), sync_},
		batch{parse("s", "SELECT 1"), closePortal("s"), bind("", "s"), execute(""), sync_},
		batch{closeStatement("s"), closeStatement("s"), bind("", "s"), sync_}, "BEGIN",
		batch{closeStatement("nosuch"), sync_}, "ROLLBACK",
	}},
	{name: "of a statement that is closed", script: script{
		"BEGIN", batch{parse("s", series), bind("p", "s", "3"), executeRows("p", 1), closeStatement("s"), executeRows("p", 1),
			sync_},
		batch{execute("p"), sync_}, batch{bind("q", "s", "1"), sync_}, "ROLLBACK",
	}},
	{name: "the unnamed statement", script: script{
		batch{parse("", "SELECT 'first'"), sync_}, batch{bind("", ""), execute(""), sync_},
		batch{bind("", ""), execute(""), sync_},
		batch{parse("", "SELECT 'second'"), bind("", ""), parse("", "SELECT 'third'"), execute(""), bind("", ""), execute(""),
			sync_},
		batch{parse("", "SELEC"), sync_}, batch{bind("", ""), execute(""), sync_},
		batch{parse("", "SELECT 'fourth'"), sync_}, "SELECT 'simple'", batch{bind("", ""), execute(""), sync_},
		batch{parse("", "SELECT 'fifth'"), closeStatement(""), bind("", ""), sync_},
		batch{parse("", "SELECT $1::text"), sync_}, "", batch{bind("", "", "x"), sync_},
	}},
	{name: "the unnamed statement after errors", script: script{
		batch{parse("", "SELECT 'kept'"), execute("nosuch"), sync_}, batch{bind("", ""), execute(""), sync_},
		batch{parse("", "SELECT 1/0"), bind("", ""), execute(""), sync_}, batch{bind("", ""), execute(""), sync_},
		batch{bind("", "nosuch"), parse("", "SELECT 'skipped'"), sync_}, batch{bind("", ""), execute(""), sync_},
		"BEGIN; SELECT 1/0", batch{parse("", "SELECT 'refused'"), sync_}, "ROLLBACK", batch{bind("", ""), execute(""), sync_},
	}},
	{name: "the unnamed portal", script: script{
		"BEGIN", batch{parse("g", series), bind("", "g", "5"), executeRows("", 1), sync_}, batch{executeRows("", 1), sync_},
		batch{parse("", "SELECT 'another statement'"), executeRows("", 1), sync_}, batch{bind("", ""), execute(""), sync_},
		batch{bind("", "g", "5"), executeRows("", 1), sync_}, "SELECT 'simple'", batch{executeRows("", 1), sync_}, "ROLLBACK",
	}},
	{name: "Execute again", script: script{
		batch{parse("", "SELECT 'once'"), bind("", ""), execute(""), execute(""), execute(""), sync_},
		batch{parse("", "INSERT INTO scene.t VALUES (1)"), bind("", ""), execute(""), execute(""), sync_}, "TABLE scene.t",
	}},
}
