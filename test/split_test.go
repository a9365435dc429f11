//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// served demands that one of the servers runs a statement, whose answer says which. A text that nobody has seen yet may go to the primary
// until it is known to read, and is a write to who has sent it.
func served(t *testing.T, c *client, statement string, by ...string) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < patience && !t.Failed() {
		if slices.Contains(by, answer(t, c, statement)) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); took > time.Second {
		t.Logf("%s: known to be served there after %v", statement, took.Round(time.Millisecond))
	}
	servedAtOnce(t, c, statement, by...)
}

// servedAtOnce is served from the first time on. It is asked several times: chance proves nothing.
func servedAtOnce(t *testing.T, c *client, statement string, by ...string) {
	t.Helper()
	for range 4 {
		if got := answer(t, c, statement); !slices.Contains(by, got) {
			t.Errorf("%s: served by %s, want %v", statement, got, by)
			return
		}
	}
}

// answer is the last value that a text of one or more statements answers.
func answer(t *testing.T, c *client, text string) (last string) {
	t.Helper()
	for _, l := range c.query(text) {
		if strings.HasPrefix(l, "ErrorResponse") {
			t.Errorf("%s: %s", text, l)
		}
		if _, rest, ok := strings.Cut(l, `"Values":[{"text":"`); ok {
			last, _, _ = strings.Cut(rest, `"`)
		}
	}
	return last
}

// ports of the primary and of the replicas.
func (c *cluster) ports() (primary string, replicas []string) {
	for _, r := range c.replicas {
		replicas = append(replicas, port(r))
	}
	return port(c.primary), replicas
}

// splitSchema is what the statements of the tests below use. Its functions tell by which server they were run.
var splitSchema = []string{
	"CREATE TABLE items (id int PRIMARY KEY, n int)",
	"INSERT INTO items SELECT i, 0 FROM generate_series(1, 10) i",
	"CREATE SEQUENCE numbers",
	"CREATE FUNCTION told_volatile() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT current_setting('port') $$",
	"CREATE VIEW told_by_view AS SELECT told()",
	"CREATE VIEW told_by_volatile_view AS SELECT told_volatile()",
	"GRANT ALL ON items, numbers, told_by_view, told_by_volatile_view TO app",
}

// What Postgres refuses on a replica, or what may write, goes to the primary; a statement each, that answers by whom it was run.
var trap53Writes = []string{
	"SELECT told_volatile()",
	"SELECT * FROM told_by_volatile_view",
	"SELECT x FROM items CROSS JOIN LATERAL (SELECT told_volatile() x) y LIMIT 1",
	"WITH w AS (INSERT INTO items VALUES (11, 0) ON CONFLICT DO NOTHING RETURNING id) SELECT told() FROM (SELECT count(*) FROM w) x",
	"WITH w AS (UPDATE items SET n = n + 1 WHERE id = 1 RETURNING id) SELECT told() FROM w",
	"WITH w AS (DELETE FROM items WHERE id = 11 RETURNING id) SELECT told()",
	"SELECT told() FROM items WHERE id = 1 FOR UPDATE",
	"SELECT told() FROM items WHERE id = 1 FOR NO KEY UPDATE",
	"SELECT told() FROM items WHERE id = 1 FOR SHARE",
	"SELECT told() FROM items WHERE id = 1 FOR KEY SHARE SKIP LOCKED",
	"SELECT told() FROM (SELECT id FROM items WHERE id = 1 FOR UPDATE) x",
	"SELECT told() FROM nextval('numbers')",
	"SELECT told() FROM setval('numbers', 5)",
	"SELECT told() FROM pg_advisory_xact_lock(4711)",
	"SELECT told() FROM pg_current_wal_lsn()",
	"INSERT INTO items VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET n = 0 RETURNING told()",
	"UPDATE items SET n = n + 1 WHERE id = 2 RETURNING told()",
	"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT told()",
	"LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE; SELECT told()",
	"SELECT told(); UPDATE items SET n = 0 WHERE id = 3 RETURNING told()",
	"BEGIN; SELECT told(); COMMIT",
	"BEGIN READ WRITE; SELECT told(); COMMIT",
	"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT told(); COMMIT",
}

