//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// busyQuery is one of GET /postgres/queries.
type busyQuery struct {
	Pool, Query, Fingerprint, Kind string
	Calls, Rows, Errors            int
	CacheHits                      int     `json:"cache_hits"`
	TotalSeconds                   float64 `json:"total_seconds"`
	MeanSeconds                    float64 `json:"mean_seconds"`
	P99Seconds                     float64 `json:"p99_seconds"`
	MaxSeconds                     float64 `json:"max_seconds"`
}

// queries is the busiest queries of the pool, by form.
func (p *pooler) queries() map[string]busyQuery {
	p.t.Helper()
	var list []busyQuery
	if err := p.getJSON("/postgres/queries?pool=app&limit=10000", &list); err != nil {
		p.t.Fatal(err)
	}
	forms := map[string]busyQuery{}
	for _, q := range list {
		forms[q.Query] = q
	}
	return forms
}

// Whatever way a query comes, it is told with its form, how often, with how many rows, and how many failed; and all of them together are what the
// pool has counted.
func TestTheBusiestQueries(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a list of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3"})
		raw := connect(t, p.Addr)
		raw.query("DROP TABLE IF EXISTS busy; CREATE TABLE busy (n int, s text)")
		raw.query("INSERT INTO busy SELECT i, 'row ' || i FROM generate_series(1, 10) AS g(i)")
		raw.query("SELECT * FROM busy WHERE n <= 3 AND s LIKE 'row%'")
		raw.query("SELECT * FROM busy WHERE n <= 7  AND s LIKE 'secret%' -- a comment")
		raw.query("SELECT 1 / 0")
		raw.query("COPY busy TO STDOUT")
		asksWithPgx(t, p)
		raw.say(
			&pgproto3.Parse{Name: "p", Query: "SELECT n FROM busy ORDER BY n LIMIT $1::int"}, &pgproto3.Describe{ObjectType: 'S', Name: "p"},
			&pgproto3.Bind{PreparedStatement: "p", Parameters: [][]byte{[]byte("2")}}, &pgproto3.Execute{},
			&pgproto3.Bind{PreparedStatement: "p", Parameters: [][]byte{[]byte("5")}, DestinationPortal: "in pieces"},
			&pgproto3.Execute{Portal: "in pieces", MaxRows: 3}, &pgproto3.Execute{Portal: "in pieces", MaxRows: 3}, &pgproto3.Sync{},
			&pgproto3.Query{String: "SELECT count(*) FROM busy"},
		)
		raw.hear(2)
		forms := p.queries()
		for form, want := range map[string]busyQuery{
			"drop table if exists busy; create table busy (n int, s text)":              {Kind: "other", Calls: 1},
			"insert into busy select i, $n || i from generate_series ($n, $n) as g (i)": {Kind: "insert", Calls: 1, Rows: 10},
			"select * from busy where n <= $n and s like $n":                            {Kind: "select", Calls: 2, Rows: 3},
			"select $n / $n": {Kind: "other", Calls: 1, Errors: 1},
			"select $n / (n - n) from busy where n = $n":    {Kind: "other", Calls: 1, Errors: 1},
			"copy busy to stdout":                           {Kind: "copy", Calls: 1, Rows: 10},
			"select s from busy where n = $n":               {Kind: "select", Calls: 24, Rows: 24},
			"update busy set s = $n where n in ($n)":        {Kind: "update", Calls: 3, Rows: 6},
			"select n from busy order by n limit $n :: int": {Kind: "select", Calls: 3, Rows: 7},
			"select count (*) from busy":                    {Kind: "select", Calls: 1, Rows: 1},
		} {
			got := forms[form]
			if got.Kind != want.Kind || got.Calls != want.Calls || got.Rows != want.Rows || got.Errors != want.Errors || got.CacheHits != 0 {
				t.Errorf("%s: %+v, want %+v", form, got, want)
			}
			if got.MaxSeconds > got.TotalSeconds || got.P99Seconds > got.MaxSeconds || got.TotalSeconds <= 0 && got.Calls > 1 || !fingerprint.MatchString(got.Fingerprint) {
				t.Errorf("%s: %+v", form, got)
			}
		}
		var pool struct{ Queries int }
		if err := p.getJSON("/postgres/pools/app", &pool); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for form, q := range forms {
			if sum += q.Calls; strings.Contains(form, "row") && form != "copy busy to stdout" || strings.Contains(form, "secret") {
				t.Errorf("a literal is told: %s", form)
			}
		}
		if sum != pool.Queries {
			t.Errorf("the pool has counted %d queries, and its forms are %d: %+v", pool.Queries, sum, forms)
		}
	})
}

var fingerprint = regexp.MustCompile(`^[0-9a-f]{16}$`)

