//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// declare changes the upstreams of the pool through the admin API, and nothing else.
func (p *pooler) declare(servers ...*pgtest.Server) {
	p.t.Helper()
	var list []map[string]string
	for _, s := range servers {
		list = append(list, map[string]string{"address": s.Addr()})
	}
	body, err := json.Marshal(list)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.ask("PATCH", "/config/apps/postgres/pools/app/upstream", string(body)); err != nil {
		p.t.Fatal(err)
	}
}

// Upstreams come and go while clients read and write, and no client is told of it. One that goes is drained, not cut.
func TestUpstreamsComeAndGoUnderLoad(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		first, second := c.replicas[0], c.replicas[1]
		p := startPooler(t, driver, c.primary, settings{Listen: ownListener, Pool: probing + "pool_size 10"}) // whoever connects as a reload comes is not reset
		var seen tally
		l := ledger{acknowledged: make(map[int64]entry)}
		reads, writes := startWork(t, p.dsn("app"), 4, seen.read), startWork(t, p.dsn("app"), 4, l.insert)
		mixed := startWork(t, p.dsn("app"), 2, func(ctx context.Context, conn *pgx.Conn, mark string) error {
			if err := l.insert(ctx, conn, mark); err != nil {
				return err
			}
			return seen.read(ctx, conn, mark)
		})
		for range 2 {
			p.declare(first, c.primary)
			seen.awaitServing(t, first)
			p.declare(c.primary, first, second)
			seen.awaitServing(t, first, second)
			held := c.holdTransaction(t, p, first)
			p.declare(second, c.primary)
			seen.awaitSpared(t, reads, first)
			mustContain(t, held.query("SELECT 'still here'"), "DataRow", "still here")
			mustContain(t, held.query("COMMIT"), "COMMIT")
			awaitServers(t, first, "app", 0)
			p.declare(c.primary)
			seen.awaitSpared(t, reads, second)
		}
		for _, w := range []*work{reads, writes, mixed} {
			w.progress(t, 20)
			w.finish()
			w.demandOnly(t)
		}
		l.demandKept(t, c.primary)
	})
}

// holdTransaction begins a transaction on a replica, and leaves it open.
func (c *cluster) holdTransaction(t *testing.T, p *pooler, replica *pgtest.Server) *client {
	t.Helper()
	client := connect(t, p.Addr)
	eventually(t, "a transaction on that replica", func() error {
		client.query("BEGIN READ ONLY")
		heard := client.query(servedBy)
		if !contains(heard, "DataRow", `"`+port(replica)+`"`) {
			client.query("COMMIT")
			return fmt.Errorf("%q", heard)
		}
		return nil
	})
	return client
}