// What any replica runs, and nothing forbids.
var trap53Reads = []string{
	servedBy,
	"SELECT * FROM told_by_view",
	"WITH r AS (SELECT id FROM items) SELECT told() FROM r LIMIT 1",
	"SELECT told() FROM items WHERE id IN (SELECT id FROM items) UNION SELECT told()",
	"VALUES (told())",
	"/* a comment; DELETE FROM items */ SELECT told() -- FOR UPDATE",
	"SELECT told() AS \"for update\" FROM items WHERE id::text <> 'INSERT INTO items' LIMIT 1",
}

func TestTrap53WhatMayWriteGoesToThePrimary(t *testing.T) {
	routedCluster(t, "", func(t *testing.T, p *pooler, c *cluster) {
		primary, replicas := c.ports()
		client := connect(t, p.Addr)
		for range 2 {
			for _, statement := range trap53Writes {
				servedAtOnce(t, client, statement, primary)
			}
		}
		// Who has not written: what it wrote it would read from the primary.
		reader := connect(t, p.Addr)
		for _, statement := range trap53Reads {
			served(t, reader, statement, replicas...)
		}
	})
}

// Prepared, a statement goes where it would go: by whatever protocol it is sent, and with its EXECUTE.
func TestTrap53PreparedStatementsGoWhereTheirTextWould(t *testing.T) {
	routedCluster(t, "", func(t *testing.T, p *pooler, c *cluster) {
		primary, replicas := c.ports()
		for _, statement := range trap53Writes {
			if !strings.Contains(statement, ";") {
				preparedIsServed(t, connect(t, p.Addr), statement, primary)
			}
		}
		for _, statement := range trap53Reads {
			if !strings.Contains(statement, ";") {
				preparedIsServed(t, connect(t, p.Addr), statement, replicas...)
			}
		}
	})
}

// preparedIsServed runs a statement that a Parse has prepared, again and again until it is known, and once more.
func preparedIsServed(t *testing.T, c *client, statement string, by ...string) {
	t.Helper()
	defer c.leave()
	var lines []string
	well := func() bool {
		lines = extended(c, statement)
		return slices.ContainsFunc(by, func(port string) bool { return contains(lines, "DataRow", `"`+port+`"`) })
	}
	for deadline := time.Now().Add(patience); !well() && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
	}
	for range 3 {
		if !well() {
			t.Errorf("%s, by the extended protocol: not served by %v: %s", statement, by, strings.Join(lines, "\n"))
		}
	}
}

func TestHintsSayWhereAReadGoes(t *testing.T) {
	routedCluster(t, "", func(t *testing.T, p *pooler, c *cluster) {
		primary, replicas := c.ports()
		client := connect(t, p.Addr)
		served(t, client, servedBy, replicas...)
		served(t, client, "/* route: primary */ "+servedBy, primary)
		served(t, client, servedBy, replicas...)
		mustContain(t, client.query("SET pgmux.route = 'primary'"), "SET")
		served(t, client, servedBy, primary)
		mustContain(t, client.query("SET pgmux.route = 'replica'"), "SET")
		served(t, client, servedBy, replicas...)
		mustContain(t, client.query("RESET pgmux.route"), "RESET")
		served(t, client, servedBy, replicas...)
		served(t, connect(t, p.Addr), servedBy, replicas...)
	})
}

// Where reads go to the primary, a hint still sends one to a replica.
func TestReadsAndHints(t *testing.T) {
	for _, r := range []struct{ reads, plain, hinted string }{
		{"primary", "primary", "replica"},
		{"replica", "replica", "replica"},
		{"any", "any", "replica"},
	} {
		t.Run(r.reads, func(t *testing.T) {
			routedCluster(t, "reads "+r.reads, func(t *testing.T, p *pooler, c *cluster) {
				primary, replicas := c.ports()
				where := map[string][]string{"primary": {primary}, "replica": replicas, "any": append(replicas, primary)}
				client := connect(t, p.Addr)
				served(t, client, servedBy, where[r.plain]...)
				served(t, client, "/* route: replica */ "+servedBy, where[r.hinted]...)
				served(t, client, "/* route: primary */ "+servedBy, primary)
			})
		})
	}
}

