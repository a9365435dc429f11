//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// The life of servers, as Postgres sees it. Their rules, at each bound and past it, are tested in virtual time by the
// engine; here each setting does its work once.

// pids is the server connections of a database that Postgres has now.
func pids(t *testing.T, server *pgtest.Server, database string) (list []string) {
	t.Helper()
	conn, err := server.Super(within(t), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(within(t), "SELECT pid::text FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend' ORDER BY pid", database)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var pid string
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		list = append(list, pid)
	}
	return list
}

// awaitServers waits until Postgres has so many connections of the database.
func awaitServers(t *testing.T, server *pgtest.Server, database string, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d servers", want), func() error {
		if n := len(pids(t, server, database)); n != want {
			return fmt.Errorf("Postgres has %d", n)
		}
		return nil
	})
}

// lifeServer is a Postgres whose database app nobody else uses.
func lifeServer(t *testing.T) *pgtest.Server {
	t.Helper()
	o := commonOptions(versions()[0])
	o.MaxConnections = 60
	return pgtest.Start(t, o)
}

func TestAnIdlePoolScalesToZero(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is its server")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 5\nserver_idle_timeout 1s"})
			c := connect(t, p.Addr)
			eventually(t, "a server is there", func() error {
				c.query("SELECT 1")
				if n := len(pids(t, server, "app")); n != 1 {
					return fmt.Errorf("Postgres has %d", n)
				}
				return nil
			})
			awaitServers(t, server, "app", 0)
			mustContain(t, c.query("SELECT 'awake'"), "awake")
		})
	}
}

func TestMinPoolSizeIsKept(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is its server")
			}
			s := settings{Pool: "pool_size 5\nmin_pool_size 3\nserver_idle_timeout 1s\ndatabases app\nserver_user app"}
			p := startPooler(t, driver, server, s)
			awaitServers(t, server, "app", 3) // before anybody has come: database and user are known
			c := connect(t, p.Addr)
			c.query("SELECT 1")
			time.Sleep(2500 * time.Millisecond) // longer than server_idle_timeout
			if n := len(pids(t, server, "app")); n != 3 {
				t.Errorf("%d servers after server_idle_timeout, want min_pool_size", n)
			}
			victim := pids(t, server, "app")[0]
			terminate(t, server, victim)
			eventually(t, "the lost server is replaced", func() error {
				if now := pids(t, server, "app"); len(now) != 3 || slices.Contains(now, victim) {
					return fmt.Errorf("servers %v", now)
				}
				return nil
			})
			s.Pool = strings.Replace(s.Pool, "min_pool_size 3", "min_pool_size 0", 1)
			if err := p.reload(s); err != nil {
				t.Fatal(err)
			}
			awaitServers(t, server, "app", 0)
		})
	}
}

func TestServerLifetimeReplacesServersUnderLoad(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is its server")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 4\nserver_lifetime 2s"})
			c := connect(t, p.Addr)
			seen := map[string]bool{}
			for began := time.Now(); time.Since(began) < 5*time.Second || len(seen) < 2 && time.Since(began) < patience; time.Sleep(5 * time.Millisecond) {
				seen[c.value("SELECT pg_backend_pid()")] = true
			}
			if len(seen) < 2 || len(seen) > 6 {
				t.Errorf("%d servers in five seconds with server_lifetime 2s, want 2 or a few more", len(seen))
			}
		})
	}
}

// A server that died without a word, as behind a firewall that forgets connections, is found out before a client's query
// is lost on it.
func TestAServerThatRestedIsCheckedBeforeItIsUsed(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is its server")
			}
			p := startPooler(t, driver, server, settings{
				Pool: "pool_size 1\nserver_check_interval 200ms\nserver_check_query \"SELECT 'checked'\"\nserver_connect_timeout 5s",
			})
			c := connect(t, p.Addr)
			pid := c.value("SELECT pg_backend_pid()")
			time.Sleep(300 * time.Millisecond)
			if again := c.value("SELECT pg_backend_pid()"); again != pid {
				t.Errorf("server %s, which answered its check, was replaced by %s", pid, again)
			}
			stop(t, pid, syscall.SIGSTOP)
			defer stop(t, pid, syscall.SIGKILL)
			defer stop(t, pid, syscall.SIGCONT)
			time.Sleep(300 * time.Millisecond)
			began := time.Now()
			if other := c.value("SELECT pg_backend_pid()"); other == pid {
				t.Error("a server that does not answer was used")
			}
			if took := time.Since(began); took < 4900*time.Millisecond || took > 40*time.Second {
				t.Errorf("another server after %v, want server_connect_timeout", took)
			}
		})
	}
}

// stop sends a signal to a server process.
func stop(t *testing.T, pid string, sig syscall.Signal) {
	t.Helper()
	var n int
	fmt.Sscan(pid, &n)
	if n > 1 {
		_ = syscall.Kill(n, sig)
	}
}

