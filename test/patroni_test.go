//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// patroniCluster is Patroni's members as Patroni knows them now.
func patroniCluster(t *testing.T, p *pgtest.Patroni) *cluster {
	t.Helper()
	c := &cluster{}
	eventually(t, "Patroni knows a leader", func() (err error) {
		c.primary, c.replicas, err = p.Leader(within(t))
		return err
	})
	return c
}

// Patroni is asked for the upstreams, and its switchovers are followed under load: nothing acknowledged is lost, and reads go on.
func TestPatroniSwitchoverUnderLoad(t *testing.T) {
	t.Parallel()
	if err := pgtest.FindPatroni(); err != nil {
		t.Skip(err)
	}
	if direct() {
		t.Skip("nothing is discovered without the pooler")
	}
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			patroni := pgtest.StartPatroni(t, 3, commonOptions(versions()[0]))
			c := patroniCluster(t, patroni)
			c.prepare(t)
			p := startPooler(t, driver, c.primary, settings{Upstreams: []string{},
				Pool: probing + fmt.Sprintf("pool_size 10\ndynamic_upstreams patroni %s {\n interval 200ms\n }", strings.Join(patroni.URLs, " "))})
			connect(t, p.Addr).awaitWrite("known")
			o := loadTakeover(t, c, p)
			old, next := c.primary, c.replicas[0]
			moment := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
			defer cancel()
			if err := patroni.Switchover(ctx, next); err != nil {
				t.Fatal(err)
			}
			*c = *patroniCluster(t, patroni)
			if c.primary != next || !slices.Contains(c.replicas, old) {
				t.Fatalf("Patroni has not switched over: %s leads", port(c.primary))
			}
			o.outages = append(o.outages, o.ledger.recovered(t, moment, next))
			o.readsInOutages = o.reads.done.Load()
			o.demandFreshGreeting()
			o.served.awaitServing(t, c.replicas...)
			o.end(lostInFailover...)
		})
	}
}
