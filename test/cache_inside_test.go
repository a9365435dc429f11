//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// deferringPool caches, and has a BEGIN wait for what needs a server.
var deferringPool = settings{Pool: cachingPool.Pool + "\ndefer_begin on"}

// hitsIn is how many hits something takes.
func (p *pooler) hitsIn(t testing.TB, do func()) uint64 {
	t.Helper()
	before := p.cacheFigures(t).Hits
	do()
	return p.cacheFigures(t).Hits - before
}

// A transaction that reads is served as long as it sees what others commit; one that sees a snapshot is not.
func TestTransactionsAreServedWhatOthersCommit(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a cache of ours")
		}
		for name, pool := range map[string]settings{"at once": cachingPool, "deferred": deferringPool} {
			other := cachedValues(t, server, "inside")
			p := startPooler(t, driver, server, pool)
			c, writer := connect(t, p.Addr), connect(t, p.Addr)
			const ask = "SELECT v FROM inside WHERE k = 'a'"
			isolated := func(begin string, wants ...int) {
				t.Helper()
				c.query(begin)
				for i, want := range wants {
					if got := c.value(ask); got != fmt.Sprint(want) {
						t.Errorf("%s: %q, read %d: %s, want %d", name, begin, i, got, want)
					}
					if i == 0 {
						writer.query("UPDATE inside SET v = v + 1 WHERE k = 'a'")
						p.hit(t, func() { writer.query(ask) })
					}
				}
				c.query("COMMIT")
			}
			p.hit(t, func() { writer.query(ask) })
			eventually(t, "hits inside a transaction", func() error {
				n := p.hitsIn(t, func() { c.query("BEGIN"); c.query(ask); c.query(ask); c.query("COMMIT") })
				if n != 2 {
					return fmt.Errorf("%d", n)
				}
				return nil
			})
			isolated("BEGIN", 1, 2, 2)
			isolated("BEGIN ISOLATION LEVEL READ COMMITTED", 2, 3, 3)
			isolated("BEGIN ISOLATION LEVEL REPEATABLE READ", 3, 3, 3)
			isolated("BEGIN ISOLATION LEVEL SERIALIZABLE", 4, 4)
			c.query("BEGIN")
			c.query("UPDATE inside SET v = 100 WHERE k = 'a'")
			if got, want := c.value(ask), "100"; got != want {
				t.Errorf("%s: its own write is %s", name, got)
			}
			c.query("ROLLBACK")
			isolated("BEGIN", 5, 6)
			other.Close(context.Background())
			p.stop()
		}
	})
}

// Where the default of the database is another isolation, a plain BEGIN is not served.
func TestADefaultIsolationOfTheDatabase(t *testing.T) {
	if direct() {
		t.Skip("a cache of ours")
	}
	o := commonOptions(versions()[0])
	o.Roles = append(o.Roles, pgtest.Role{Name: "admin", Password: "secret", Superuser: true})
	server := pgtest.Start(t, o)
	cachedValues(t, server, "isolated")
	admin, err := pgx.Connect(within(t), pgtest.DSN(server.Addr(), "admin", "secret", "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(within(t), "ALTER DATABASE app SET default_transaction_isolation TO 'repeatable read'"); err != nil {
		t.Fatal(err)
	}
	p := startPooler(t, drivers()[0], server, deferringPool)
	c, writer := connect(t, p.Addr), connect(t, p.Addr)
	const ask = "SELECT v FROM isolated WHERE k = 'a'"
	p.hit(t, func() { writer.query(ask) })
	c.query("BEGIN")
	first := c.value(ask)
	writer.query("UPDATE isolated SET v = 50 WHERE k = 'a'")
	p.hit(t, func() { writer.query(ask) })
	if got := c.value(ask); got != first {
		t.Errorf("it reads %s, and then %s, amid one snapshot", first, got)
	}
	c.query("COMMIT")
	if got := c.value(ask); got != "50" {
		t.Error(got)
	}
}