func TestServerResetAlwaysAndNever(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is not handed on")
			}
			watcher, err := server.Super(within(t), "app")
			if err != nil {
				t.Fatal(err)
			}
			defer watcher.Close(context.Background())
			if _, err := watcher.Exec(within(t), "LISTEN was_reset"); err != nil {
				t.Fatal(err)
			}
			for mode, want := range map[string]struct{ afterClean, sameServer bool }{
				"dirty":  {afterClean: false, sameServer: true},
				"always": {afterClean: true, sameServer: true},
				"never":  {afterClean: false, sameServer: false},
			} {
				p := startPooler(t, driver, server, settings{
					Pool: "pool_size 1\nserver_reset " + mode + "\nserver_reset_query \"RESET ALL; NOTIFY was_reset, '" + mode + "'\"",
				})
				c := connect(t, p.Addr)
				c.query("SELECT 1")
				hears := 300 * time.Millisecond
				if want.afterClean {
					hears = patience
				}
				short, end := context.WithTimeout(context.Background(), hears)
				reset := false
				for !reset && short.Err() == nil {
					n, err := watcher.WaitForNotification(short)
					reset = err == nil && n.Payload == mode // others are of the mode before
				}
				end()
				if reset != want.afterClean {
					t.Errorf("%s: reset after a clean query: %v", mode, reset)
				}
				dirty := connect(t, p.Addr)
				pid := dirty.value("SELECT pg_backend_pid()")
				dirty.query("SET work_mem = '7MB'; SELECT pg_advisory_lock(7)")
				dirty.leave()
				next := connect(t, p.Addr)
				if got := next.value("SHOW work_mem"); got == "7MB" {
					t.Errorf("%s: a setting crossed to another client", mode)
				}
				if same := next.value("SELECT pg_backend_pid()") == pid; same != want.sameServer {
					t.Errorf("%s: the dirty server was used again: %v", mode, same)
				}
				c.leave()
				next.leave()
				p.stop()
			}
		})
	}
}

func TestTheReserveIsForThoseWhoHaveWaited(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection waits for no server")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 2\nreserve_pool_size 1\nreserve_pool_timeout 2s"})
			watch := server.Watch(t, "app")
			var holders []*client
			for range 2 {
				h := connect(t, p.Addr)
				h.query("BEGIN")
				holders = append(holders, h)
			}
			awaitServers(t, server, "app", 2)
			began := time.Now()
			mustContain(t, connect(t, p.Addr).query("SELECT 'by the reserve'"), "by the reserve")
			if took := time.Since(began); took < 1900*time.Millisecond || took > 40*time.Second {
				t.Errorf("served after %v, want reserve_pool_timeout", took)
			}
			awaitServers(t, server, "app", 2) // nobody waits: the reserve goes
			for _, h := range holders {
				h.query("COMMIT")
			}
			if most, _ := watch.Most(); most > 3 {
				t.Errorf("%d servers, want at most pool_size and reserve_pool_size", most)
			}
		})
	}
}

func TestIdleServerOrder(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is its server")
			}
			for order, want := range map[string]int{"lifo": 1, "fifo": 3} {
				p := startPooler(t, driver, server, settings{Global: "event_loops 1", Pool: "pool_size 3\nidle_server_order " + order})
				var holders []*client
				for range 3 {
					h := connect(t, p.Addr)
					h.query("BEGIN")
					holders = append(holders, h)
				}
				for _, h := range holders {
					h.query("COMMIT")
				}
				used := map[string]bool{}
				for range 9 {
					used[holders[0].value("SELECT pg_backend_pid()")] = true
				}
				if len(used) != want {
					t.Errorf("%s: nine queries used %d of 3 servers, want %d", order, len(used), want)
				}
				p.stop()
			}
		})
	}
}

func TestPriorityGoesFirst(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection waits for no server")
		}
		p := startPooler(t, driver, server, settings{
			Global: "event_loops 1",
			Pool:   "pool_size 1\npriority application_name urgent* high\npriority application_name batch low",
		})
		for again := 0; ; again++ {
			order, apart := servedByPriority(t, p)
			if strings.HasPrefix(order[len(order)-1], "batch") && strings.HasPrefix(order[0], "urgent") {
				return
			}
			// Who has waited for five seconds longer goes before who is one priority higher.
			if apart < 4*time.Second || again == 5 {
				t.Fatalf("served in the order %v", order)
			}
		}
	})
}

