//go:build e2e

package e2e

// noticeTalks is notices at any time.
var noticeTalks = []conversation{
	{name: "in both protocols", script: script{
		"SELECT scene.notice('hello')", ext("SELECT scene.notice($1)", "hello"),
		"SELECT 1; SELECT scene.notice('between'); SELECT 2",
		join(pbe("SELECT scene.notice('one')"), pbe("SELECT scene.notice('two')"), sync_),
		"SELECT scene.notice(n::text) FROM generate_series(1, 5) n", "DROP TABLE IF EXISTS nosuch",
		ext("DROP TABLE IF EXISTS nosuch"),
	}},
	{name: "before errors", script: script{
		"SELECT scene.notice('before'), 1/0", join(pbe("SELECT scene.notice('before')"), pbe("SELECT 1/0"),
			pbe("SELECT scene.notice('skipped')"), sync_),
		"DO $$ BEGIN RAISE WARNING 'careful'; RAISE EXCEPTION 'own' USING ERRCODE = 'ZZ001', DETAIL = 'd', HINT = 'h', COLUMN = 'c', TABLE = 't', " +
			"SCHEMA = 's', CONSTRAINT = 'k', DATATYPE = 'y'; END $$",
		"INSERT INTO scene.t VALUES (1)", "INSERT INTO scene.t VALUES (1)", "INSERT INTO scene.t VALUES (NULL)",
		"SELECT nosuch FROM scene.t", "SELECT 1 FROM",
	}},
	{name: "of transactions", script: script{
		"COMMIT", "ROLLBACK", "BEGIN; BEGIN", "COMMIT", ext("COMMIT"), "SET LOCAL work_mem = '1MB'",
		"SET TRANSACTION READ ONLY", "SAVEPOINT a",
		"LOCK scene.t",
	}},
	{name: "of every level", script: script{
		"DO $$ BEGIN RAISE DEBUG 'd'; RAISE LOG 'l'; RAISE INFO 'i'; RAISE NOTICE 'n'; RAISE WARNING 'w'; END $$",
		ext("DO $$ BEGIN RAISE DEBUG 'd'; RAISE LOG 'l'; RAISE INFO 'i'; RAISE NOTICE 'n'; RAISE WARNING 'w'; END $$"),
	}},
	{name: "as client_min_messages says", script: script{
		"SET client_min_messages = error", "SELECT scene.notice('unheard')", ext("SELECT scene.notice('unheard')"),
		"SET client_min_messages = warning",
		"COMMIT", "SET client_min_messages = log", "DO $$ BEGIN RAISE LOG 'l'; END $$", "RESET client_min_messages",
		"SELECT scene.notice('heard')",
	}},
	{name: "as client_min_messages says for a transaction", script: script{
		"BEGIN", "SET LOCAL client_min_messages = error", "SELECT scene.notice('unheard')", "COMMIT",
		"SELECT scene.notice('heard')",
		"BEGIN; SET LOCAL client_min_messages = error; SELECT scene.notice('unheard')", "ROLLBACK",
		ext("SELECT scene.notice('heard')"),
	}},
	{name: "as client_min_messages said at the login", startup: []string{"client_min_messages", "error"}, script: script{
		"SELECT scene.notice('unheard')", ext("SELECT scene.notice('unheard')"), "DROP TABLE IF EXISTS nosuch",
	}},
	{name: "amid a COPY", script: script{
		"COPY (SELECT scene.notice(n::text) FROM generate_series(1, 3) n) TO STDOUT",
	}},
}
