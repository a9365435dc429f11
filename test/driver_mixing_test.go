//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// mixedServers is the pool_size of those who share their servers with mixers, and mixers how many these are: more than there are
// servers, so that some of them wait, and whatever a program leaves another takes. A client that finds servers idle is given the one
// that is set up as it left it.
const (
	mixedServers = 6
	mixers       = mixedServers + 2
)

// mix has others use the servers of a database until the test ends, each with settings, statements and transactions of
// its own, so that a program beside them meets now this server and now that, and none as it left it. They rest in
// Postgres more than they work.
func mix(t *testing.T, addr, database string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { stop(); all.Wait() })
	for i := range mixers {
		conn, err := pgx.Connect(within(t), "postgres://app:secret@"+addr+"/"+database+"?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(within(t), mixing[i%len(mixing)]); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer conn.Close(context.Background())
			for n := 0; ctx.Err() == nil; n++ {
				// Another one's cancel or end would be a bug of the pooler's.
				if _, err := conn.Exec(ctx, "SELECT pg_sleep($1 / 1000.0)", 3+(n+i)%5); err != nil && ctx.Err() == nil {
					t.Errorf("beside the program: %v", err)
					return
				}
			}
		})
	}
}

// mixing is what sets them apart.
var mixing = [...]string{
	"SET TimeZone = 'Asia/Kabul'; SET search_path = pg_catalog; SET work_mem = '1MB'; SET client_min_messages = error",
	"SET DateStyle = 'German'; SET application_name = 'beside'; SET my.tenant = 'another''s'; SET bytea_output = escape",
	"SET statement_timeout = '59s'; SET lock_timeout = '58s'; SET default_transaction_isolation = 'serializable'",
}

// A suite among others must meet more than one server, or it shows nothing.
func TestMixersScatter(t *testing.T) {
	if direct() {
		t.Skip("a direct connection stays where it is")
	}
	p := startPooler(t, drivers()[0], postgres(t, versions()[0]), settings{Pool: fmt.Sprint("pool_size ", mixedServers)})
	mix(t, p.Addr, "app")
	c, met := connect(t, p.Addr), map[string]bool{}
	// Every one is met, if not evenly: an event loop keeps a server for its own clients while they have work for it.
	n := 0
	for end := time.Now().Add(30 * time.Second); len(met) < mixedServers && time.Now().Before(end); n++ {
		met[c.value("SELECT pg_backend_pid()")] = true
	}
	t.Logf("%d servers of %d in %d transactions", len(met), mixedServers, n)
	if len(met) < mixedServers {
		t.Fail()
	}
}
