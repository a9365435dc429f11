//go:build e2e

package e2e

import (
	"sync"

	"github.com/pgmux/caddy-pgmux/internal/checker"
)

// registerTable is one table, or several that are written together, whose rows are registers, and the ways to write and to read them. Each
// has what a cache might miss: were they one table, what is noticed of one way would hide what is not of another.
type registerTable struct {
	name string
	// schema makes it, with its registers at version 1.
	schema []string
	// rows is how many registers there are, from 1 on. What locks out every reader has one, and is never left prepared, because
	// readers could take all servers and wait.
	rows int
	// reads are statements of an id that return the version, that of its twin, and the stamp.
	reads []string
	// writes are ways to write, each the statements of one transaction.
	writes [][]deed
	// bypassed tells that writers go straight to the primary.
	bypassed bool
	// pins tells that who has written it keeps his server: few clients may.
	pins bool
}

// deed is a statement of an id and a version.
type deed struct {
	sql string
	// copies tells that sql is a COPY of one row, of the id and the version.
	copies bool
}

// register is one row.
type register struct {
	// The lock is its writer's.
	sync.Mutex
	*registerTable
	id    int32
	index int
	log   *checker.Register
}

// stampSchema is a function that tells which server runs it, and when. To the catalog it depends on nothing but its argument: what it calls
// are Postgres's own, declared to be immutable under other names, which only a superuser can do. The argument, which they ignore, keeps
// Postgres from computing it while it plans.
var stampSchema = []string{
	"CREATE FUNCTION setting_of(text, bigint) RETURNS text LANGUAGE internal IMMUTABLE AS 'show_config_by_name'",
	"CREATE FUNCTION clock_of(bigint) RETURNS timestamptz LANGUAGE internal IMMUTABLE AS 'clock_timestamp'",
	"CREATE FUNCTION part_of(text, timestamptz) RETURNS numeric LANGUAGE internal IMMUTABLE AS 'extract_timestamptz'",
	"CREATE FUNCTION stamp(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS " +
		"$$ SELECT setting_of('port', $1) || ':' || (part_of('epoch', clock_of($1)) * 1000000)::bigint::text $$",
}

// registerRows makes a table of registers.
func registerRows(name, more string) []string {
	return []string{"CREATE TABLE " + name + " (id int, version bigint" + more + ")",
		"INSERT INTO " + name + " SELECT i, 1 FROM generate_series(1, 3) i"}
}

// readOf reads a register of a table or a view.
func readOf(name string) string {
	return "SELECT version, version, stamp(version) FROM " + name + " WHERE id = $1"
}

// inOne is a write of one statement, or of several.
func inOne(sql ...string) (steps []deed) {
	for _, s := range sql {
		steps = append(steps, deed{sql: s})
	}
	return steps
}

// updateOf is how most are written.
func updateOf(name string) []deed {
	return inOne("UPDATE " + name + " SET version = $2 WHERE id = $1")
}

// simpleTable is one whose rows are updated.
func simpleTable(name string) registerTable {
	return registerTable{name: name, rows: 3, schema: registerRows(name, ", PRIMARY KEY (id)"), reads: []string{readOf(name)},
		writes: [][]deed{updateOf(name)}}
}

// registerTables are all of them.
func registerTables() []registerTable {
	all := []registerTable{plainTable(), pairTable(), copiedTable(), truncatedTable(), refreshedTable(), partitionedTable(), inheritedTable(), viewTable()}
	all = append(all, indirectTables()...)
	bypassed := simpleTable("bypassed")
	bypassed.bypassed = true
	return append(all, bypassed)
}

func plainTable() registerTable {
	t := simpleTable("plain")
	t.reads = append(t.reads, "WITH r AS (SELECT * FROM plain) SELECT version, version, stamp(version) FROM r WHERE id = $1")
	t.writes = append(t.writes,
		inOne("WITH w AS (UPDATE plain SET version = $2 WHERE id = $1 RETURNING version) SELECT version FROM w"),
		inOne("INSERT INTO plain VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET version = excluded.version"),
		inOne("MERGE INTO plain p USING (VALUES ($1::int, $2::bigint)) v (i, n) ON id = i WHEN MATCHED THEN UPDATE SET version = n"),
		inOne("DELETE FROM plain WHERE id = $1 AND $2 > 0", "INSERT INTO plain VALUES ($1, $2)"))
	return t
}

