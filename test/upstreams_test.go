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

// tenants are the (database, user) pairs that share the upstreams of a pool.
var tenants = [][2]string{{"app", "app"}, {"app", "other"}, {"second", "app"}}

// tenantServer starts a server with the databases of all tenants.
func tenantServer(t *testing.T) *pgtest.Server {
	options := commonOptions(versions()[0])
	options.Databases = append(options.Databases, "second")
	return pgtest.Start(t, options)
}

// asTenant logs a raw client in as one of the tenants.
func asTenant(t *testing.T, p *pooler, tenant [2]string) *client {
	return connect(t, p.Addr, "database", tenant[0], "user", tenant[1])
}

// census samples how many connections match a condition on pg_stat_activity, and remembers the most.
type census struct {
	most, samples atomic.Int64
	stop          context.CancelFunc
	done          chan struct{}
}

func takeCensus(t *testing.T, server *pgtest.Server, condition string) *census {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &census{stop: stop, done: make(chan struct{})}
	conn, err := server.Super(ctx, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		defer conn.Close(context.Background())
		for ctx.Err() == nil {
			var n int64
			if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "+
				"AND pid <> pg_backend_pid() AND "+condition).Scan(&n); err == nil {
				c.most.Store(max(c.most.Load(), n))
				c.samples.Add(1)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	t.Cleanup(func() { c.end() })
	return c
}

// end ends the census and returns the largest count and the number of samples.
func (c *census) end() (most, samples int64) {
	c.stop()
	<-c.done
	return c.most.Load(), c.samples.Load()
}

// awaitSamples waits until there are enough to say something, while what is counted lasts.
func (c *census) awaitSamples(t *testing.T) {
	t.Helper()
	eventually(t, "connections are counted", func() error {
		if n := c.samples.Load(); n < 10 {
			return fmt.Errorf("%d samples", n)
		}
		return nil
	})
}

// demandAtMost demands that no sample was above a limit.
func (c *census) demandAtMost(t *testing.T, limit int64) {
	t.Helper()
	c.awaitSamples(t)
	most, samples := c.end()
	if most > limit {
		t.Errorf("Postgres saw %d connections in %d samples, want at most %d", most, samples, limit)
	}
	t.Logf("at most %d connections in %d samples", most, samples)
}

// Several databases and users share max_server_connections: up to it each gets servers at once, past it they wait, and
// a server that one of them no longer needs makes room for another's.
func TestMaxServerConnectionsOfSeveralDatabasesAndUsers(t *testing.T) {
	server := tenantServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a limit of ours")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 3\nmax_server_connections 4"})
			count := takeCensus(t, server, "datname IN ('app', 'second')")
			var holders, waiters []*client
			for i := range 4 {
				c := asTenant(t, p, tenants[i%len(tenants)])
				mustContain(t, c.query("BEGIN"), "BEGIN")
				holders = append(holders, c)
			}
			for i, tenant := range tenants {
				c := asTenant(t, p, tenant)
				c.say(simple("SELECT 'waited'"))
				p.awaitWaiting(i + 1)
				waiters = append(waiters, c)
			}
			count.demandAtMost(t, 4)
			for _, c := range holders {
				mustContain(t, c.query("COMMIT"), "COMMIT")
			}
			for _, c := range waiters {
				mustContain(t, c.hear(1), "waited", "DataRow")
			}
		})
	}
}

// Far past the limit nobody starves: each gets on while all the others want servers all the time.
func TestTrap50NobodyStarvesAtMaxServerConnections(t *testing.T) {
	server := tenantServer(t)
	for _, driver := range someDrivers(t, 0) {
		for _, limit := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s/%d", driver, limit), func(t *testing.T) {
				if direct() {
					t.Skip("a limit of ours")
				}
				p := startPooler(t, driver, server, settings{Pool: fmt.Sprintf("pool_size 3\nmax_server_connections %d", limit)})
				var works []*work
				for _, tenant := range tenants {
					works = append(works, startWork(t, pgtest.DSN(p.Addr, tenant[1], "secret", tenant[0]), 8, threeQueries))
				}
				for _, w := range works {
					w.progress(t, 20)
				}
				for _, w := range works {
					w.finish()
					w.demandOnly(t)
				}
			})
		}
	}
}

// Where servers of one database make room for those of another all the time, Postgres never sees more than the limit:
// neither those that come nor those that go are too many.
func TestMaxServerConnectionsHoldsWhileServersAreReplaced(t *testing.T) {
	server := tenantServer(t)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("a limit of ours")
			}
			p := startPooler(t, driver, server, settings{Pool: "pool_size 3\nmax_server_connections 2"})
			var clients []*client
			for _, tenant := range tenants {
				clients = append(clients, asTenant(t, p, tenant))
			}
			count := takeCensus(t, server, "datname IN ('app', 'second')")
			count.awaitSamples(t)
			for range 50 {
				for _, c := range clients {
					mustContain(t, c.query("SELECT 'in turn'"), "in turn", "DataRow")
				}
			}
			count.demandAtMost(t, 2)
		})
	}
}

