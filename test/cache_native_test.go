//go:build e2e

package e2e

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// TestWhatAClientCallsAStatementIsKnown: a client whose server knows statements by the client's own names drops nothing from the cache that it
// does not write; and what it writes is never missed, even where code that nobody reads has given the names to other statements.
func TestWhatAClientCallsAStatementIsKnown(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		conn := cachedValues(t, server, "native_values")
		for _, sql := range []string{"DROP TABLE IF EXISTS native_others", "CREATE TABLE native_others (n int)",
			`CREATE OR REPLACE FUNCTION native_runs(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE t; END $$`} {
			if _, err := conn.Exec(within(t), sql); err != nil {
				t.Fatal(err)
			}
		}
		p := startPooler(t, driver, server, cachingPool)
		native, reader := connect(t, p.Addr), connect(t, p.Addr)
		const read, write = "SELECT sum(v) FROM native_values", "UPDATE native_values SET v = v + 1"
		p.hit(t, func() { reader.query(read) })
		native.query("PREPARE other AS INSERT INTO native_others VALUES (1)")
		native.query("PREPARE taken AS INSERT INTO native_others VALUES (2)")
		native.query("SELECT native_runs('SELECT 1')") // from here on the names are the server's
		keeps := func() {
			t.Helper()
			p.hit(t, func() { reader.query(read) })
			before := p.cacheFigures(t).Hits
			native.query("EXECUTE other")
			if reader.query(read); p.cacheFigures(t).Hits != before+1 {
				t.Error("EXECUTE of another table's INSERT has dropped what was cached")
			}
		}
		keeps()
		for i, sql := range []string{
			"EXECUTE taken",
			"BEGIN; SELECT native_runs('DEALLOCATE taken'); SELECT native_runs('PREPARE taken AS " + write + "'); EXECUTE taken; COMMIT",
			"EXECUTE taken",
			"SELECT native_runs('DEALLOCATE other')",
			"PREPARE other AS " + write,
			"EXECUTE other",
		} {
			p.hit(t, func() { reader.query(read) })
			if lines := native.query(sql); contains(lines, "ErrorResponse") {
				t.Fatalf("%s: %q", sql, lines)
			}
			var want string
			if err := conn.QueryRow(within(t), "SELECT ("+read+")::text").Scan(&want); err != nil {
				t.Fatal(err)
			}
			if got := reader.value(read); got != want {
				t.Errorf("after %d, %s: %s is served, and %s is true", i, sql, got, want)
			}
		}
	})
}
