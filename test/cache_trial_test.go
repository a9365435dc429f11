//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/checker"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

const (
	// cacheClients write and read at a time, on fewer servers than that.
	cacheClients = 12
	// cacheRound is after how long the history is checked, and its reads forgotten.
	cacheRound = 5 * time.Second
	// cacheDelay is by how much one of the replicas is late.
	cacheDelay = 200 * time.Millisecond
	// cacheTTL is how long replies live.
	cacheTTL = 5 * time.Second
	// cacheStream is how late the pooler may hear of what was written past it, where the machine is busy.
	cacheStream = time.Second
	// cacheHits is the share of reads that must be cached for the check to say something.
	cacheHits = 0.15
)

// cacheTime is how long the check runs, all drivers together: CHECK_CACHE.
func cacheTime(t *testing.T, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("CHECK_CACHE")
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CHECK_CACHE: %v", err)
	}
	return d
}

// cacheSeed is what chance begins with: CHECK_CACHE_SEED. What clients do follows from it; in which order they do it does not.
func cacheSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("CHECK_CACHE_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("CHECK_CACHE_SEED: %v", err)
	}
	return seed
}

// cacheTrial is a cluster, a pooler in front of it, and clients that write and read registers.
type cacheTrial struct {
	*cluster
	p       *pooler
	promise checker.Promise
	history *checker.History
	clients []*cacheClient
	checker.Counts
}

// cacheCluster is a primary, a replica, and one that is late, with registers.
func cacheCluster(t *testing.T, tables []registerTable) *cluster {
	t.Helper()
	options := commonOptions(versions()[0])
	options.Replication = true
	options.Settings = map[string]string{"max_prepared_transactions": fmt.Sprint(cacheClients), "wal_level": "logical"}
	c := &cluster{primary: pgtest.Start(t, options)}
	for range 2 {
		c.replicas = append(c.replicas, c.primary.Replica(t))
	}
	c.prepare(t)
	schema := append(slices.Clone(stampSchema), "ALTER ROLE app REPLICATION", "CREATE PUBLICATION pgmux FOR ALL TABLES", "SET ROLE app")
	for _, table := range tables {
		schema = append(schema, table.schema...)
	}
	for _, table := range []string{"ancestor", "copied", "ruling", "triggering", "marks"} { // which are published, and have no key
		schema = append(schema, "RESET ROLE", "ALTER TABLE "+table+" REPLICA IDENTITY FULL")
	}
	c.define(t, schema...)
	if err := c.replicas[1].Delay(within(t), cacheDelay); err != nil {
		t.Fatal(err)
	}
	return c
}

// newCacheTrial starts all of it, with lines of the pool's block.
func newCacheTrial(t *testing.T, driver, pool string, promise checker.Promise) *cacheTrial {
	t.Helper()
	tables, seed := registerTables(), cacheSeed(t)
	t.Logf("CHECK_CACHE_SEED=%d", seed)
	x := &cacheTrial{cluster: cacheCluster(t, tables), promise: promise}
	x.p = x.route(t, driver, "pool_size 8\n"+pool)
	all, history := registers(tables, time.Now().UnixNano())
	x.history = history
	for i := range cacheClients {
		x.clients = append(x.clients, &cacheClient{session: i, chance: rand.New(rand.NewPCG(seed, uint64(i))), registers: all, primary: port(x.primary),
			pooled: x.speaks(t, x.p.Addr), direct: x.speaks(t, x.primary.Addr())})
	}
	x.history.Sessions = make([][]checker.Read, cacheClients)
	if strings.Contains(pool, "query_cache") {
		c := connect(t, x.p.Addr)
		x.p.hit(t, func() { c.query("SELECT max(version) FROM plain") })
	}
	return x
}

// speaks connects a client until the test's end.
func (x *cacheTrial) speaks(t *testing.T, addr string) *speaker {
	t.Helper()
	return &speaker{Conn: x.dials(t, pgtest.DSN(addr, "app", "secret", "app")), prepared: map[string]string{}}
}

// run is rounds until the time is over, or something is wrong. It returns what was, in the first round in which anything was.
func (x *cacheTrial) run(t *testing.T, length time.Duration) []checker.Violation {
	t.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); {
		err := x.round(min(cacheRound, time.Until(end)))
		var lost *lostWrite
		switch {
		case errors.As(err, &lost):
			return []checker.Violation{lost.Violation}
		case err != nil:
			t.Fatalf("a client failed: %v", err)
		}
		found := x.history.Check(x.promise)
		x.Count(x.history)
		if len(found) > 0 {
			return found
		}
		x.history.NextRound()
	}
	return nil
}

// round lets all clients write and read for so long, and adds what they did to the history.
func (x *cacheTrial) round(length time.Duration) error {
	ctx, stop := context.WithTimeout(context.Background(), length)
	defer stop()
	failed := make([]error, len(x.clients))
	var all sync.WaitGroup
	for i, k := range x.clients {
		k.reads = x.history.Sessions[i]
		all.Go(func() {
			if failed[i] = k.run(ctx); failed[i] != nil {
				stop()
			}
		})
	}
	all.Wait()
	for i, k := range x.clients {
		x.history.Sessions[i] = k.reads
	}
	return errors.Join(failed...)
}

// summary is what came of it.
func (x *cacheTrial) summary() string {
	writes := 0
	for _, k := range x.clients {
		writes += k.writes
	}
	return fmt.Sprintf("%d writes; %d reads, %d of them cached, %d computed by replicas", writes, x.Reads, x.Cached, x.AtReplica)
}
