//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// trappedSchema has every way in which a write reaches what it does not name.
const trappedSchema = `
DROP SCHEMA IF EXISTS trap56 CASCADE; CREATE SCHEMA trap56;
CREATE TABLE trap56.named (v int); INSERT INTO trap56.named VALUES (0);
CREATE TABLE trap56.parent (v int); CREATE TABLE trap56.child () INHERITS (trap56.parent); INSERT INTO trap56.child VALUES (0);
CREATE TABLE trap56.parted (k int, v int) PARTITION BY LIST (k);
CREATE TABLE trap56.part PARTITION OF trap56.parted FOR VALUES IN (1); INSERT INTO trap56.parted VALUES (1, 0);
CREATE TABLE trap56.fired (v int); INSERT INTO trap56.fired VALUES (0);
CREATE TABLE trap56.firing (v int);
CREATE FUNCTION trap56.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE trap56.fired SET v = NEW.v; RETURN NULL; END $$;
CREATE TRIGGER fires AFTER INSERT ON trap56.firing FOR EACH ROW EXECUTE FUNCTION trap56.fires();
CREATE TABLE trap56.deferred (v int); INSERT INTO trap56.deferred VALUES (0);
CREATE FUNCTION trap56.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE trap56.deferred SET v = NEW.v; RETURN NULL; END $$;
CREATE TABLE trap56.deferring (v int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON trap56.deferring DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trap56.late();
CREATE TABLE trap56.owner (k int PRIMARY KEY);
CREATE TABLE trap56.owned (k int REFERENCES trap56.owner ON DELETE CASCADE ON UPDATE CASCADE, v int);
INSERT INTO trap56.owner VALUES (0); INSERT INTO trap56.owned VALUES (0, 0);
CREATE VIEW trap56.seen AS SELECT v FROM trap56.named;
CREATE VIEW trap56.ruled AS SELECT v FROM trap56.named;
CREATE RULE rules AS ON INSERT TO trap56.ruled DO INSTEAD UPDATE trap56.named SET v = NEW.v;
CREATE FUNCTION trap56.reads() RETURNS int LANGUAGE sql STABLE AS 'SELECT max(v) FROM trap56.named';
CREATE FUNCTION trap56.writes(n int) RETURNS void LANGUAGE sql AS 'UPDATE trap56.named SET v = n';
CREATE FUNCTION trap56.hides(n int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'UPDATE trap56.na' || 'med SET v = ' || n; END $$;
CREATE TABLE trap56.tenants (who text, v int); INSERT INTO trap56.tenants VALUES ('app', 1), ('other', 2);
CREATE TABLE trap56.rights (who text); INSERT INTO trap56.rights VALUES ('app'), ('other');
ALTER TABLE trap56.tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON trap56.tenants USING (who = current_user AND EXISTS (SELECT FROM trap56.rights r WHERE r.who = current_user));
CREATE SCHEMA IF NOT EXISTS trap56_else; DROP TABLE IF EXISTS trap56_else.named; CREATE TABLE trap56_else.named AS SELECT 7000 AS v;
GRANT USAGE ON SCHEMA trap56, trap56_else TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA trap56, trap56_else TO PUBLIC;
`

