//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// running waits until a query with a mark in its text runs on the server, or no longer does.
func running(t *testing.T, server *pgtest.Server, mark string, want bool) {
	t.Helper()
	ctx := within(t)
	conn, err := server.Super(ctx, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	eventually(t, fmt.Sprintf("query %q running: %v", mark, want), func() error {
		var n int
		err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "+
			"state <> 'idle' AND query LIKE '%' || $1 || '%'", mark).Scan(&n)
		if err == nil && (n > 0) != want {
			err = fmt.Errorf("%d run", n)
		}
		return err
	})
}

func TestCancelStopsItsQuery(t *testing.T) {
	both(t, settings{Pool: "pool_size 2"}, func(t *testing.T, c *client) {
		addr := c.conn.RemoteAddr().String()
		c.query("SELECT 1") // so that there is a server: who is cancelled while it waits for one is told no columns
		for range 3 {
			c.say(simple("SELECT pg_sleep(60)"))
			// Whether the query has begun cannot be seen from outside without the server; a cancel that comes
			// before it is lost, as with Postgres, so ask until it is heard.
			done, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				for {
					select {
					case <-done:
						return
					case <-time.After(50 * time.Millisecond):
						sendCancel(t, addr, c.pid, c.secret)
					}
				}
			}()
			mustContain(t, c.hear(1), "57014", "canceling statement due to user request")
			close(done)
			<-ended
			time.Sleep(100 * time.Millisecond) // a last cancel may be on its way
		}
	})
}

func TestCancelByPgxContextAndPsql(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		bystander := connect(t, p.Addr)
		bystander.say(simple("SELECT pg_sleep(1.5), 'undisturbed'"))

		config, err := pgx.ParseConfig(p.dsn("app"))
		if err != nil {
			t.Fatal(err)
		}
		config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: patience}
		}
		conn, err := pgx.ConnectConfig(within(t), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(within(t))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := conn.Exec(ctx, "SELECT pg_sleep(60), 'by pgx'")
			ended <- err
		}()
		running(t, server, "by pgx'", true)
		cancel()
		err = <-ended
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "57014" {
			t.Fatalf("a query whose context ends: %v, want 57014", err)
		}
		var one int
		if err := conn.QueryRow(within(t), "SELECT 1").Scan(&one); err != nil {
			t.Errorf("the connection after its cancel: %v", err)
		}

		psql := exec.Command("psql", p.dsn("app"), "-c", "SELECT pg_sleep(60), 'by psql'")
		var out logBuffer
		psql.Stdout, psql.Stderr = &out, &out
		if err := psql.Start(); err != nil {
			t.Fatal(err)
		}
		running(t, server, "by psql'", true)
		_ = psql.Process.Signal(syscall.SIGINT)
		_ = psql.Wait()
		if !strings.Contains(out.String(), "canceling statement due to user request") {
			t.Errorf("psql and Ctrl-C: %s", out.String())
		}
		running(t, server, "by psql'", false)
		mustContain(t, bystander.hear(1), "undisturbed")
	})
}

// A cancel that comes late finds the query done; its server may run another client's by then. That one must not
// be hit, however often it is tried.
func TestTrap26CancelNeverHitsTheNextClient(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		canceller, victim := connect(t, p.Addr), connect(t, p.Addr)
		deadline := time.Now().Add(3 * time.Second)
		var both sync.WaitGroup
		both.Go(func() {
			for i := 0; time.Now().Before(deadline); i++ {
				canceller.say(simple("SELECT 1"))
				if i%2 == 0 {
					sendCancel(t, p.Addr, canceller.pid, canceller.secret)
					canceller.hear(1)
				} else {
					canceller.hear(1)
					sendCancel(t, p.Addr, canceller.pid, canceller.secret)
				}
			}
		})
		queries := 0
		both.Go(func() {
			for ; time.Now().Before(deadline); queries++ {
				if heard := victim.query("SELECT pg_sleep(0.001)"); contains(heard, "ErrorResponse") {
					t.Errorf("query %d was hit by another client's cancel:\n%s", queries, strings.Join(heard, "\n"))
					return
				}
			}
		})
		both.Wait()
		t.Logf("%d queries unharmed", queries)
	})
}

func TestTrap27CancelForAnIdleClientDoesNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		idle, busy := connect(t, p.Addr), connect(t, p.Addr)
		idle.query("SELECT 1")
		gate, err := server.Super(within(t), "app")
		if err != nil {
			t.Fatal(err)
		}
		defer gate.Close(context.Background())
		busyWhile := func(what string, cancels func()) {
			t.Helper()
			if _, err := gate.Exec(within(t), "SELECT pg_advisory_lock(27)"); err != nil {
				t.Fatal(err)
			}
			busy.say(simple("SELECT pg_advisory_xact_lock(27), '" + what + "'"))
			running(t, server, "'"+what+"'", true)
			cancels()
			if _, err := gate.Exec(within(t), "SELECT pg_advisory_unlock(27)"); err != nil {
				t.Fatal(err)
			}
			mustContain(t, busy.hear(1), "CommandComplete")
		}
		busyWhile("not disturbed", func() {
			for range 10 {
				idle.cancel(p.Addr)
			}
		})
		mustContain(t, idle.query("SELECT 'idle lives'"), "idle lives")
		// Neither does one with a wrong key.
		busyWhile("still not disturbed", func() {
			for i := range busy.secret {
				wrong := append([]byte(nil), busy.secret...)
				wrong[i] ^= 1
				sendCancel(t, p.Addr, busy.pid, wrong)
			}
			sendCancel(t, p.Addr, busy.pid+1, busy.secret)
		})
	})
}

func TestTrap28CancelForAWaitingClient(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection waits for no server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		holder, waiter := connect(t, p.Addr), connect(t, p.Addr)
		holder.query("BEGIN")
		waiter.say(simple("SELECT 'never'"))
		p.awaitWaiting(1)
		waiter.cancel(p.Addr)
		mustContain(t, waiter.hear(1), "57014")
		p.awaitWaiting(0)
		holder.query("COMMIT")
		mustContain(t, waiter.query("SELECT 'in step'"), "in step")
	})
}

func TestTrap29StormOfCancelsLeaksNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing of ours to leak")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		sleeper := connect(t, p.Addr)
		before := p.descriptors()
		sleeper.say(simple("SELECT pg_sleep(60), 'storm'"))
		running(t, server, "'storm'", true)
		watch := server.Watch(t, "app")
		awaitWatching(t, watch)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 50 {
					sendCancel(t, p.Addr, sleeper.pid, sleeper.secret)
				}
			})
		}
		all.Wait()
		mustContain(t, sleeper.hear(1), "57014")
		if most, samples := watch.Most(); most > 2 || samples == 0 {
			t.Errorf("the storm took %d server connections, want at most 2 (%d samples)", most, samples)
		}
		mustContain(t, sleeper.query("SELECT 'calm'"), "calm")
		eventually(t, "the storm's descriptors are closed", func() error {
			if now := p.descriptors(); now > before+4 {
				return fmt.Errorf("%d open, %d before", now, before)
			}
			return nil
		})
	})
}

func TestTrap31ClientVanishesInAQuery(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		gone := connect(t, p.Addr)
		if !direct() { // Postgres itself does not notice before it writes
			gone.say(simple("SELECT pg_sleep(60), 'vanish'"))
			running(t, server, "'vanish'", true)
			gone.vanish()
			running(t, server, "'vanish'", false)
		}
		next := connect(t, p.Addr)
		mustContain(t, next.query("SELECT 'served'"), "served")
	})
}

func TestTrap31ClientVanishesInATransaction(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		gone := connect(t, p.Addr)
		gone.query("DROP TABLE IF EXISTS trap31; CREATE TABLE trap31 (n int)")
		gone.query("BEGIN; INSERT INTO trap31 VALUES (1); SET LOCAL work_mem = '1MB'; CREATE TEMP TABLE left_over (n int)")
		gone.vanish()
		next := connect(t, p.Addr)
		if n := next.value("SELECT count(*) FROM trap31"); n != "0" {
			t.Errorf("%s rows of a transaction that was never committed", n)
		}
		mustContain(t, next.query("SELECT * FROM left_over"), "42P01")
		mustContain(t, next.query("DROP TABLE trap31"), "DROP TABLE", "CommandComplete")
	})
}

func TestKilledPsqlCostsThePoolNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		for i, script := range []string{
			"SELECT pg_sleep(60), 'killed in query'",
			"BEGIN; LOCK TABLE pg_class IN ACCESS SHARE MODE; SELECT pg_sleep(60), 'killed in transaction'",
		} {
			psql := exec.Command("psql", p.dsn("app"), "-c", script)
			if err := psql.Start(); err != nil {
				t.Fatal(err)
			}
			mark := []string{"'killed in query'", "'killed in transaction'"}[i]
			running(t, server, mark, true)
			_ = psql.Process.Kill()
			_ = psql.Wait()
			if !direct() {
				running(t, server, mark, false)
			}
		}
		for range 4 {
			c := connect(t, p.Addr)
			mustContain(t, c.query("SELECT 'served'"), "served")
		}
	})
}

// awaitWaiting waits until so many clients wait for a server.
func (p *pooler) awaitWaiting(want int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d clients wait", want), func() error {
		stats, err := p.stats()
		if err == nil && stats.Waiting != want {
			err = fmt.Errorf("%d wait", stats.Waiting)
		}
		return err
	})
}
