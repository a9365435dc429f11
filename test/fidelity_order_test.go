//go:build e2e

package e2e

// orderTalks is messages where they have no place.
var orderTalks = []conversation{
	{name: "Execute and Describe of nothing", script: script{
		batch{execute(""), sync_}, batch{execute("nosuch"), sync_}, batch{describePortal(""), sync_},
		batch{describe(""), sync_}, batch{bind("", ""), sync_},
		batch{bind("p", "nosuch"), execute("p"), sync_}, "SELECT 'in step'",
	}},
	{name: "a Query amid a batch", script: script{
		batch{parse("s", "SELECT 's'"), simple("SELECT 'simple'"), bind("", "s"), execute(""), sync_},
		batch{parse("", "SELECT 'unnamed'"), bind("", ""), simple("SELECT 'simple'"), execute(""), sync_},
		join(pbe("INSERT INTO scene.t VALUES (1)"), simple("SELECT 1/0"), pbe("INSERT INTO scene.t VALUES (2)"), sync_),
		"TABLE scene.t",
		join(pbe("INSERT INTO scene.t VALUES (3)"), simple("SELECT 1"), pbe("SELECT 1/0"), sync_), "TABLE scene.t",
		join(pbe("INSERT INTO scene.t VALUES (4)"), simple("ROLLBACK"), sync_), "TABLE scene.t",
		join(pbe("BEGIN"), simple("SELECT 1"), pbe("INSERT INTO scene.t VALUES (5)"), sync_), "ROLLBACK", "TABLE scene.t",
	}},
	{name: "a Query after an error in a batch", script: script{
		until("ReadyForQuery", 1, join(pbe("SELECT 1/0"), simple("SELECT 'skipped'"), sync_)...), "SELECT 'in step'",
		until("ErrorResponse", 1, join(pbe("SELECT 1/0"), flush)...), batch{sync_}, "SELECT 'in step'",
	}},
	{name: "Syncs", script: script{
		batch{sync_}, batch{sync_, sync_}, "BEGIN", batch{sync_}, "SELECT 1/0", batch{sync_, sync_}, "ROLLBACK", batch{sync_},
	}},
	{name: "a name twice", script: script{
		batch{parse("s", "SELECT 1"), parse("s", "SELECT 1"), sync_}, batch{bind("", "s"), execute(""), sync_},
		batch{parse("s", "SELECT 2"), sync_},
		batch{closeStatement("s"), parse("s", "SELECT 3"), bind("", "s"), execute(""), sync_},
	}},
	{name: "statements and portals of one name", script: script{
		"BEGIN", batch{parse("x", "SELECT 'x'"), bind("x", "x"), closeStatement("x"), execute("x"), sync_},
		batch{closePortal("x"), parse("x", "SELECT 'y'"), bind("x", "x"), execute("x"), sync_}, "ROLLBACK",
	}},
}
