//go:build e2e

package e2e

// cursorTalks is cursors of SQL, which are portals of the protocol.
var cursorTalks = []conversation{
	{name: "in a transaction", script: script{
		"BEGIN", "DECLARE c CURSOR FOR SELECT generate_series(1, 9)", "FETCH c", ext("FETCH 2 FROM c"),
		batch{executeRows("c", 1), sync_}, "FETCH c",
		"MOVE 1 IN c", ext("MOVE FORWARD 1 IN c"), "FETCH ALL FROM c", "FETCH c", "CLOSE c", "FETCH c", "ROLLBACK",
	}},
	{name: "that scroll", script: script{
		"BEGIN", ext("DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 5)"), "FETCH LAST FROM c", "FETCH PRIOR FROM c",
		ext("FETCH ABSOLUTE 2 FROM c"),
		ext("FETCH BACKWARD ALL FROM c"), "COMMIT", "DECLARE d NO SCROLL CURSOR FOR SELECT 1",
		"BEGIN; DECLARE d NO SCROLL CURSOR FOR SELECT 1", "FETCH PRIOR FROM d", "ROLLBACK",
	}},
	{name: "and portals", script: script{
		"BEGIN", batch{parse("g", series), bind("p", "g", "5"), executeRows("p", 1), sync_}, "FETCH p",
		"SELECT name, statement FROM pg_cursors WHERE name = 'p'",
		"CLOSE p", batch{executeRows("p", 1), sync_}, "ROLLBACK", "BEGIN",
		"DECLARE c CURSOR FOR SELECT generate_series(1, 3)", batch{describePortal("c"), execute("c"), sync_},
		batch{closePortal("c"), sync_}, "FETCH c", "ROLLBACK",
	}},
	{name: "WITH HOLD", script: script{
		"DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 9)", "FETCH h", ext("FETCH h"), "BEGIN; FETCH h",
		"ROLLBACK", "FETCH h", "SELECT 1/0", "FETCH h",
		batch{executeRows("h", 1), sync_}, "SELECT name, is_holdable FROM pg_cursors WHERE name = 'h'", "CLOSE h", "FETCH h",
		"BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT 1", "ROLLBACK", "FETCH h",
		"BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 3)", "FETCH h", "COMMIT",
		"FETCH h", "BEGIN; CLOSE h", "ROLLBACK", "FETCH h", "CLOSE ALL", "FETCH h",
	}},
	{name: "and savepoints", script: script{
		"BEGIN", "DECLARE a CURSOR FOR SELECT generate_series(1, 9)", "FETCH a", "SAVEPOINT s", "FETCH a",
		"DECLARE b CURSOR FOR SELECT 1", "ROLLBACK TO s", "FETCH a",
		"FETCH b", "ROLLBACK TO s", "CLOSE a", "ROLLBACK TO s", "FETCH a", "ROLLBACK",
	}},
	{name: "errors", script: script{
		"FETCH nosuch", "CLOSE nosuch", ext("FETCH nosuch"), "DECLARE c CURSOR FOR SELECT 1",
		ext("DECLARE c CURSOR FOR SELECT 1"), "BEGIN",
		"DECLARE c CURSOR FOR SELECT 1/0", "FETCH c", "ROLLBACK",
		"BEGIN; DECLARE c CURSOR FOR SELECT 1; DECLARE c CURSOR FOR SELECT 2", "ROLLBACK",
	}},
	{name: "to be updated through", script: script{
		"INSERT INTO scene.t VALUES (1, 'a'), (2, 'b')", "BEGIN", "DECLARE c CURSOR FOR SELECT * FROM scene.t FOR UPDATE",
		"FETCH c",
		"UPDATE scene.t SET v = 'c' WHERE CURRENT OF c", ext("DELETE FROM scene.t WHERE CURRENT OF c"), "COMMIT",
		"TABLE scene.t",
	}},
	{name: "in one query or pipeline", script: script{
		"DECLARE c CURSOR FOR SELECT generate_series(1, 3); FETCH c; FETCH c", "FETCH c",
		join(pbe("DECLARE c CURSOR FOR SELECT 1"), pbe("FETCH c"), sync_),
		join(pbe("SELECT 1"), pbe("DECLARE c CURSOR FOR SELECT 1"), pbe("FETCH c"), sync_),
	}},
}