// TestTrap56NoWriteIsMissed: whatever a write reaches without naming it, nothing is served that it has changed.
func TestTrap56NoWriteIsMissed(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		other := trapped(t, server)
		p := startPooler(t, driver, server, cachingPool)
		writer, reader := connect(t, p.Addr), connect(t, p.Addr)
		for i, c := range []struct{ read, write string }{
			{"SELECT max(v) FROM trap56.named", "UPDATE trap56 . \"named\" SET v = $"},
			{"SELECT max(v) FROM trap56.named", "SET search_path TO trap56; UPDATE named SET v = $; RESET search_path"},
			{"SELECT max(v) FROM trap56.named", "BEGIN; UPDATE trap56.named SET v = $; COMMIT"},
			{"SELECT max(v) FROM trap56.named", "SELECT trap56.writes($)"},
			{"SELECT max(v) FROM trap56.named", "SELECT trap56.hides($)"},
			{"SELECT max(v) FROM trap56.named", "INSERT INTO trap56.ruled VALUES ($)"},
			{"SELECT max(v) FROM trap56.named", "WITH w AS (UPDATE trap56.named SET v = $ RETURNING 1) SELECT * FROM w"},
			{"SELECT max(v) FROM trap56.named", "EXPLAIN ANALYZE UPDATE trap56.named SET v = $"},
			{"SELECT max(v) FROM trap56.seen", "UPDATE trap56.seen SET v = $"},
			{"SELECT trap56.reads()", "UPDATE trap56.named SET v = $"},
			{"SELECT max(v) FROM trap56.parent", "UPDATE trap56.child SET v = $"},
			{"SELECT max(v) FROM trap56.child", "UPDATE trap56.parent SET v = $"},
			{"SELECT max(v) FROM trap56.parted", "UPDATE trap56.part SET v = $"},
			{"SELECT max(v) FROM trap56.part", "UPDATE trap56.parted SET v = $"},
			{"SELECT max(v) FROM trap56.fired", "INSERT INTO trap56.firing VALUES ($)"},
			{"SELECT max(v) FROM trap56.deferred", "BEGIN; INSERT INTO trap56.deferring VALUES ($); COMMIT"},
			{"SELECT max(k) FROM trap56.owned", "UPDATE trap56.owner SET k = $"},
			{"SELECT count(*) FROM trap56.owned", "TRUNCATE trap56.owner CASCADE"},
			{"SELECT max(v) FROM trap56.fired", "ALTER TABLE trap56.fired ALTER v TYPE int USING $"},
			{"SELECT count(*) FROM trap56.tenants", "DELETE FROM trap56.rights WHERE $ > 0"},
		} {
			for round := range 2 {
				write := strings.ReplaceAll(c.write, "$", fmt.Sprint(100*i+round+1))
				p.hit(t, func() { reader.query(c.read) })
				if lines := writer.query(write); contains(lines, "ErrorResponse") {
					t.Fatalf("%s: %q", write, lines)
				}
				got := reader.value(c.read)
				var want string
				if err := other.QueryRow(within(t), "SELECT ("+c.read+")::text").Scan(&want); err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("after %s: %s is served for %s, and %s is true", write, got, c.read, want)
				}
			}
		}
	})
}

// TestTrap56WhatChangesAResultIsInTheKey: the same text means something else to another user, and under other settings.
func TestTrap56WhatChangesAResultIsInTheKey(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		trapped(t, server)
		p := startPooler(t, driver, server, cachingPool)
		c := connect(t, p.Addr)
		for _, x := range []struct{ read, set string }{
			{"SELECT max(v) FROM named", "SET search_path TO trap56_else"},
			{"SELECT to_char(timestamptz '2020-01-01 00:00+00', 'HH24') FROM trap56.named", "SET TimeZone TO 'Asia/Tokyo'"},
			{"SELECT date '2020-02-01'::text FROM trap56.named", "SET DateStyle TO 'German'"},
			{"SELECT '\\x00'::bytea FROM trap56.named", "SET bytea_output TO 'escape'"},
			{"SELECT 0.1::float8 + 0.2::float8 FROM trap56.named", "SET extra_float_digits TO 0"},
		} {
			c.query("SET search_path TO trap56")
			p.hit(t, func() { c.query(x.read) })
			before := c.value(x.read)
			c.query(x.set)
			if after := c.value(x.read); after == before {
				t.Errorf("%s is %s before and after %s", x.read, before, x.set)
			}
			c.query("DISCARD ALL")
		}
		for _, user := range []string{"app", "other"} {
			reader := connect(t, p.Addr, "user", user, "database", "app")
			p.hit(t, func() { reader.query("SELECT who FROM trap56.tenants") })
			if got := reader.value("SELECT who FROM trap56.tenants"); got != user {
				t.Errorf("%s sees the rows of %s", user, got)
			}
		}
	})
}

// trapped makes the schema anew.
func trapped(t *testing.T, server *pgtest.Server) *pgx.Conn {
	t.Helper()
	conn := cachedValues(t, server, "trapped_values")
	super, err := pgx.Connect(within(t), server.DSN("postgres", "", "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(within(t))
	for _, sql := range []string{"GRANT CREATE ON DATABASE app TO app"} {
		if _, err := super.Exec(within(t), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(within(t), trappedSchema); err != nil {
		t.Fatal(err)
	}
	return conn
}