// asksWithPgx asks the same in each of the ways of pgx: 24 reads, three writes of two rows each in a batch, and one that fails.
func asksWithPgx(t *testing.T, p *pooler) {
	t.Helper()
	ctx := within(t)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeSimpleProtocol} {
		config, err := pgx.ParseConfig(p.dsn("app"))
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		asks(ctx, t, conn)
		if mode == pgx.QueryExecModeCacheStatement {
			if _, err := conn.Exec(ctx, "SELECT 1 / (n - n) FROM busy WHERE n = $1", 1); err == nil {
				t.Error("a division by zero succeeds")
			}
		}
		conn.Close(ctx)
	}
}

func asks(ctx context.Context, t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for n := range 8 {
		var s string
		if err := conn.QueryRow(ctx, "SELECT s FROM busy WHERE n = $1", n+1).Scan(&s); err != nil {
			t.Fatal(err)
		}
	}
	batch := &pgx.Batch{}
	batch.Queue("UPDATE busy SET s = $1 WHERE n IN (1, 2)", "row")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		t.Fatal(err)
	}
}

// What the cache answers counts, and takes no time.
func TestTheBusiestQueriesTellOfCacheHits(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a list of ours")
		}
		p := startPooler(t, driver, server, cachingPool)
		c := connect(t, p.Addr)
		c.query("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)")
		calls := 0
		eventually(t, "a query is answered from the cache", func() error {
			c.query("SELECT n FROM kept WHERE n = 1")
			calls++
			q := p.queries()["select n from kept where n = $n"]
			if q.Calls != calls {
				t.Fatalf("%d calls are told of %d", q.Calls, calls)
			}
			if q.CacheHits < 3 {
				return fmt.Errorf("%d hits of %d calls", q.CacheHits, q.Calls)
			}
			return nil
		})
	})
}

// A slow query has a line in the log, with whose it was and what it was, without its literals; what the wait for a server was, and what not.
func TestASlowQueryIsLogged(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a line of ours")
		}
		pool := settings{Pool: "pool_size 1\nslow_query 300ms"}
		p := startPooler(t, driver, server, pool)
		first := connect(t, p.Addr, "application_name", "reports")
		second := connect(t, p.Addr)
		first.query("SELECT 1") // so that the server is there, and known
		second.query("SELECT 2")
		first.say(&pgproto3.Query{String: "SELECT 'secret', pg_sleep(8)"})
		eventually(t, "the first has the server", func() error { return p.hasClients(1, 0) })
		second.say(&pgproto3.Parse{Query: "SELECT pg_sleep($1::float8) FROM generate_series(1, 2)"},
			&pgproto3.Bind{Parameters: [][]byte{[]byte("0.2")}}, &pgproto3.Execute{}, &pgproto3.Sync{})
		first.hear(1)
		second.hear(1)
		first.query("SELECT pg_sleep(0.1)")
		var lines []map[string]any
		eventually(t, "both are logged", func() error {
			lines = slices.DeleteFunc(p.logged("waited"), func(l map[string]any) bool {
				return !strings.Contains(fmt.Sprint(l["statement"]), "pg_sleep")
			})
			if len(lines) < 2 {
				return fmt.Errorf("%d lines", len(lines))
			}
			return nil
		})
		for i, want := range []map[string]any{
			{"level": "warn", "msg": "a query was slow", "pool": "app", "database": "app", "user": "app", "upstream": server.Addr(),
				"application_name": "reports", "statement": "select $n, pg_sleep ($n)", "rows": 1.0},
			{"statement": "select pg_sleep ($n :: float8) from generate_series ($n, $n)", "rows": 2.0, "application_name": nil},
		} {
			for key, value := range want {
				if lines[i][key] != value {
					t.Errorf("line %d: %s is %v, want %v", i+1, key, lines[i][key], value)
				}
			}
			elapsed, waited := lines[i]["elapsed"].(float64), lines[i]["waited"].(float64)
			if elapsed < 0.35 || elapsed > 60 || (waited > 2) != (i == 1) || !strings.HasPrefix(fmt.Sprint(lines[i]["client"]), "127.0.0.1:") {
				t.Errorf("line %d: %v", i+1, lines[i])
			}
		}
		pool.Pool = "pool_size 1\nslow_query 50ms"
		if err := p.reload(pool); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		eventually(t, "a reload changes what is slow", func() error {
			if first.query("SELECT pg_sleep(0.1)"); len(p.logged("waited")) < 3 {
				return fmt.Errorf("%d lines after %v", len(p.logged("waited")), time.Since(began))
			}
			return nil
		})
		if strings.Contains(p.out.String(), "secret'") {
			t.Error("the log has a literal")
		}
	})
}

// hasClients reports whether so many clients of the pool have a server, and so many wait for one.
func (p *pooler) hasClients(active, waiting int) error {
	var pool struct{ Clients struct{ Active, Waiting int } }
	if err := p.getJSON("/postgres/pools/app", &pool); err != nil {
		return err
	}
	if pool.Clients.Active != active || pool.Clients.Waiting != waiting {
		return fmt.Errorf("%+v", pool.Clients)
	}
	return nil
}