// A transaction that says that it only reads goes to a replica, from its first statement on; any other goes to the primary.
func TestTransactionsGoWhereTheirBeginSays(t *testing.T) {
	routedCluster(t, "", func(t *testing.T, p *pooler, c *cluster) {
		primary, replicas := c.ports()
		for begin, by := range map[string][]string{
			"BEGIN":                                 {primary},
			"START TRANSACTION READ WRITE":          {primary},
			"BEGIN ISOLATION LEVEL REPEATABLE READ": {primary},
			"BEGIN READ ONLY":                       replicas,
			"START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY": replicas,
			"begin transaction read only, isolation level read committed":  replicas,
		} {
			client := connect(t, p.Addr)
			eventually(t, begin, func() error {
				client.query(begin)
				first := answer(t, client, servedBy)
				if second := answer(t, client, "SELECT told() FROM items WHERE id = 1"); second != first {
					t.Fatalf("%s: the first statement is served by %s, the second by %s", begin, first, second)
				}
				client.query("COMMIT")
				if !slices.Contains(by, first) {
					return fmt.Errorf("served by %s, want %v", first, by)
				}
				return nil
			})
		}
	})
}

// A transaction is not told to begin before its first statement says what it wants.
func TestDeferBegin(t *testing.T) {
	routedCluster(t, "defer_begin on", func(t *testing.T, p *pooler, c *cluster) {
		primary, replicas := c.ports()
		for range 3 {
			served(t, connect(t, p.Addr), servedBy, replicas...)
			client := connect(t, p.Addr)
			mustContain(t, client.query("BEGIN"), `"CommandTag":"BEGIN"`)
			if got := answer(t, client, servedBy); !slices.Contains(replicas, got) {
				t.Errorf("a transaction that begins with a read is served by %s, want %v", got, replicas)
			}
			mustContain(t, client.query("COMMIT"), `"CommandTag":"COMMIT"`)
			mustContain(t, client.query("BEGIN"), `"CommandTag":"BEGIN"`)
			mustContain(t, client.query("UPDATE items SET n = n + 1 WHERE id = 4"), "UPDATE 1")
			if got := answer(t, client, servedBy); got != primary {
				t.Errorf("a transaction that begins with a write is served by %s, want %s", got, primary)
			}
			mustContain(t, client.query("COMMIT"), `"CommandTag":"COMMIT"`)
			client.leave()
		}
	})
}

func TestPgbenchSplit(t *testing.T) {
	routedCluster(t, "pool_size 10", func(t *testing.T, p *pooler, c *cluster) {
		pgbenchTables(t, c.primary)
		c.caughtUp(t)
		modes := []string{"simple", "extended", "prepared"}
		c.warmUp(t, p, modes)
		for _, script := range []string{"--builtin=select-only", "--builtin=tpcb-like"} {
			for _, mode := range modes {
				report := pgbench(t, c.primary, p.dsn("app"), "--client=20", "--jobs=2", "--no-vacuum", "--transactions=50",
					"--protocol="+mode, script)
				demandClean(t, report)
				t.Logf("%s %s: %s", script, mode, tps(report))
			}
		}
		for _, r := range c.replicas {
			demandScanned(t, r, 3*20*50/8)
		}
	})
}

// warmUp asks what pgbench asks, until it is known that this reads.
func (c *cluster) warmUp(t *testing.T, p *pooler, modes []string) {
	t.Helper()
	served(t, connect(t, p.Addr), servedBy, port(c.replicas[0]), port(c.replicas[1]))
	for range 2 {
		for _, mode := range modes {
			demandClean(t, pgbench(t, c.primary, p.dsn("app"), "--client=2", "--no-vacuum", "--transactions=20", "--protocol="+mode,
				"--builtin=select-only"))
		}
	}
}

// demandScanned demands that a replica has looked up so many accounts.
func demandScanned(t *testing.T, replica *pgtest.Server, want int) {
	t.Helper()
	conn, err := replica.Super(within(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(within(t))
	eventually(t, "the replica has served its share", func() error {
		var n int
		err := conn.QueryRow(within(t), "SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'pgbench_accounts'").Scan(&n)
		if err == nil && n < want {
			err = fmt.Errorf("%d accounts were looked up there, want %d", n, want)
		}
		return err
	})
}