// Two tables that one transaction writes, and one statement reads.
func pairTable() registerTable {
	t := simpleTable("pair")
	t.schema = append(t.schema, registerRows("twin", ", PRIMARY KEY (id)")...)
	t.reads = []string{
		"SELECT p.version, t.version, stamp(p.version) FROM pair p JOIN twin t USING (id) WHERE id = $1",
		"SELECT version, (SELECT t.version FROM twin t WHERE t.id = p.id), stamp(version) FROM pair p WHERE id = $1",
	}
	t.writes = [][]deed{
		append(updateOf("pair"), updateOf("twin")...),
		append(updateOf("twin"), updateOf("pair")...),
		inOne("WITH t AS (UPDATE twin SET version = $2 WHERE id = $1) UPDATE pair SET version = $2 WHERE id = $1"),
	}
	return t
}

// COPY adds a row each time: the newest counts.
func copiedTable() registerTable {
	schema := append(registerRows("copied", ""), "CREATE INDEX ON copied (id, version)")
	return registerTable{name: "copied", rows: 3, schema: schema,
		reads:  []string{"SELECT max(version), max(version), stamp(max(version)) FROM copied WHERE id = $1"},
		writes: [][]deed{{{sql: "COPY copied FROM STDIN", copies: true}}}}
}

// Who has looked at his snapshot before a TRUNCATE finds nothing after it, in Postgres itself: version 0.
func truncatedTable() registerTable {
	t := simpleTable("truncated")
	t.rows = 1
	t.reads = []string{"SELECT v, v, stamp(v) FROM (SELECT coalesce(max(version), 0) v FROM truncated WHERE id = $1) x"}
	t.writes = [][]deed{
		inOne("TRUNCATE truncated", "INSERT INTO truncated VALUES ($1, $2)"),
		{{sql: "TRUNCATE truncated"}, {sql: "COPY truncated FROM STDIN", copies: true}},
	}
	return t
}

func refreshedTable() registerTable {
	t := simpleTable("refreshed")
	t.rows = 1
	t.schema = append(t.schema, "CREATE MATERIALIZED VIEW made_of_refreshed AS SELECT * FROM refreshed")
	t.reads = []string{readOf("made_of_refreshed")}
	t.writes = [][]deed{append(updateOf("refreshed"), deed{sql: "REFRESH MATERIALIZED VIEW made_of_refreshed"})}
	return t
}

// Register 1 is in one partition, the others are in another; partitions are read and written by their own names, and by their parent's.
func partitionedTable() registerTable {
	t := simpleTable("parted")
	t.rows = 1
	t.schema = []string{
		"CREATE TABLE parted (id int PRIMARY KEY, version bigint) PARTITION BY RANGE (id)",
		"CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (1) TO (2)",
		"CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (2) TO (9)",
		"INSERT INTO parted SELECT i, 1 FROM generate_series(1, 3) i",
	}
	t.reads = []string{readOf("parted"), readOf("parted_low")}
	t.writes = [][]deed{updateOf("parted"), updateOf("parted_low")}
	return t
}

func inheritedTable() registerTable {
	t := simpleTable("heir")
	heir := registerRows("heir", ", PRIMARY KEY (id)) INHERITS (ancestor")
	t.schema = append([]string{"CREATE TABLE ancestor (id int, version bigint)"}, heir...)
	t.reads = []string{readOf("ancestor"), readOf("heir")}
	t.writes = append(t.writes, updateOf("ancestor"))
	return t
}

// A view of a view, which is read, and through which one writes.
func viewTable() registerTable {
	t := simpleTable("viewed")
	t.schema = append(t.schema, "CREATE VIEW view_of_it AS SELECT id, version FROM viewed", "CREATE VIEW view_of_view AS SELECT * FROM view_of_it")
	t.reads = append(t.reads, readOf("view_of_view"))
	t.writes = append(t.writes, updateOf("view_of_view"))
	return t
}

// registers are those of all tables, each at version 1 since an instant, and their history.
func registers(tables []registerTable, now int64) (all []*register, h *checker.History) {
	h = &checker.History{}
	for i := range tables {
		for id := range tables[i].rows {
			name := tables[i].name + "/" + string(rune('1'+id))
			h.Registers = append(h.Registers, checker.Register{Name: name, Bypassed: tables[i].bypassed})
			all = append(all, &register{registerTable: &tables[i], id: int32(id + 1), index: len(all)})
		}
	}
	for i, g := range all {
		g.log = &h.Registers[i]
		g.log.Wrote(checker.Write{Version: 1, Session: -1, Began: now, Acknowledged: now, How: "at first"})
	}
	return all, h
}

// next is a version that nobody has written.
func (g *register) next() int64 { return g.log.Writes[len(g.log.Writes)-1].Version + 1 }
