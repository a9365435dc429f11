//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

func TestServerTerminatedWhileIdleCostsNobody(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection is its server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		c := connect(t, p.Addr)
		c.ask(parse("s", "SELECT 'prepared'"))
		for range 5 {
			pid := c.value("SELECT pg_backend_pid()")
			terminate(t, server, pid)
			mustContain(t, c.query("SELECT 'served'"), "served")
			mustContain(t, c.runStatement("s"), "prepared")
		}
	})
}

// terminate ends a server connection and waits until Postgres has.
func terminate(t *testing.T, server *pgtest.Server, pid string) {
	t.Helper()
	if err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend("+pid+", 10000)"); err != nil {
		t.Fatal(err)
	}
}

func TestTrap52FatalOfTheServerReachesItsClientWordForWord(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		inQuery := connect(t, p.Addr)
		inQuery.say(simple("SELECT pg_sleep(60), 'fatal'"))
		running(t, server, "'fatal'", true)
		if err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
			"WHERE query LIKE '%''fatal''%' AND pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		mustContain(t, inQuery.hearAnyEnd(), "FATAL 57P01", "terminating connection due to administrator command")

		inTransaction := connect(t, p.Addr)
		inTransaction.query("BEGIN")
		terminate(t, server, inTransaction.value("SELECT pg_backend_pid()"))
		mustContain(t, inTransaction.hearAnyEnd(), "57P01")

		timedOut := connect(t, p.Addr)
		timedOut.query("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '100ms'")
		mustContain(t, timedOut.hearAnyEnd(), "FATAL 25P03")
		next := connect(t, p.Addr)
		mustContain(t, next.query("SELECT 'recovered'"), "recovered")
	})
}

func TestTrap48NoticesGoOnlyToTheirClient(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		loud, quiet := connect(t, p.Addr), connect(t, p.Addr)
		for range 50 {
			loud.say(simple("DO $$ BEGIN RAISE NOTICE 'loud'; END $$"))
			quiet.say(simple("SELECT 'quiet'"))
			mustContain(t, loud.hear(1), "NoticeResponse", "loud")
			mustNotContain(t, quiet.hear(1), "loud")
		}
		loud.query("BEGIN; SET LOCAL application_name = 'loud'")
		quiet.say(simple("SELECT 'quiet'"))
		mustContain(t, loud.query("ROLLBACK"), "ParameterStatus", "application_name")
		mustNotContain(t, quiet.hear(1), "loud")
	})
}

// work runs clients that do transactions until told to stop, reconnecting after errors, and counts what they met.
type work struct {
	transaction transaction
	stop        context.CancelFunc
	all         sync.WaitGroup
	done        atomic.Int64
	mu          sync.Mutex
	complaints  map[string]int
}

// transaction is one of a client's, with a mark that only it has.
type transaction func(ctx context.Context, conn *pgx.Conn, mark string) error

func startWork(t *testing.T, dsn string, clients int, do transaction) *work {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &work{transaction: do, stop: stop, complaints: make(map[string]int)}
	for i := range clients {
		w.all.Go(func() {
			for ctx.Err() == nil {
				if err := w.session(ctx, dsn, i); err != nil && !errors.Is(err, context.Canceled) {
					w.mu.Lock()
					w.complaints[complaint(err)]++
					w.mu.Unlock()
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	t.Cleanup(w.finish)
	return w
}

// complaint is an error as SQLSTATE and text; EOF if the connection has ended without a word; refused if nobody
// listens; or what else it is.
func complaint(err error) string {
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return refused.Code + " " + refused.Message
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, pgconn.ErrConnClosed): // so pgx tells of an end in its BEGIN
		return "EOF " + err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused " + err.Error()
	}
	return err.Error()
}

func (w *work) finish() {
	w.stop()
	w.all.Wait()
}

// session does transactions over one connection until an error.
func (w *work) session(ctx context.Context, dsn string, who int) error {
	dial, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(dial, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for i := 0; ctx.Err() == nil; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := w.transaction(ctx, conn, fmt.Sprintf("%d/%d", who, i))
		cancel()
		if err != nil {
			return err
		}
		w.done.Add(1)
	}
	return nil
}

// threeQueries is a transaction that asks for something only it knows, so that another's reply would be seen.
func threeQueries(ctx context.Context, conn *pgx.Conn, mark string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for range 3 {
			var back string
			if err := tx.QueryRow(ctx, "SELECT $1::text", mark).Scan(&back); err != nil {
				return err
			}
			if back != mark {
				return fmt.Errorf("WRONG ROW: %q, want %q", back, mark)
			}
		}
		return nil
	})
}

// progress waits until so many more transactions are done.
func (w *work) progress(t *testing.T, more int64) {
	t.Helper()
	from := w.done.Load()
	eventually(t, fmt.Sprintf("%d more transactions", more), func() error {
		if now := w.done.Load(); now < from+more {
			return fmt.Errorf("%d done; complaints %v", now-from, w.told())
		}
		return nil
	})
}

// told is the complaints so far.
func (w *work) told() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := make(map[string]int)
	for k, v := range w.complaints {
		copied[k] = v
	}
	return copied
}