// servedByPriority returns the order in which Postgres saw clients of all priorities, who began to wait this long after each other.
func servedByPriority(t *testing.T, p *pooler) (order []string, apart time.Duration) {
	t.Helper()
	holder := connect(t, p.Addr)
	holder.query("BEGIN")
	var clients []*client
	var first time.Time
	for i, name := range []string{"batch", "plain", "urgent-1", "urgent-2", "plain"} {
		c := connect(t, p.Addr, "application_name", name)
		if i == 0 {
			first = time.Now()
		}
		c.say(simple("SELECT to_char(clock_timestamp(), 'HH24:MI:SS.US') || ' ' || current_setting('application_name')"))
		p.awaitWaiting(i + 1)
		clients = append(clients, c)
	}
	apart = time.Since(first)
	holder.query("COMMIT")
	for _, c := range clients {
		row := strings.Join(c.hear(1), " ")
		order = append(order, row[strings.Index(row, "DataRow"):])
	}
	slices.Sort(order)
	for i, row := range order {
		_, name, _ := strings.Cut(row, ".")
		_, order[i], _ = strings.Cut(name, " ")
	}
	return order, apart
}

func TestStatesOfServersAreShown(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no admin API without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3"})
		connect(t, p.Addr).query("SELECT 1")
		var pool struct {
			Servers map[string]int `json:"servers"`
		}
		if err := p.getJSON("/postgres/pools/app", &pool); err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"idle", "active", "resetting", "checking", "being_canceled", "draining", "connecting"} {
			if _, ok := pool.Servers[state]; !ok {
				t.Errorf("state %s is not shown: %v", state, pool.Servers)
			}
		}
		metrics, err := p.get("/metrics")
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"checking", "draining"} {
			if !strings.Contains(metrics, `state="`+state+`"`) {
				t.Errorf("no metric of state %s", state)
			}
		}
	})
}

func TestRecommendedSizeFollowsTheLoad(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no admin API without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size auto\nmin_pool_size 1\nmax_server_connections 30"})
		ctx, end := context.WithCancel(context.Background())
		defer end()
		var all sync.WaitGroup
		for range 8 { // 8 clients that hold a server 4/5 of the time
			c := connect(t, p.Addr)
			all.Go(func() {
				for ctx.Err() == nil {
					c.query("SELECT pg_sleep(0.04)")
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		var pool struct {
			MaxSize     int `json:"max_size"`
			Recommended struct {
				Size              int     `json:"size"`
				BusyServers       float64 `json:"busy_servers"`
				ArrivalsPerSecond float64 `json:"arrivals_per_second"`
				ServiceSeconds    float64 `json:"service_seconds"`
				WindowSeconds     float64 `json:"window_seconds"`
			} `json:"recommended"`
		}
		eventually(t, "the size follows", func() error {
			if err := p.getJSON("/postgres/pools/app", &pool); err != nil {
				return err
			}
			r := pool.Recommended
			if r.BusyServers < 2 || r.BusyServers > 9 || r.ServiceSeconds < 0.03 || r.ServiceSeconds > 1 || r.Size < 6 || r.Size > 20 {
				return fmt.Errorf("recommended %+v", r)
			}
			if pool.MaxSize == 20 || pool.MaxSize < r.Size-1 || pool.MaxSize > r.Size+8 {
				return fmt.Errorf("max_size is %d, and %d recommended; auto begins at 20", pool.MaxSize, r.Size)
			}
			return nil
		})
		end()
		all.Wait()
		t.Logf("%+v", pool)
	})
}

func TestOneUsersBadPasswordStopsNoOtherPool(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{
		Auth: "scram-sha-256", Databases: []string{"app"},
		Roles: []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "other", Password: "changed"}},
	})
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection has no pool")
			}
			p := startPooler(t, driver, server, settings{Auth: "user app secret\nuser other secret", Pool: "server_login_retry 100ms"})
			stop := make(chan struct{})
			var bad sync.WaitGroup
			bad.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if err := canLogIn(t, p.dsn("other")); err == nil || !strings.Contains(err.Error(), "28P01") {
							t.Errorf("with a password that Postgres does not take: %v", err)
						}
					}
				}
			})
			for range 50 {
				if err := canLogIn(t, p.dsn("app")); err != nil {
					t.Fatal(err)
				}
			}
			close(stop)
			bad.Wait()
			// A rotated password heals (trap 39).
			if err := server.Exec(within(t), "postgres", "ALTER ROLE other PASSWORD 'secret'"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the password is right now", func() error { return canLogIn(t, p.dsn("other")) })
			if err := server.Exec(within(t), "postgres", "ALTER ROLE other PASSWORD 'changed'"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestClientsOfAServerUserShareServers(t *testing.T) {
	server := lifeServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a direct connection is its server")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 2\nserver_user app\nmax_user_client_connections 3"})
			watch := server.Watch(t, "app")
			var clients []*client
			for i := range 9 {
				clients = append(clients, connect(t, p.Addr, "user", fmt.Sprintf("somebody_%d", i)))
			}
			for _, c := range clients {
				if got := c.value("SELECT current_user"); got != "app" {
					t.Errorf("logged in to Postgres as %s", got)
				}
			}
			if most, _ := watch.Most(); most > 2 {
				t.Errorf("nine users took %d servers, want pool_size", most)
			}
		})
	}
}
