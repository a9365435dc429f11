//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// ledger is rows that clients insert, each once and never again, whatever they are told of it.
type ledger struct {
	next atomic.Int64
	mu   sync.Mutex
	// acknowledged is those that were, with when, and by whom.
	acknowledged map[int64]entry
}

type entry struct {
	told time.Time
	by   string
}

// insertMark tells who took it.
const insertMark = "INSERT INTO marks VALUES ($1, $2) RETURNING told()"

// insert is a transaction of one statement, or one that is begun and committed.
func (l *ledger) insert(ctx context.Context, conn *pgx.Conn, who string) (err error) {
	var by string
	id := l.next.Add(1)
	if id%2 == 0 {
		err = conn.QueryRow(ctx, insertMark, id, who).Scan(&by)
	} else {
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return tx.QueryRow(ctx, insertMark, id, who).Scan(&by) })
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[id] = entry{time.Now(), by}
	return nil
}

// recovered waits for the first write that a new primary has acknowledged since a moment, and returns how long after it.
func (l *ledger) recovered(t *testing.T, moment time.Time, primary *pgtest.Server) (took time.Duration) {
	t.Helper()
	eventually(t, "writes are acknowledged again", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, e := range l.acknowledged {
			if after := e.told.Sub(moment); e.by == port(primary) && after > 0 && (took == 0 || after < took) {
				took = after
			}
		}
		if took == 0 {
			return fmt.Errorf("%d were in all", len(l.acknowledged))
		}
		return nil
	})
	return took
}

// takenBy counts what a server has acknowledged since a moment.
func (l *ledger) takenBy(s *pgtest.Server, since time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.acknowledged {
		if e.by == port(s) && e.told.After(since) {
			n++
		}
	}
	return n
}

// demandKept demands of a server that it has all that was acknowledged, and nothing twice.
func (l *ledger) demandKept(t *testing.T, s *pgtest.Server) {
	t.Helper()
	rows := l.rowsOf(t, s)
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, twice := 0, 0
	for id := range l.acknowledged {
		if rows[id] == 0 {
			lost++
		}
	}
	for id, n := range rows {
		if id > 0 && n > 1 {
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		t.Errorf("of %d acknowledged writes %d are lost; %d were made twice", len(l.acknowledged), lost, twice)
	}
	t.Logf("%d acknowledged writes, all there, none twice; %d more that nobody was told of", len(l.acknowledged), len(rows)-len(l.acknowledged))
}

// rowsOf is how often each id is on a server.
func (l *ledger) rowsOf(t *testing.T, s *pgtest.Server) map[int64]int {
	t.Helper()
	conn, err := s.Super(within(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(within(t))
	rows, err := conn.Query(within(t), "SELECT id FROM marks WHERE id > 0")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[int64]int)
	for _, id := range ids {
		counts[id]++
	}
	return counts
}

// takeover is load on a cluster while its primaries change.
type takeover struct {
	t *testing.T
	*cluster
	p              *pooler
	ledger         ledger
	writes, reads  *work
	served         tally
	outages        []time.Duration
	readsInOutages int64
}

func startTakeover(t *testing.T, driver string, c *cluster) *takeover {
	t.Helper()
	return loadTakeover(t, c, c.route(t, driver, "pool_size 10\nserver_login_retry 100ms"))
}

// loadTakeover puts load on a cluster through a pooler.
func loadTakeover(t *testing.T, c *cluster, p *pooler) *takeover {
	t.Helper()
	o := &takeover{t: t, cluster: c, p: p}
	o.ledger.acknowledged = make(map[int64]entry)
	o.writes = startWork(t, c.writerDSN(o.p), 6, o.ledger.insert)
	o.reads = startWork(t, c.readerDSN(o.p), 3, o.served.read)
	o.writes.progress(t, 100)
	if p.driver != "direct" {
		o.served.awaitServing(t, c.replicas...)
		o.served.awaitSpared(t, o.reads, c.primary) // until it is known that they read
	}
	return o
}

// failOver ends the primary, promotes the first replica, and measures how long it took until that has acknowledged a write.
func (o *takeover) failOver(end func(*pgtest.Server) error, promote func(*pgtest.Server)) {
	o.t.Helper()
	moment, reads := time.Now(), o.reads.done.Load()
	if err := end(o.primary); err != nil {
		o.t.Fatal(err)
	}
	promote(o.replicas[0])
	promoted := time.Since(moment)
	o.promoted()
	if err := o.replicas[0].Follow(within(o.t), o.primary); err != nil {
		o.t.Fatal(err)
	}
	took := o.ledger.recovered(o.t, moment, o.primary)
	o.outages = append(o.outages, took)
	o.readsInOutages += o.reads.done.Load() - reads
	o.t.Logf("promoted after %v, the first write acknowledged after %v", promoted.Round(time.Millisecond), took.Round(time.Millisecond))
}

func (o *takeover) promote(s *pgtest.Server) {
	o.t.Helper()
	if err := s.Promote(within(o.t)); err != nil {
		o.t.Fatal(err)
	}
}

// demandFreshGreeting demands that who logs in now is told of the primary that is.
func (o *takeover) demandFreshGreeting() {
	o.t.Helper()
	c := connect(o.t, o.p.Addr)
	want := connect(o.t, o.primary.Addr())
	for _, name := range []string{"in_hot_standby", "server_version"} {
		told := slices.IndexFunc(want.heard, func(l string) bool { return contains([]string{l}, `"`+name+`"`) })
		mustContain(o.t, c.heard, want.heard[told])
	}
	c.leave()
	want.leave()
}

// end stops the load and shows what came of it.
func (o *takeover) end(allowed ...string) {
	o.t.Helper()
	o.writes.progress(o.t, 50)
	o.writes.finish()
	o.reads.finish()
	if o.p.driver == "direct" {
		allowed = append(allowed, "refused") // nobody listens for what has ended
	}
	o.writes.demandOnly(o.t, allowed...)
	if o.p.driver != "direct" {
		o.reads.demandOnly(o.t)
	}
	o.ledger.demandKept(o.t, o.primary)
	slices.Sort(o.outages)
	o.t.Logf("from the end of a primary to the first write of the next: median %v, at most %v; %d reads meanwhile; writers were told %v",
		o.outages[len(o.outages)/2].Round(time.Millisecond), o.outages[len(o.outages)-1].Round(time.Millisecond), o.readsInOutages, o.writes.told())
	if o.readsInOutages == 0 {
		o.t.Error("no read was served while there was no primary")
	}
}

// lostInFailover is what writers may be told when their server goes: never that they are on a replica (25006).
var lostInFailover = []string{"57P01", "08006", "EOF", "57P03", "08000", "08003", "57P02"}

// A primary that is killed is followed by its synchronous replica: nothing acknowledged is lost, nothing made twice, and reads go on.
// When the old one comes back and believes it is the primary, nobody is served by it.
func TestTrap51FailoverUnderLoad(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		c.chain(t)
		o := startTakeover(t, driver, c)
		for range 2 {
			o.failOver((*pgtest.Server).Kill, o.promote)
			old := o.replicas[1]
			if driver != "direct" {
				o.demandFreshGreeting()
				o.returnsAlone(old)
			}
			if err := old.Rewind(within(t), o.primary); err != nil {
				t.Fatal(err)
			}
			c.chain(t)
			if driver != "direct" {
				o.served.awaitServing(t, o.replicas...)
			}
			o.writes.progress(t, 20)
		}
		o.end(lostInFailover...)
	})
}