// demandOnly demands that clients were told nothing but these: SQLSTATEs, or else the first word of a complaint.
func (w *work) demandOnly(t *testing.T, allowed ...string) {
	t.Helper()
	for complaint, n := range w.told() {
		code, _, _ := strings.Cut(complaint, " ")
		if !slices.Contains(allowed, code) {
			t.Errorf("%d times, want only %v: %s", n, allowed, complaint)
		}
	}
}

func TestServersKilledUnderLoad(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
		w := startWork(t, p.dsn("app"), 40, threeQueries)
		watch := server.Watch(t, "app")
		w.progress(t, 100)
		for range 20 {
			err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "+
				"WHERE datname = 'app' ORDER BY random() LIMIT 2")
			if err != nil {
				t.Fatal(err)
			}
			w.progress(t, 20)
		}
		w.progress(t, 500)
		w.finish()
		w.demandOnly(t, "57P01")
		if most, _ := watch.Most(); !direct() && most > 5+2 { // those being ended are still seen
			t.Errorf("Postgres saw %d connections, want at most 5", most)
		}
	})
}

// Servers go from loop to loop where they are wanted; one that is ended on its way still costs nobody more than what
// Postgres says.
func TestServersKilledOnTheirWayBetweenLoops(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no loops without the pooler")
		}
		p := startPooler(t, driver, server, settings{Global: "event_loops 4", Pool: "pool_size 4"})
		w := startWork(t, p.dsn("app"), 8, threeQueries)
		for range 60 {
			if err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
				"WHERE datname = 'app' AND backend_type = 'client backend'"); err != nil {
				t.Fatal(err)
			}
			w.progress(t, 8)
		}
		w.finish()
		w.demandOnly(t, "57P01")
	})
}

func TestClientsKilledUnderLoad(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
		w := startWork(t, p.dsn("app"), 20, threeQueries)
		for i := range 60 {
			c := connect(t, p.Addr)
			switch i % 4 {
			case 0:
				c.say(simple("SELECT pg_sleep(30)"))
			case 1:
				c.say(simple("BEGIN"), simple("SELECT 1"))
			case 2:
				c.say(parse("s", "SELECT 1"), bind("", "s"))
			default:
				c.say(simple("SELECT repeat('x', 10000) FROM generate_series(1, 1000)"))
			}
			c.vanish()
		}
		if !direct() {
			w.progress(t, 500)
		}
		w.finish()
		w.demandOnly(t)
	})
}

// A client that vanishes leaves everything it has asked for: also what begins to run only after it was cancelled.
func TestTrap31ClientVanishesWithSeveralQueriesUnderWay(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		if direct() {
			t.Skip("Postgres runs them all")
		}
		c := connect(t, p.Addr)
		c.say(simple("SELECT pg_sleep(10), 'the first'"), simple("SELECT pg_sleep(60), 'the second'"))
		running(t, server, "the first'", true)
		c.vanish()
		next := connect(t, p.Addr)
		mustContain(t, next.query("SELECT 'served'"), "served", "DataRow")
		running(t, server, "the second'", false)
	})
}

func TestPostgresRestartsUnderLoad(t *testing.T) {
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 5\nserver_login_retry 100ms"})
			w := startWork(t, p.dsn("app"), 30, threeQueries)
			w.progress(t, 100)
			for _, mode := range []pgtest.StopMode{pgtest.Immediate, pgtest.Fast} {
				if err := server.Restart(context.Background(), mode); err != nil {
					t.Fatal(err)
				}
				w.progress(t, 300)
			}
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := server.StartAgain(context.Background()); err != nil {
				t.Fatal(err)
			}
			w.progress(t, 300)
			w.finish()
			w.demandOnly(t, "57P01", "57P02", "57P03", "08006")
			if direct() {
				return
			}
			c := connect(t, p.Addr)
			mustContain(t, c.query("SELECT 'recovered'"), "recovered")
			t.Logf("clients were told: %v", w.told())
		})
	}
}

func TestPostgresDownIsAClearError(t *testing.T) {
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("nobody there to tell")
			}
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 2\nquery_wait_timeout 500ms\nserver_login_retry 100ms"})
			var c *client
			eventually(t, "a client is let in", func() (err error) { c, err = tryConnect(t, p.Addr); return err })
			c.query("SELECT 1")
			if err := server.Stop(pgtest.Fast); err != nil {
				t.Fatal(err)
			}
			heard := c.query("SELECT 1")
			mustContain(t, heard, "ErrorResponse", "08006")
			mustNotContain(t, heard, `hint ""`)
			if err := server.StartAgain(context.Background()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the same client is served again", func() error {
				if heard := c.query("SELECT 'served again'"); !contains(heard, "DataRow") {
					return fmt.Errorf("%s", strings.Join(heard, "; "))
				}
				return nil
			})
		})
	}
}

