//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// servedBy asks which Postgres serves. What the function calls differs from server to server, which nobody can tell from its kind: it is
// declared to be stable.
const servedBy = "SELECT told()"

// probing is how tests want upstreams to be watched.
const probing = `read_write_split on
	health_interval 200ms
	health_timeout 5s
	health_passes 1
	health_fails 2
	health_user app secret
	health_database app
`

// cluster is a primary and its streaming replicas.
type cluster struct {
	primary  *pgtest.Server
	replicas []*pgtest.Server
}

// startCluster starts a primary and two replicas of a test's own. Table marks is there for writes.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	options := commonOptions(versions()[0])
	options.Replication = true
	c := &cluster{primary: pgtest.Start(t, options)}
	for range 2 {
		c.replicas = append(c.replicas, c.primary.Replica(t))
	}
	c.prepare(t)
	return c
}

// common is the cluster of tests that neither stop its servers nor delay its replicas.
var common struct {
	sync.Mutex
	*cluster
}

// commonCluster starts it once.
func commonCluster(t *testing.T) *cluster {
	t.Helper()
	common.Lock()
	defer common.Unlock()
	if common.cluster != nil {
		return common.cluster
	}
	options := commonOptions(versions()[0])
	options.Replication = true
	c := &cluster{}
	var err error
	if c.primary, err = pgtest.Launch(context.Background(), options); err != nil {
		t.Fatalf("starting a primary: %v", err)
	}
	common.cluster = c
	for range 2 {
		replica, err := c.primary.LaunchReplica(context.Background())
		if err != nil {
			t.Fatalf("starting a replica: %v", err)
		}
		c.replicas = append(c.replicas, replica)
	}
	c.prepare(t)
	return c
}

// stopCommonCluster ends it, after all tests.
func stopCommonCluster() error {
	if common.cluster == nil {
		return nil
	}
	for _, s := range common.cluster.all() {
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes what tests write to and read, before there is a pooler that would have to notice.
func (c *cluster) prepare(t *testing.T) {
	t.Helper()
	c.define(t, "CREATE TABLE marks (id bigint, who text)", "ALTER TABLE marks OWNER TO app",
		"CREATE FUNCTION told() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('port') $$")
	c.define(t, splitSchema...)
}

// define runs statements on the primary, and waits for the replicas.
func (c *cluster) define(t *testing.T, statements ...string) {
	t.Helper()
	if err := c.primary.Exec(within(t), "app", statements...); err != nil {
		t.Fatal(err)
	}
	c.caughtUp(t)
}

func (c *cluster) caughtUp(t *testing.T) {
	t.Helper()
	for _, r := range c.replicas {
		if err := c.primary.CaughtUp(within(t), r); err != nil {
			t.Fatal(err)
		}
	}
}

// all is the servers, the primary first.
func (c *cluster) all() []*pgtest.Server { return append([]*pgtest.Server{c.primary}, c.replicas...) }

// promoted makes the first replica the primary in the books of the cluster.
func (c *cluster) promoted() (old *pgtest.Server) {
	old = c.primary
	c.primary, c.replicas = c.replicas[0], append(c.replicas[1:len(c.replicas):len(c.replicas)], old)
	return old
}

// addresses are of all servers, the primary last: nothing may come of the order.
func (c *cluster) addresses() (list []string) {
	for _, s := range c.replicas {
		list = append(list, s.Addr())
	}
	return append(list, c.primary.Addr())
}

// route starts the pooler in front of the cluster, which splits reads from writes, and waits until it knows who is what, and
// what reads: the grammar takes a second of a whole CPU to start. Without
// a pooler, clients that can look for the primary among several addresses are told all of them.
func (c *cluster) route(t *testing.T, driver, pool string) *pooler {
	t.Helper()
	p := startPooler(t, driver, c.primary, settings{Pool: probing + pool, Upstreams: c.addresses()})
	if driver == "direct" {
		return p
	}
	eventually(t, "the primary is known", func() error {
		client, err := tryConnect(t, p.Addr)
		if err != nil {
			return err
		}
		defer client.leave()
		if heard := client.query("INSERT INTO marks VALUES (0, 'known')"); !contains(heard, "INSERT 0 1") {
			return fmt.Errorf("%s", strings.Join(heard, "; "))
		}
		return nil
	})
	reader := connect(t, p.Addr)
	defer reader.leave()
	eventually(t, "it is known what reads", func() error {
		reader.query(servedBy)
		if why := reader.value("SHOW pgmux.why"); strings.Contains(why, "not known to read") {
			return errors.New(why)
		}
		return nil
	})
	return p
}

// writerDSN is where clients write, and readerDSN where they only read.
func (c *cluster) writerDSN(p *pooler) string { return c.dsn(p, "read-write") }
func (c *cluster) readerDSN(p *pooler) string { return c.dsn(p, "standby") }

func (c *cluster) dsn(p *pooler, wanted string) string {
	if p.driver != "direct" {
		return p.dsn("app")
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword("app", "secret"), Host: strings.Join(c.addresses(), ","), Path: "/app",
		RawQuery: "sslmode=disable&target_session_attrs=" + wanted}
	return u.String()
}

// routedCluster runs a test over one driver, on the cluster that tests have in common.
func routedCluster(t *testing.T, pool string, test func(t *testing.T, p *pooler, c *cluster)) {
	t.Helper()
	if direct() {
		t.Skip("nothing is routed without the pooler")
	}
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			c := commonCluster(t)
			test(t, c.route(t, driver, pool), c)
		})
	}
}

// ownCluster runs a test over one driver, on a cluster of its own, while other such tests run.
func ownCluster(t *testing.T, test func(t *testing.T, driver string, c *cluster)) {
	t.Helper()
	t.Parallel()
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) { test(t, driver, startCluster(t)) })
	}
}

// port is what servedBy answers on a server.
func port(s *pgtest.Server) string { return fmt.Sprint(s.Port) }

// tally counts by which server transactions were served.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (y *tally) add(port string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.counts == nil {
		y.counts = make(map[string]int)
	}
	y.counts[port]++
}

// begin forgets what was counted, and returns it.
func (y *tally) begin() map[string]int {
	y.mu.Lock()
	defer y.mu.Unlock()
	counted := y.counts
	y.counts = make(map[string]int)
	return counted
}

// so far.
func (y *tally) soFar() map[string]int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return maps.Clone(y.counts)
}

// read is a transaction that asks who serves it.
func (y *tally) read(ctx context.Context, conn *pgx.Conn, _ string) error {
	var port string
	if err := conn.QueryRow(ctx, servedBy).Scan(&port); err != nil {
		return err
	}
	y.add(port)
	return nil
}

// awaitServing waits until each of these serves reads.
func (y *tally) awaitServing(t *testing.T, servers ...*pgtest.Server) {
	t.Helper()
	before := y.soFar()
	eventually(t, "reads are served by those that should", func() error {
		now := y.soFar()
		for _, s := range servers {
			if now[port(s)] <= before[port(s)] {
				return fmt.Errorf("%s serves none; in all %v", port(s), now)
			}
		}
		return nil
	})
}

// awaitSpared waits until one serves no reads any more, while others do.
func (y *tally) awaitSpared(t *testing.T, w *work, s *pgtest.Server) {
	t.Helper()
	eventually(t, "reads are served elsewhere", func() error {
		y.begin()
		w.progress(t, 50)
		if counts := y.begin(); counts[port(s)] > 0 {
			return fmt.Errorf("%s still serves: %v", port(s), counts)
		}
		return nil
	})
}
