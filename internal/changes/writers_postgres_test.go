package changes

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Whoever writes, and however: the tables are told, and nothing else is.
func TestEveryKindOfWriterIsTold(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s,
			"CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY)",
			"CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE)",
			"CREATE TABLE watched (id int PRIMARY KEY); CREATE TABLE audit (id int PRIMARY KEY)",
			"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END'",
			"CREATE TRIGGER note AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note()",
			"CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)",
			"CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (100); CREATE TABLE high PARTITION OF parted FOR VALUES FROM (100) TO (200)",
			"CREATE TABLE last (id int PRIMARY KEY)",
			"CREATE UNLOGGED TABLE forgotten (id int PRIMARY KEY); CREATE SCHEMA other; CREATE TABLE other.b (id int PRIMARY KEY)",
			`CREATE TABLE "It's ""ugly""" (id int PRIMARY KEY)`,
			"CREATE PUBLICATION pub FOR ALL TABLES")
		l, _, _ := follow(t, s, nil)
		l.await(`follows It's "ugly" a audit b child high last low parent parted watched`)
		c := session(t, s)
		for _, w := range []struct{ what, told, text string }{
			{"autocommit", "a", "INSERT INTO a VALUES (1), (2)"},
			{"an update", "a", "UPDATE a SET n = 1"},
			{"a delete", "a", "DELETE FROM a WHERE id = 2"},
			{"a merge", "a", "MERGE INTO a USING (SELECT 3 AS id) AS new ON a.id = new.id WHEN NOT MATCHED THEN INSERT VALUES (new.id)"},
			{"a transaction", "a b", "BEGIN; INSERT INTO b VALUES (1); INSERT INTO a VALUES (5); INSERT INTO b VALUES (2); COMMIT"},
			{"one that is rolled back", "", "BEGIN; INSERT INTO b VALUES (3); ROLLBACK"},
			{"a savepoint that is rolled back", "a", "BEGIN; INSERT INTO a VALUES (6); SAVEPOINT s; INSERT INTO b VALUES (3); ROLLBACK TO s; COMMIT"},
			{"a savepoint that stays", "b", "BEGIN; SAVEPOINT s; INSERT INTO b VALUES (3); RELEASE s; COMMIT"},
			{"a read", "", "SELECT * FROM a"},
			{"an update of no row", "", "UPDATE a SET n = 1 WHERE id = 4711"},
			{"a truncate", "b", "TRUNCATE b"},
			{"a trigger", "audit watched", "INSERT INTO watched VALUES (1)"},
			{"what a cascade is for", "child parent", "BEGIN; INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1); COMMIT"},
			{"a cascade", "child parent", "DELETE FROM parent"},
			{"a truncate that cascades", "child parent", "TRUNCATE parent CASCADE"},
			{"by way of a partitioned table", "low parted", "INSERT INTO parted VALUES (1)"},
			{"a partition by its name", "high parted", "INSERT INTO high VALUES (101)"},
			{"a row that moves", "high low parted", "UPDATE parted SET id = 102 WHERE id = 1"},
			{"a partition that is truncated", "low parted", "TRUNCATE low"},
			{"a partitioned table that is truncated", "high low parted", "TRUNCATE parted"},
			{"prepared", "", "BEGIN; INSERT INTO a VALUES (7); PREPARE TRANSACTION 'one'"},
			{"committed in two phases", "a", "COMMIT PREPARED 'one'"},
			{"rolled back in two", "", "BEGIN; INSERT INTO a VALUES (8); PREPARE TRANSACTION 'two'; ROLLBACK PREPARED 'two'"},
			{"asynchronous", "a", "SET synchronous_commit = off; INSERT INTO a VALUES (9); SET synchronous_commit = on"},
			{"code", "b", "DO 'BEGIN INSERT INTO b VALUES (10); END'"},
			{"a temporary table", "", "CREATE TEMPORARY TABLE a AS SELECT 1; UPDATE pg_temp.a SET \"?column?\" = 2; DROP TABLE pg_temp.a"},
			{"an unlogged table", "", "INSERT INTO forgotten VALUES (1)"},
			{"one of that name in another schema", "b", "INSERT INTO other.b VALUES (1)"},
			{"an ugly name", `It's "ugly"`, `INSERT INTO "It's ""ugly""" VALUES (1)`},
		} {
			// Statement by statement, for in one piece Postgres takes them for one transaction.
			run(t, c, split(w.text)...)
			checkTold(t, l, c, w.what, w.told)
		}
		copied, err := c.CopyFrom(t.Context(), pgx.Identifier{"a"}, []string{"id"}, pgx.CopyFromRows([][]any{{100}, {101}}))
		if err != nil || copied != 2 {
			t.Fatalf("copied %d: %v", copied, err)
		}
		checkTold(t, l, c, "a copy", "a")
	})
}

// split cuts at semicolons, but not those of code.
func split(text string) []string {
	if strings.HasPrefix(text, "DO") {
		return []string{text}
	}
	return strings.Split(text, "; ")
}

// checkTold writes to the table last, and looks at what is told before that.
func checkTold(t *testing.T, l *listener, c *pgx.Conn, what, told string) {
	t.Helper()
	run(t, c, "INSERT INTO last SELECT coalesce(max(id), 0) + 1 FROM last")
	var got []string
	before, _ := l.awaitAfter("changed last")
	for _, e := range before {
		if name, changed := strings.CutPrefix(e, "changed "); changed {
			got = append(got, name)
		}
	}
	if strings.Join(got, ",") != told {
		t.Errorf("%s: told of %q, not of %q", what, got, told)
	}
	l.await("visible last")
}