// An upstream's own max_server_connections goes before the pool's, whether it is less or more. One Postgres is two
// upstreams here: by TCP and by its Unix socket.
func TestMaxServerConnectionsOfOneUpstream(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a limit of ours")
		}
		socket := fmt.Sprintf("unix/%s:%d", server.SocketDir, server.Port)
		for _, s := range []struct{ override, pool int64 }{{2, 3}, {4, 3}} {
			t.Run(fmt.Sprintf("%d instead of %d", s.override, s.pool), func(t *testing.T) {
				p := startPooler(t, driver, server, settings{
					Pool:      fmt.Sprintf("pool_size 20\nhealth_interval 0\nmax_server_connections %d", s.pool), // a probe finds out that both are one
					Upstreams: []string{fmt.Sprintf("%s {\n max_server_connections %d\n }", server.Addr(), s.override), socket},
				})
				tcp := takeCensus(t, server, "datname = 'app' AND client_addr IS NOT NULL")
				unix := takeCensus(t, server, "datname = 'app' AND client_addr IS NULL")
				var holders, waiters []*client
				for range s.override + s.pool {
					c := connect(t, p.Addr)
					mustContain(t, c.query("BEGIN"), "BEGIN")
					holders = append(holders, c)
				}
				for i := range 3 {
					c := connect(t, p.Addr)
					c.say(simple("SELECT 'waited'"))
					p.awaitWaiting(i + 1)
					waiters = append(waiters, c)
				}
				for _, c := range holders {
					c.query("COMMIT")
				}
				for _, c := range waiters {
					mustContain(t, c.hear(1), "waited", "DataRow")
				}
				tcp.demandAtMost(t, s.override)
				unix.demandAtMost(t, s.pool)
			})
		}
	})
}

// pair starts a primary with a streaming replica.
func pair(t *testing.T) (primary, replica *pgtest.Server) {
	t.Helper()
	options := commonOptions(versions()[0])
	options.Replication = true
	primary = pgtest.Start(t, options)
	if err := primary.Exec(within(t), "app", "CREATE TABLE written (who text)", "GRANT ALL ON written TO app"); err != nil {
		t.Fatal(err)
	}
	replica = primary.Replica(t)
	return primary, replica
}

// Beside a primary a replica gets no transactions, be it said or found out that it is one: every write succeeds.
func TestReplicaBesideAPrimaryGetsNoTransactions(t *testing.T) {
	primary, replica := pair(t)
	for _, driver := range someDrivers(t, 0) {
		for name, upstreams := range map[string][]string{
			"replica first":      {replica.Addr(), primary.Addr()},
			"primary first":      {primary.Addr() + " {\n role auto\n }", replica.Addr() + " {\n role auto\n }"},
			"replica by name":    {replica.Addr() + " {\n role replica\n }", primary.Addr()},
			"primary by name":    {replica.Addr(), primary.Addr() + " {\n role primary\n }"},
			"both by their name": {replica.Addr() + " {\n role replica\n }", primary.Addr() + " {\n role primary\n }"},
		} {
			t.Run(driver+"/"+name, func(t *testing.T) {
				if direct() {
					t.Skip("one upstream only")
				}
				p := startPooler(t, driver, primary, settings{Pool: "pool_size 4\nhealth_database postgres", Upstreams: upstreams})
				onReplica := takeCensus(t, replica, "datname = 'app' AND (state <> 'idle' OR xact_start IS NOT NULL OR query <> '')")
				w := startWork(t, p.dsn("app"), 12, write)
				// Servers that go are replaced: each time the upstream is chosen anew.
				for range 10 {
					if err := primary.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
						"WHERE datname = 'app' AND backend_type = 'client backend'"); err != nil {
						t.Fatal(err)
					}
					w.progress(t, 20)
				}
				w.finish()
				w.demandOnly(t, "57P01")
				if strings.Contains(name, "replica by name") || strings.Contains(name, "both") {
					if n, err := replica.Connections(within(t), "app"); err != nil || n > 0 {
						t.Errorf("the replica has %d connections, %v", n, err)
					}
				}
				if most, samples := onReplica.end(); most > 0 || samples == 0 {
					t.Errorf("%d servers of the replica did something (%d samples)", most, samples)
				}
			})
		}
	}
}

// write is a transaction that a replica refuses.
func write(ctx context.Context, conn *pgx.Conn, mark string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var standby bool
		if err := tx.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
			return err
		}
		if standby {
			return fmt.Errorf("a transaction on the replica")
		}
		_, err := tx.Exec(ctx, "INSERT INTO written VALUES ($1)", mark)
		return err
	})
}

// Without its primary a pool waits for it, rather than give what needs it to the replica.
func TestReplicaDoesNotStandInForItsPrimary(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("one upstream only")
			}
			primary, replica := pair(t)
			p := startPooler(t, driver, primary, settings{
				Pool:      "pool_size 4\nquery_wait_timeout 1s\nserver_login_retry 50ms",
				Upstreams: []string{replica.Addr(), primary.Addr()},
			})
			var clients []*client
			for range 4 {
				var c *client
				eventually(t, "a client is served", func() (err error) {
					if c, err = tryConnect(t, p.Addr); err != nil {
						return err
					}
					if heard := c.query("INSERT INTO written VALUES ('before')"); !contains(heard, "INSERT 0 1") {
						return fmt.Errorf("%s", strings.Join(heard, "; "))
					}
					return nil
				})
				clients = append(clients, c)
			}
			if err := primary.Stop(pgtest.Fast); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for _, c := range clients {
				all.Go(func() {
					for range 3 {
						heard := c.query("INSERT INTO written VALUES ('meanwhile')")
						mustContain(t, heard, "ErrorResponse", "08006")
						mustNotContain(t, heard, "25006")
					}
				})
			}
			all.Wait()
			if err := primary.StartAgain(within(t)); err != nil {
				t.Fatal(err)
			}
			for _, c := range clients {
				eventually(t, "writes succeed again", func() error {
					if heard := c.query("INSERT INTO written VALUES ('after')"); !contains(heard, "INSERT 0 1") {
						mustNotContain(t, heard, "25006")
						return fmt.Errorf("%s", strings.Join(heard, "; "))
					}
					return nil
				})
			}
		})
	}
}
