//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// reading is clients that read while replicas come and go.
func (c *cluster) reading(t *testing.T, p *pooler, clients int) (*tally, *work) {
	t.Helper()
	var seen tally
	w := startWork(t, p.dsn("app"), clients, seen.read)
	seen.awaitServing(t, c.replicas...)
	return &seen, w
}

// A replica that is stopped, or that dies, costs nobody more than what ran there, and serves again when it is back.
func TestReplicaThatEndsIsSparedAndComesBack(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		p := c.route(t, driver, "pool_size 10")
		seen, w := c.reading(t, p, 8)
		for name, end := range map[string]func() error{
			"stopped": func() error { return c.replicas[0].Stop(pgtest.Fast) },
			"killed":  c.replicas[0].Kill,
		} {
			before := w.told()
			if err := end(); err != nil {
				t.Fatal(err)
			}
			seen.awaitSpared(t, w, c.replicas[0])
			if len(w.told()) > len(before)+3 {
				t.Errorf("%s: clients were told %v", name, w.told())
			}
			if err := c.replicas[0].StartAgain(within(t)); err != nil {
				t.Fatal(err)
			}
			seen.awaitServing(t, c.replicas...)
		}
		w.finish()
		w.demandOnly(t, "57P01", "57P02", "08006", "EOF")
	})
}

// A replica that hangs, with all its connections open, is found out by its probes. What runs there waits for it; nobody new does.
func TestReplicaThatHangsIsSparedAndComesBack(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		p := c.route(t, driver, "pool_size 10")
		seen, w := c.reading(t, p, 8)
		if err := c.replicas[0].Pause(); err != nil {
			t.Fatal(err)
		}
		// Those who came before it was found out may all hang there: newcomers tell.
		var newcomers tally
		fresh := startWork(t, p.dsn("app"), 1, newcomers.read)
		eventually(t, "newcomers are served elsewhere", func() error {
			// One that comes before it is found out hangs there, too.
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			other, err := pgx.Connect(ctx, p.dsn("app"))
			if err != nil {
				return err
			}
			defer other.Close(ctx)
			var by string
			if err := other.QueryRow(ctx, servedBy).Scan(&by); err != nil {
				return err
			}
			newcomers.add(by)
			if n := newcomers.soFar()[port(c.replicas[1])]; n < 50 {
				return fmt.Errorf("%v", newcomers.soFar())
			}
			return nil
		})
		if newcomers.begin()[port(c.replicas[0])] > 0 {
			t.Error("who hangs has answered")
		}
		if err := c.replicas[0].Resume(); err != nil {
			t.Fatal(err)
		}
		seen.awaitServing(t, c.replicas...)
		for _, load := range []*work{w, fresh} {
			load.progress(t, 50)
			load.finish()
			load.demandOnly(t)
		}
	})
}

// What a driver asks first is what a statement returns. That does not make a session one that has written: it reads from replicas from the beginning.
func TestNewcomersReadFromReplicas(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		p := c.route(t, driver, "pool_size 10")
		_, w := c.reading(t, p, 8)
		w.finish()
		var newcomers tally
		for range 40 {
			other, err := pgx.Connect(within(t), p.dsn("app"))
			if err != nil {
				t.Fatal(err)
			}
			if err := newcomers.read(within(t), other, ""); err != nil {
				t.Error(err)
			}
			other.Close(within(t))
		}
		if by := newcomers.begin(); by[port(c.primary)] > 0 {
			t.Errorf("newcomers are served by %v; %s is the primary", by, port(c.primary))
		}
	})
}

// A replica that is later than max_replica_lag serves nobody until it has caught up.
func TestReplicaThatIsTooLateIsSpared(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		p := c.route(t, driver, "pool_size 10\nmax_replica_lag 1s")
		seen, w := c.reading(t, p, 4)
		l := ledger{acknowledged: make(map[int64]entry)}
		writes := startWork(t, p.dsn("app"), 1, l.insert)
		if err := c.replicas[0].Delay(within(t), time.Hour); err != nil {
			t.Fatal(err)
		}
		seen.awaitSpared(t, w, c.replicas[0])
		if err := c.replicas[0].Delay(within(t), 0); err != nil {
			t.Fatal(err)
		}
		seen.awaitServing(t, c.replicas...)
		for _, load := range []*work{w, writes} {
			load.finish()
			load.demandOnly(t)
		}
	})
}

// With no primary writes wait for one, and are then told why; reads go on. With all replicas gone, reads go to the primary.
func TestNoPrimaryAndNoReplica(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		p := c.route(t, driver, "pool_size 10\nquery_wait_timeout 3s")
		seen, w := c.reading(t, p, 4)
		writer := connect(t, p.Addr)
		if err := c.primary.Stop(pgtest.Fast); err != nil {
			t.Fatal(err)
		}
		c.demandNoWrite(t, p)
		w.progress(t, 100)
		if err := c.primary.StartAgain(within(t)); err != nil {
			t.Fatal(err)
		}
		writer.awaitWrite("after")
		var all sync.WaitGroup
		for _, r := range c.replicas {
			all.Go(func() {
				if err := r.Stop(pgtest.Fast); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		seen.awaitServing(t, c.primary)
		w.finish()
		w.demandOnly(t, "57P01", "EOF", "08006")
	})
}

// demandNoWrite demands that writes fail, for want of a primary, as soon as they have waited as long as they may.
func (c *cluster) demandNoWrite(t *testing.T, p *pooler) {
	t.Helper()
	for _, statement := range []string{"INSERT INTO marks VALUES (0, 'nowhere')", "BEGIN"} {
		began := time.Now()
		heard := connect(t, p.Addr).query(statement)
		waited := time.Since(began)
		mustContain(t, heard, "ErrorResponse", "08006", "primary")
		mustNotContain(t, heard, "25006")
		if waited < 2900*time.Millisecond || waited > patience {
			t.Errorf("%s: waited %v, want about three seconds", statement, waited)
		}
	}
}

// awaitWrite writes until it succeeds, and is never told of a replica.
func (c *client) awaitWrite(who string) {
	c.t.Helper()
	eventually(c.t, "writes succeed", func() error {
		heard := c.query("INSERT INTO marks VALUES (0, '" + who + "')")
		mustNotContain(c.t, heard, "25006")
		if !contains(heard, "INSERT 0 1") {
			return fmt.Errorf("%s", strings.Join(heard, "; "))
		}
		return nil
	})
}
