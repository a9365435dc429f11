//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// manyPools is how many (database, user) the next test makes. E2E_POOLS=10000 makes as many as were asked for, in a minute
// or two: each needs a Postgres process for a moment.
func manyPools() int {
	if n, err := strconv.Atoi(os.Getenv("E2E_POOLS")); err == nil {
		return n
	}
	return 1000
}

// Many databases and users, each a pool made by demand, with few servers at a time, and forgotten when idle.
func TestManyPools(t *testing.T) {
	const databases = 10
	users := manyPools() / databases
	o := commonOptions(versions()[0])
	for i := range databases {
		o.Databases = append(o.Databases, fmt.Sprintf("tenant_%d", i))
	}
	server := pgtest.Start(t, o)
	var roles strings.Builder
	for i := range users {
		fmt.Fprintf(&roles, "CREATE ROLE user_%d LOGIN;", i)
	}
	if err := server.Exec(within(t), "postgres", roles.String()); err != nil {
		t.Fatal(err)
	}
	for _, driver := range drivers()[:1] {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("Postgres has no pools")
			}
			p := startPooler(t, driver, server, settings{
				Pool: "databases tenant_*\npool_size 2\nmax_server_connections 40\nserver_idle_timeout 2s\nserver_connect_timeout 30s\nquery_wait_timeout 60s",
			})
			watch := takeCensus(t, server, "datname LIKE 'tenant%'")
			before := p.heap()
			var all sync.WaitGroup
			var mu sync.Mutex
			var open []*pgx.Conn
			turns := make(chan struct{}, 32)
			for i := range databases * users {
				turns <- struct{}{}
				all.Go(func() {
					defer func() { <-turns }()
					conn, err := pgx.Connect(context.Background(), pgtest.DSN(p.Addr, fmt.Sprintf("user_%d", i/databases), "", fmt.Sprintf("tenant_%d", i%databases)))
					if err != nil {
						t.Error(err)
						return
					}
					var who, where string
					if err := conn.QueryRow(context.Background(), "SELECT current_user, current_database()").Scan(&who, &where); err != nil ||
						who != fmt.Sprintf("user_%d", i/databases) || where != fmt.Sprintf("tenant_%d", i%databases) {
						t.Errorf("pool %d: %s in %s, %v", i, who, where, err)
					}
					mu.Lock()
					defer mu.Unlock()
					open = append(open, conn)
				})
			}
			all.Wait()
			var pool struct {
				Users []struct{} `json:"users"`
			}
			if err := p.getJSON("/postgres/pools/app", &pool); err != nil || len(pool.Users) != databases*users {
				t.Errorf("%d pools, %v; want %d", len(pool.Users), err, databases*users)
			}
			t.Logf("%d pools, with a client each: %d bytes of Go memory for each", len(pool.Users), (p.heap()-before)/max(len(pool.Users), 1))
			watch.demandAtMost(t, 40)
			for _, conn := range open {
				conn.Close(context.Background())
			}
			eventually(t, "all are forgotten", func() error {
				if err := p.getJSON("/postgres/pools/app", &pool); err != nil || len(pool.Users) != 0 {
					return fmt.Errorf("%d pools, %v", len(pool.Users), err)
				}
				return nil
			})
		})
	}
}
