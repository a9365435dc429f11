//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
	stop       context.CancelFunc
	all        sync.WaitGroup
	done       atomic.Int64
	mu         sync.Mutex
	complaints map[string]int
}

func startWork(t *testing.T, dsn string, clients int) *work {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &work{stop: stop, complaints: make(map[string]int)}
	for i := range clients {
		w.all.Go(func() {
			for ctx.Err() == nil {
				if err := w.session(ctx, dsn, i); err != nil && ctx.Err() == nil {
					w.mu.Lock()
					w.complaints[err.Error()]++
					w.mu.Unlock()
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	t.Cleanup(w.finish)
	return w
}

func (w *work) finish() {
	w.stop()
	w.all.Wait()
}

// session does transactions over one connection until an error. Each asks for something only it knows, so that
// another's reply would be seen.
func (w *work) session(ctx context.Context, dsn string, who int) error {
	dial, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(dial, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for i := 0; ctx.Err() == nil; i++ {
		if err := w.transaction(conn, fmt.Sprintf("%d/%d", who, i)); err != nil {
			return err
		}
		w.done.Add(1)
	}
	return nil
}

func (w *work) transaction(conn *pgx.Conn, mark string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
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

// demandCleanErrors looks at what clients were told: an SQLSTATE from Postgres or from us, or an end of file; not a
// wrong row, a time-out or a broken protocol.
func (w *work) demandCleanErrors(t *testing.T) {
	t.Helper()
	for complaint, n := range w.told() {
		for _, bad := range []string{"WRONG ROW", "deadline exceeded", "timeout", "unexpected message", "unknown message", "conn busy",
			"protocol"} {
			if strings.Contains(complaint, bad) {
				t.Errorf("%d times: %s", n, complaint)
			}
		}
	}
}

func TestServersKilledUnderLoad(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
		w := startWork(t, p.dsn("app"), 40)
		watch := server.Watch(t, "app")
		w.progress(t, 100)
		for range 20 {
			err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
				"WHERE datname = 'app' ORDER BY random() LIMIT 2")
			if err != nil {
				t.Fatal(err)
			}
			w.progress(t, 20)
		}
		w.progress(t, 500)
		w.finish()
		w.demandCleanErrors(t)
		if most, _ := watch.Most(); !direct() && most > 5+2 { // those being ended are still seen
			t.Errorf("Postgres saw %d connections, want at most 5", most)
		}
	})
}

func TestClientsKilledUnderLoad(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5"})
		w := startWork(t, p.dsn("app"), 20)
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
		w.demandCleanErrors(t)
		if complaints := w.told(); len(complaints) > 0 && !direct() {
			t.Errorf("others were told: %v", complaints)
		}
	})
}

func TestPostgresRestartsUnderLoad(t *testing.T) {
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 5\nserver_login_retry 100ms"})
			w := startWork(t, p.dsn("app"), 30)
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
			w.demandCleanErrors(t)
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
			c := connect(t, p.Addr)
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