// tpcb is pgbench's TPC-B-like transaction, with its mark in the history.
func tpcb(ctx context.Context, conn *pgx.Conn, mark string) error {
	account, teller, branch, delta := 1+rand.IntN(1000000), 1+rand.IntN(100), 1+rand.IntN(10), rand.IntN(10001)-5000
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, step := range []struct {
			sql  string
			args []any
		}{
			{"UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2", []any{delta, account}},
			{"SELECT abalance FROM pgbench_accounts WHERE aid = $1", []any{account}},
			{"UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2", []any{delta, teller}},
			{"UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2", []any{delta, branch}},
			{"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler) VALUES ($1, $2, $3, $4, now(), $5)",
				[]any{teller, branch, account, delta, mark}},
		} {
			if _, err := tx.Exec(ctx, step.sql, step.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// demandBooksBalance demands that what was committed was committed whole.
func demandBooksBalance(t *testing.T, server *pgtest.Server) {
	t.Helper()
	ctx := within(t)
	conn, err := server.Super(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var accounts, tellers, branches, history int64
	if err := conn.QueryRow(ctx, "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "+
		"(SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)").
		Scan(&accounts, &tellers, &branches, &history); err != nil {
		t.Fatal(err)
	}
	if accounts != history || tellers != history || branches != history {
		t.Errorf("the history sums up to %d, accounts to %d, tellers to %d, branches to %d", history, accounts, tellers, branches)
	}
}

// Whatever is killed in the middle of TPC-B, every transaction is there whole or not at all, and each that a client
// was told of is there once.
func TestKillsInMidRunLeaveTheBooksBalanced(t *testing.T) {
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			options := commonOptions(versions()[0])
			options.Settings = map[string]string{"synchronous_commit": "on"} // what was told must outlive a crash
			server := pgtest.Start(t, options)
			pgbenchTables(t, server)
			p := startPooler(t, driver, server, settings{Pool: "pool_size 8\nserver_login_retry 100ms"})
			var last atomic.Int64
			var told sync.Map
			w := startWork(t, p.dsn("app"), 24, func(ctx context.Context, conn *pgx.Conn, _ string) error {
				mark := fmt.Sprint(last.Add(1))
				err := tpcb(ctx, conn, mark)
				if err == nil {
					told.Store(mark, true)
				}
				return err
			})
			w.progress(t, 50)
			for round := range 5 {
				p.killPgbench(t, server)
				if err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
					"WHERE datname = 'app' ORDER BY random() LIMIT 3"); err != nil {
					t.Fatal(err)
				}
				w.progress(t, 50)
				mode := []pgtest.StopMode{pgtest.Immediate, pgtest.Fast}[round%2]
				if err := server.Restart(context.Background(), mode); err != nil {
					t.Fatal(err)
				}
				w.progress(t, 50)
			}
			if !direct() {
				w.demandOnly(t, "57P01", "57P02", "57P03", "08006")
				p.killAndRun()
				w.progress(t, 50)
				w.finish()
				w.demandOnly(t, "57P01", "57P02", "57P03", "08006", "EOF", "refused")
			}
			w.finish()
			t.Logf("clients were told: %v", w.told())
			demandBooksBalance(t, server)
			demandHistory(t, server, &told)
			p.awaitRest()
		})
	}
}

// killPgbench lets pgbench work for a moment and ends it by force.
func (p *pooler) killPgbench(t *testing.T, server *pgtest.Server) {
	t.Helper()
	cmd := pgbenchCommand(server, p.dsn("app"), "--client=10", "--no-vacuum", "--time=60", "--builtin=tpcb-like", "--protocol=prepared")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running(t, server, "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) ", true)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// killAndRun ends the pooler by force and starts it again.
func (p *pooler) killAndRun() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	<-p.done
	p.run()
	p.awaitListening()
}

// demandHistory demands that the history has each transaction that a client was told of once, and none twice.
func demandHistory(t *testing.T, server *pgtest.Server, told *sync.Map) {
	t.Helper()
	ctx := within(t)
	conn, err := server.Super(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT trim(filler) FROM pgbench_history WHERE filler IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	marks, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, mark := range marks {
		if found[mark] {
			t.Errorf("transaction %s was done twice", mark)
		}
		found[mark] = true
	}
	told.Range(func(mark, _ any) bool {
		if !found[mark.(string)] {
			t.Errorf("transaction %s is lost, though its client was told that it was committed", mark)
		}
		return true
	})
	t.Logf("%d transactions in the history", len(marks))
}

// awaitRest waits until all servers are idle: nothing that was killed keeps one.
func (p *pooler) awaitRest() {
	p.t.Helper()
	if p.driver == "direct" {
		return
	}
	eventually(p.t, "all servers rest", func() error {
		stats, err := p.stats()
		if err == nil && (stats.Size != stats.Available || stats.Size == 0 || stats.Waiting > 0) {
			err = fmt.Errorf("got %+v", stats)
		}
		return err
	})
}
