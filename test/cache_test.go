//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// cachingPool keeps replies for so long that no test meets the end of their time.
var cachingPool = settings{Pool: "pool_size 5\nquery_cache {\n\tttl 10m\n}"}

// cacheFigures is what GET /postgres/cache tells of a pool.
type cacheFigures struct {
	Pool, State                                          string
	Entries                                              int
	Hits, Misses, Bypassed, Stored, Refused, Invalidated uint64
	Tables                                               []struct {
		Database, Table string
		Entries         int
		Invalidations   uint64
	}
	Forms []struct {
		Text                 string
		Hits, Misses, Stored uint64
		Bytes                int64
		Refused              string
	}
}

func (p *pooler) cacheFigures(t testing.TB) cacheFigures {
	t.Helper()
	var all []cacheFigures
	if err := p.getJSON("/postgres/cache", &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	return all[0]
}

// hit asks something until it is answered from the cache: the first times the grammar and the catalog are not known yet.
func (p *pooler) hit(t testing.TB, ask func()) {
	t.Helper()
	eventually(t, "a hit", func() error {
		before := p.cacheFigures(t).Hits
		ask()
		ask()
		if f := p.cacheFigures(t); f.Hits == before {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
}

// cachedValues is a table with a value for each word, anew.
func cachedValues(t testing.TB, server *pgtest.Server, table string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(within(t), pgtest.DSN(server.Addr(), "app", "secret", "app"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	for _, sql := range []string{"DROP TABLE IF EXISTS " + table + " CASCADE", "CREATE TABLE " + table + " (k text PRIMARY KEY, v int)",
		"INSERT INTO " + table + " VALUES ('a', 1), ('b', 2)"} {
		if _, err := conn.Exec(within(t), sql); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

func TestARepeatedReadIsAnsweredFromTheCache(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		cachedValues(t, server, "cached_values")
		p := startPooler(t, driver, server, cachingPool)
		c := connect(t, p.Addr)
		for name, ask := range map[string]func() []string{
			"simple":    func() []string { return c.query("SELECT v FROM cached_values WHERE k = 'a'") },
			"extended":  func() []string { return c.ask(pbe("SELECT v FROM cached_values WHERE k = 'a'")...) },
			"another":   func() []string { return c.query("SELECT v, k FROM cached_values ORDER BY k") },
			"aggregate": func() []string { return c.query("SELECT count(*), sum(v) FROM cached_values") },
		} {
			want := ask()
			p.hit(t, func() {
				if got := ask(); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %q is not %q", name, got, want)
				}
			})
		}
		if n := c.value("UPDATE cached_values SET v = v + 1 WHERE k = 'a' RETURNING v"); n != "2" {
			t.Fatal(n)
		}
		for range 3 {
			if n := c.value("SELECT v FROM cached_values WHERE k = 'a'"); n != "2" {
				t.Fatalf("%s is what was before", n)
			}
		}
	})
}

// Every way of writing makes what it changes unserved.
func TestNothingIsServedThatAWriteHasChanged(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		cachedValues(t, server, "written")
		p := startPooler(t, driver, server, cachingPool)
		c, reader := connect(t, p.Addr), connect(t, p.Addr)
		const ask = "SELECT coalesce(sum(v), -1) FROM written"
		for _, statements := range [][]string{
			{"UPDATE written SET v = v + 1"},
			{"INSERT INTO public.written VALUES ('c', 5)"},
			{"BEGIN", "DELETE FROM written WHERE k = 'c'", "COMMIT"},
			{"BEGIN; UPDATE written SET v = v + 1; COMMIT"},
			{"WITH x AS (UPDATE written SET v = v + 1 RETURNING v) SELECT * FROM x"},
			{"CREATE FUNCTION writes_it() RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE written SET v = v + 1; END $$", "SELECT writes_it()"},
			{"DO $$ BEGIN UPDATE written SET v = v + 1; END $$"},
			{"PREPARE w AS UPDATE written SET v = v + 1", "EXECUTE w"},
			{"CREATE VIEW sees_written AS SELECT * FROM written", "UPDATE sees_written SET v = v + 1"},
			{"TRUNCATE written"},
			{"INSERT INTO written VALUES ('a', 7)"},
			{"ALTER TABLE written ALTER v TYPE int USING v + 1"},
			{"BEGIN", "UPDATE written SET v = v + 1", "SAVEPOINT s", "UPDATE written SET v = 0", "ROLLBACK TO s", "COMMIT"},
			{"DROP FUNCTION writes_it()"},
		} {
			p.hit(t, func() { reader.query(ask) })
			for _, sql := range statements {
				c.query(sql)
			}
			conn, err := pgx.Connect(within(t), pgtest.DSN(server.Addr(), "app", "secret", "app"))
			if err != nil {
				t.Fatal(err)
			}
			var want string
			if err := conn.QueryRow(within(t), "SELECT coalesce(sum(v), -1)::text FROM written").Scan(&want); err != nil {
				t.Fatal(err)
			}
			conn.Close(context.Background())
			if got := reader.value(ask); got != want {
				t.Fatalf("after %q: %s is served, and %s is true", statements, got, want)
			}
		}
	})
}

// Uncommitted changes are nobody's, and the writer sees its own.
func TestWhatIsNotCommittedIsNotCached(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		cachedValues(t, server, "pending")
		p := startPooler(t, driver, server, cachingPool)
		writer, reader := connect(t, p.Addr), connect(t, p.Addr)
		const ask = "SELECT v FROM pending WHERE k = 'a'"
		p.hit(t, func() { reader.query(ask) })
		writer.query("BEGIN")
		writer.query("UPDATE pending SET v = 100 WHERE k = 'a'")
		if got := writer.value(ask); got != "100" {
			t.Errorf("the writer sees %s", got)
		}
		before := p.cacheFigures(t).Hits
		for range 3 {
			if got := reader.value(ask); got != "1" {
				t.Errorf("another sees %s", got)
			}
		}
		if n := p.cacheFigures(t).Hits; n != before+3 {
			t.Errorf("%d hits while another transaction writes, after %d", n, before)
		}
		writer.query("COMMIT")
		if got := reader.value(ask); got != "100" {
			t.Errorf("after the commit another sees %s", got)
		}
	})
}

// A brand-new client is served though Postgres is gone.
func TestTheCacheNeedsNoPostgres(t *testing.T) {
	if direct() {
		t.Skip("a cache of ours")
	}
	server := pgtest.Start(t, commonOptions(versions()[0]))
	cachedValues(t, server, "kept")
	p := startPooler(t, drivers()[0], server, cachingPool)
	c := connect(t, p.Addr)
	const ask = "SELECT v FROM kept WHERE k = 'b'"
	p.hit(t, func() { c.query(ask) })
	if err := server.Stop(pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 3 {
		if got := connect(t, p.Addr).value(ask); got != "2" {
			t.Fatal(got)
		}
	}
	t.Logf("three logins and reads in %v without Postgres", time.Since(began))
}
