//go:build e2e

package e2e

// statementTalks is prepared statements by SQL and by the protocol, which share their names.
var statementTalks = []conversation{
	{name: "prepared in SQL", script: script{
		"PREPARE p AS SELECT 'sql'", "EXECUTE p", ext("EXECUTE p"), batch{bind("", "p"), describePortal(""), execute(""),
			sync_}, batch{describe("p"), sync_},
		"PREPARE p AS SELECT 2", batch{parse("p", "SELECT 3"), sync_}, batch{closeStatement("p"), sync_}, "EXECUTE p",
		batch{parse("p", "SELECT 4"), sync_}, "EXECUTE p",
	}},
	{name: "prepared by the protocol", script: script{
		batch{parse("q", "SELECT $1::int + 1"), sync_}, "EXECUTE q(41)", ext("EXECUTE q(1)"), "EXECUTE q",
		"EXPLAIN (COSTS OFF) EXECUTE q(1)",
		"CREATE TABLE scene.made AS EXECUTE q(6)", "TABLE scene.made", "DROP TABLE scene.made", "DEALLOCATE q",
		batch{bind("", "q", "1"), sync_}, "DEALLOCATE q",
	}},
	{name: "with parameters and types", script: script{
		"PREPARE p(int, text) AS SELECT $1 * 2, $2 || '!'", "EXECUTE p(1, 'x')", batch{describe("p"), sync_},
		batch{bind("", "p", "2", "y"), execute(""), sync_},
		"EXECUTE p(1)", "EXECUTE p('x', 'y')", "DEALLOCATE p",
		"PREPARE q AS SELECT $1", batch{describe("q"), sync_}, "EXECUTE q('t')", "DEALLOCATE q",
	}},
	{name: "names in quotes and long ones", script: script{
		`PREPARE "Mixed Case" AS SELECT 1`, `EXECUTE "Mixed Case"`, batch{bind("", "Mixed Case"), execute(""), sync_},
		"EXECUTE mixed", `DEALLOCATE "Mixed Case"`,
		"PREPARE UPPER AS SELECT 2", "EXECUTE upper", batch{bind("", "upper"), execute(""), sync_},
		batch{bind("", "UPPER"), sync_}, `DEALLOCATE PREPARE "upper"`,
		"PREPARE a123456789012345678901234567890123456789012345678901234567890123456789 AS SELECT 3",
		batch{bind("", "a12345678901234567890123456789012345678901234567890123456789012"), execute(""), sync_},
		"EXECUTE a1234567890123456789012345678901234567890123456789012345678901234567", "DEALLOCATE ALL", "EXECUTE upper",
	}},
	{name: "in transactions that fail", script: script{
		"BEGIN", "PREPARE p AS SELECT 'kept'", "ROLLBACK", "EXECUTE p", "BEGIN; DEALLOCATE p; ROLLBACK", "EXECUTE p",
		"PREPARE p AS SELECT 1; SELECT 1/0", "EXECUTE p",
		"DEALLOCATE ALL", join(pbe("PREPARE r AS SELECT 'r'"), pbe("SELECT 1/0"), sync_), "EXECUTE r",
		batch{parse("r", "SELECT 's'"), sync_},
	}},
	{name: "executed inside", script: script{
		"PREPARE p(int) AS SELECT $1 + 1", "DO $$ BEGIN EXECUTE 'EXECUTE p(1)'; END $$", "EXECUTE p(2)",
		ext("DO $$ BEGIN EXECUTE 'EXECUTE p(3)'; END $$"), "DEALLOCATE p", "DO $$ BEGIN EXECUTE 'EXECUTE p(1)'; END $$",
		"PREPARE q AS SELECT 5", "DEALLOCATE ALL", "DO $$ BEGIN EXECUTE 'EXECUTE q'; END $$", "PREPARE q AS SELECT 6", "EXECUTE q",
	}},
	{name: "errors of PREPARE", script: script{
		"PREPARE p AS SELEC", "EXECUTE p", "PREPARE p AS SELECT nosuch", "EXECUTE p", "PREPARE p AS CREATE TABLE x (n int)",
		"DEALLOCATE p", "EXECUTE p(1, 2)",
		ext("PREPARE p AS SELECT nosuch"), ext("EXECUTE p"), ext("DEALLOCATE p"),
	}},
	{name: "all gone at once", script: script{
		"PREPARE a AS SELECT 1", batch{parse("b", "SELECT 2"), sync_}, "DEALLOCATE ALL", "EXECUTE a",
		batch{bind("", "b"), sync_}, "PREPARE a AS SELECT 3",
		batch{parse("b", "SELECT 4"), bind("", "b"), execute(""), sync_}, "DISCARD ALL", "EXECUTE a",
		batch{bind("", "b"), sync_},
		batch{parse("b", "SELECT 5"), sync_}, "DISCARD PLANS", batch{bind("", "b"), execute(""), sync_},
		"DISCARD TEMP; DISCARD SEQUENCES", batch{bind("", "b"), execute(""), sync_},
	}},
	{name: "as pg_prepared_statements shows them", script: script{
		"PREPARE a(int) AS SELECT $1",
		"SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY name",
	}},
	{name: "of the protocol, as pg_prepared_statements shows them", script: script{
		batch{parse("b", "SELECT 2"), sync_},
		"SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY name",
	}},
	{name: "whose table changes", script: script{
		"CREATE TABLE scene.made (n int)", batch{parse("s", "SELECT * FROM scene.made"), bind("", "s"), describePortal(""),
			execute(""), sync_},
		"INSERT INTO scene.made VALUES (1)", batch{bind("", "s"), execute(""), sync_}, "DROP TABLE scene.made",
		batch{bind("", "s"), execute(""), sync_}, "CREATE TABLE scene.made (n int)",
		batch{bind("", "s"), execute(""), sync_}, "DROP TABLE scene.made",
	}},
	{name: "described when its table is gone", script: script{
		"CREATE TABLE scene.made (n int)", batch{parse("s", "SELECT * FROM scene.made"), sync_}, "DROP TABLE scene.made", batch{describe("s"), sync_},
	}, awaits: "a Describe of a statement whose table is gone tells the parameters before the error"},
	{name: "executed in several ways in one query", script: script{
		"PREPARE a AS SELECT 1; EXECUTE a; DEALLOCATE a; PREPARE a AS SELECT 2; EXECUTE a", "EXECUTE a; EXECUTE a; SELECT 3",
		"DEALLOCATE a; EXECUTE a; SELECT 4",
		"EXECUTE a", batch{parse("e", "EXECUTE a"), sync_},
	}},
}
