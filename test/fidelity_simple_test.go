//go:build e2e

package e2e

// simpleTalks is queries of several statements, each an implicit transaction until one of them says otherwise.
var simpleTalks = []conversation{
	{name: "empty in every form", script: script{
		"", ";", ";;", " ", "-- nothing", "/* nothing */;", "; SELECT 1;; ;SELECT 2 ; ", ext(""), ext(";"), ext("-- nothing"),
		ext(" ;; "),
		batch{parse("e", ""), describe("e"), bind("", "e"), describePortal(""), execute(""), execute(""), sync_},
		batch{bind("", "e"), executeRows("", 1), closeStatement("e"), sync_},
	}},
	{name: "an error in the middle undoes all", script: script{
		"INSERT INTO scene.t VALUES (1); SELECT 1/0; INSERT INTO scene.t VALUES (2)", "TABLE scene.t",
		"INSERT INTO scene.t VALUES (1); INSERT INTO scene.t VALUES (1)", "TABLE scene.t",
		"INSERT INTO scene.t VALUES (1); SELEC; INSERT INTO scene.t VALUES (2)", "TABLE scene.t",
	}},
	{name: "BEGIN in the middle", script: script{
		"INSERT INTO scene.t VALUES (1); BEGIN; INSERT INTO scene.t VALUES (2)", "INSERT INTO scene.t VALUES (3)", "ROLLBACK",
		"TABLE scene.t",
		"INSERT INTO scene.t VALUES (4); BEGIN; SELECT 1/0", "SELECT 'in a failed transaction'", "COMMIT", "TABLE scene.t",
		"SELECT 1; BEGIN ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation", "COMMIT",
	}},
	{name: "COMMIT in the middle", script: script{
		"INSERT INTO scene.t VALUES (1); COMMIT; INSERT INTO scene.t VALUES (2); SELECT 1/0", "TABLE scene.t",
		"BEGIN; INSERT INTO scene.t VALUES (3); COMMIT; INSERT INTO scene.t VALUES (4); SELECT 1/0", "TABLE scene.t",
		"BEGIN; INSERT INTO scene.t VALUES (5); COMMIT; BEGIN; INSERT INTO scene.t VALUES (6); COMMIT; SELECT 1/0",
		"TABLE scene.t",
		"INSERT INTO scene.t VALUES (7); COMMIT AND CHAIN", "INSERT INTO scene.t VALUES (8); COMMIT", "TABLE scene.t",
	}},
	{name: "ROLLBACK in the middle", script: script{
		"INSERT INTO scene.t VALUES (1); ROLLBACK; INSERT INTO scene.t VALUES (2)", "TABLE scene.t",
		"BEGIN; INSERT INTO scene.t VALUES (3); ROLLBACK; INSERT INTO scene.t VALUES (4)", "TABLE scene.t",
		"BEGIN; INSERT INTO scene.t VALUES (5); ROLLBACK AND CHAIN; INSERT INTO scene.t VALUES (6)", "COMMIT AND CHAIN",
		"SELECT 1", "ABORT",
		"TABLE scene.t",
	}},
	{name: "one transaction after another", script: script{
		"BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2", "COMMIT; BEGIN; SELECT 3", "END; SELECT 4", "BEGIN; BEGIN",
		"COMMIT; COMMIT",
		"SAVEPOINT a; SELECT 1", "RELEASE a", "ROLLBACK TO a", "BEGIN; SAVEPOINT a; SELECT 1/0", "ROLLBACK TO a; SELECT 1",
		"COMMIT",
	}},
	{name: "a failed transaction", script: script{
		"BEGIN", "INSERT INTO scene.t VALUES (1)", "SELECT 1/0", "SELECT 1", ext("SELECT 1"), "", ext(""), "SHOW work_mem",
		"SET work_mem = '1MB'",
		"BEGIN", "SAVEPOINT a", "COMMIT", "TABLE scene.t", "BEGIN; SELECT 1/0; COMMIT", "COMMIT; SELECT 'after'",
		"BEGIN; SELECT 1/0", "ROLLBACK; SELECT 'after'", "BEGIN; SELECT 1/0", "COMMIT AND CHAIN", "SELECT 1", "ROLLBACK",
	}},
	{name: "savepoints", script: script{
		"BEGIN", "INSERT INTO scene.t VALUES (1)", "SAVEPOINT a", "INSERT INTO scene.t VALUES (2)", "SAVEPOINT b",
		"INSERT INTO scene.t VALUES (1)",
		"ROLLBACK TO b", "INSERT INTO scene.t VALUES (3)", "RELEASE a", "ROLLBACK TO b", "ROLLBACK TO nosuch", "ROLLBACK",
		"TABLE scene.t",
		"BEGIN", "SAVEPOINT a", ext("INSERT INTO scene.t VALUES (4)"), ext("SAVEPOINT a"), ext("SELECT 1/0"),
		ext("ROLLBACK TO a"), ext("RELEASE a"),
		ext("ROLLBACK TO a"), ext("INSERT INTO scene.t VALUES (5)"), ext("COMMIT"), "TABLE scene.t",
	}},
	{name: "a deferred constraint fails at the end of a query", script: script{
		"INSERT INTO scene.late VALUES (1); INSERT INTO scene.late VALUES (1)",
		"BEGIN; INSERT INTO scene.late VALUES (1), (1); COMMIT; SELECT 1",
		"TABLE scene.late",
	}},
	{name: "two phases", script: script{
		"BEGIN; INSERT INTO scene.t VALUES (1)", "PREPARE TRANSACTION 'scene'", "ROLLBACK PREPARED 'nosuch'",
		"COMMIT PREPARED 'scene'",
	}},
	{name: "transaction characteristics", script: script{
		"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE", "SHOW transaction_isolation",
		"SHOW transaction_read_only",
		"SHOW transaction_deferrable", "INSERT INTO scene.t VALUES (1)", "ROLLBACK", "SHOW transaction_isolation",
		"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SHOW transaction_isolation", "BEGIN; SET TRANSACTION READ ONLY",
		"INSERT INTO scene.t VALUES (1)", "COMMIT", "BEGIN; SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
		"ROLLBACK",
		"START TRANSACTION READ ONLY; COMMIT AND CHAIN", "SHOW transaction_read_only", "COMMIT",
	}},
	{name: "large answers", script: script{
		"SELECT repeat('x', 1000) || n FROM generate_series(1, 2000) n",
		ext("SELECT n, repeat('y', n) FROM generate_series(1, 700) n"),
		"SELECT repeat('z', 3000000)", "SELECT 1; SELECT repeat('z', 300000); SELECT 1/0",
	}},
	{name: "what returns no rows", script: script{
		"SELECT", "SELECT FROM generate_series(1, 3)", ext("SELECT FROM generate_series(1, 3)"), "VALUES (NULL)",
		"INSERT INTO scene.t VALUES (1) RETURNING n",
		"UPDATE scene.t SET v = 'x' RETURNING *", "DELETE FROM scene.t WHERE false", "CREATE TABLE scene.made AS SELECT 1",
		"DROP TABLE scene.made",
		"EXPLAIN (COSTS OFF) SELECT 1", ext("EXPLAIN (COSTS OFF) SELECT $1::int", "1"), "SHOW server_encoding",
	}},
}
