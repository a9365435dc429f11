//go:build e2e

package e2e

import "strings"

// indirectTables are written by what another statement sets off.
func indirectTables() []registerTable {
	indirect := func(name, write string, schema ...string) registerTable {
		t := simpleTable(name)
		for _, s := range schema {
			t.schema = append(t.schema, strings.ReplaceAll(s, "TABLE_OF", name))
		}
		t.writes = [][]deed{inOne(write)}
		return t
	}
	const change = "UPDATE TABLE_OF SET version = $2 WHERE id = $1"
	all := []registerTable{
		indirect("triggered", "INSERT INTO triggering VALUES ($1, $2)", "CREATE TABLE triggering (id int, version bigint)",
			"CREATE FUNCTION trigger_of_it() RETURNS trigger LANGUAGE plpgsql AS "+
				"$$ BEGIN UPDATE TABLE_OF SET version = NEW.version WHERE id = NEW.id; RETURN NULL; END $$",
			"CREATE TRIGGER follows AFTER INSERT ON triggering FOR EACH ROW EXECUTE FUNCTION trigger_of_it()"),
		indirect("ruled", "INSERT INTO ruling VALUES ($1, $2)", "CREATE TABLE ruling (id int, version bigint)",
			"CREATE RULE follows AS ON INSERT TO ruling DO INSTEAD UPDATE TABLE_OF SET version = NEW.version WHERE id = NEW.id"),
		indirect("by_function", "SELECT write_by_function($1, $2)",
			"CREATE FUNCTION write_by_function(int, bigint) RETURNS void LANGUAGE sql AS $$ "+change+" $$",
			"CREATE FUNCTION read_by_function(int) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$ SELECT version FROM TABLE_OF WHERE id = $1 $$"),
		indirect("by_dynamic", "SELECT write_by_dynamic($1, $2)",
			"CREATE FUNCTION write_by_dynamic(int, bigint) RETURNS void LANGUAGE plpgsql AS "+
				"$$ BEGIN EXECUTE 'UPDATE by_' || 'dynamic SET version = $2 WHERE id = $1' USING $1, $2; END $$"),
		indirect("by_procedure", "CALL write_by_procedure($1, $2)",
			"CREATE PROCEDURE write_by_procedure(int, bigint) LANGUAGE plpgsql AS $$ BEGIN "+change+"; END $$"),
		cascadedTable(),
	}
	all[3].pins = true
	all[2].reads = append(all[2].reads, "SELECT v, v, stamp(v) FROM read_by_function($1) v")
	return all
}

// The version is a key that another table refers to.
func cascadedTable() registerTable {
	t := simpleTable("cascaded")
	t.schema = append(registerRows("cascading", ", PRIMARY KEY (id), UNIQUE (id, version)"), registerRows("cascaded",
		", PRIMARY KEY (id), FOREIGN KEY (id, version) REFERENCES cascading (id, version) ON UPDATE CASCADE")...)
	t.writes = [][]deed{updateOf("cascading")}
	return t
}