// chain lets the first replica follow the primary, and be told of every commit before the client is, and the second follow the first:
// so nobody has more than the first, when it is promoted, or it could not follow.
func (c *cluster) chain(t *testing.T) {
	t.Helper()
	if err := c.replicas[1].Follow(within(t), c.replicas[0]); err != nil {
		t.Fatal(err)
	}
	if err := c.primary.Synchronise(within(t), c.replicas[0]); err != nil {
		t.Fatal(err)
	}
	c.caughtUp(t)
}

// returnsAlone starts an old primary as it was, and demands that clients of the pooler leave no trace there.
func (o *takeover) returnsAlone(old *pgtest.Server) {
	o.t.Helper()
	// A write there would have to be acknowledged, or it would not show.
	if err := old.Alter(within(o.t), "synchronous_standby_names", ""); err != nil {
		o.t.Fatal(err)
	}
	if err := old.StartAgain(within(o.t)); err != nil {
		o.t.Fatal(err)
	}
	rows, started := len(o.ledger.rowsOf(o.t, old)), time.Now()
	o.served.begin()
	// Longer than it takes to probe it: two intervals. Writes are few a second where each waits for the replica.
	for time.Since(started) < 600*time.Millisecond {
		o.writes.progress(o.t, 10)
		o.reads.progress(o.t, 50)
	}
	o.demandFreshGreeting()
	if now, taken := len(o.ledger.rowsOf(o.t, old)), o.ledger.takenBy(old, started); now != rows || taken > 0 {
		o.t.Errorf("%d writes went to the old primary, which acknowledged %d", now-rows, taken)
	}
	if counts := o.served.begin(); counts[port(old)] > 0 {
		o.t.Errorf("the old primary served reads: %v", counts)
	}
}

// A switchover: the primary is stopped cleanly, the replica has all and is promoted, the old primary is its replica.
func TestSwitchoverUnderLoad(t *testing.T) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		o := startTakeover(t, driver, c)
		for range 2 {
			o.failOver(func(s *pgtest.Server) error { return s.Stop(pgtest.Fast) }, o.promote)
			if err := o.replicas[1].Follow(within(t), o.primary); err != nil {
				t.Fatal(err)
			}
			if driver != "direct" {
				o.demandFreshGreeting()
				o.served.awaitServing(t, o.replicas...)
			}
			o.writes.progress(t, 50)
		}
		o.end(lostInFailover...)
	})
}
