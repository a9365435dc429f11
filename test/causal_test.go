//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// causalDelays is by how much the replicas are late, each.
var causalDelays = []time.Duration{300 * time.Millisecond, time.Second}

// causalRun is how long the workload runs.
const causalRun = 5 * time.Second

// delayedCluster is a cluster whose replicas replay late.
func delayedCluster(t *testing.T, test func(t *testing.T, driver string, c *cluster)) {
	ownCluster(t, func(t *testing.T, driver string, c *cluster) {
		c.define(t,
			"CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL)",
			"INSERT INTO counters SELECT i, 0 FROM generate_series(0, 99) i",
			"CREATE FUNCTION count_to(int, bigint) RETURNS bigint LANGUAGE sql VOLATILE AS "+
				"$$ UPDATE counters SET n = $2 WHERE id = $1 RETURNING n $$",
			"GRANT ALL ON counters TO app")
		for i, r := range c.replicas {
			if err := r.Delay(within(t), causalDelays[i]); err != nil {
				t.Fatal(err)
			}
		}
		test(t, driver, c)
	})
}

// counterWrites are ways to write a counter, of an id and a number.
var counterWrites = []string{
	"UPDATE counters SET n = $2 WHERE id = $1",
	"WITH w AS (UPDATE counters SET n = $2 WHERE id = $1 RETURNING n) SELECT n FROM w",
	"SELECT count_to($1, $2)",
}

// speech is how a client speaks: by which protocol, and whether it writes in transactions.
type speech struct {
	mode          pgx.QueryExecMode
	inTransaction bool
}

func speeches() (list []speech) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		list = append(list, speech{mode, false}, speech{mode, true})
	}
	return list
}

// counting is what clients have met that write counters and read them back.
type counting struct {
	mu sync.Mutex
	// Each round is a write, and reads until replicas serve them again, or for long enough.
	rounds, roundsAtReplica int
	reads, atReplica        int
	misses                  int
	miss                    string // the last
	// slowest is how long it took at most after a write until a replica served its writer.
	slowest time.Duration
}

// rememberer is one client. Where it writes and where it reads is one connection through the pooler, and two without it.
type rememberer struct {
	*counting
	id          int
	speech      speech
	write, read *pgx.Conn
	replicas    map[string]bool
}

// longEnough is when a writer stops to wait for a replica.
const longEnough = 2500 * time.Millisecond

// run writes and reads until the time is over.
func (k *rememberer) run(ctx context.Context) error {
	for n := int64(1); ctx.Err() == nil; n++ {
		if err := k.writes(context.WithoutCancel(ctx), n); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		if err := k.readsBack(ctx, n); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
	}
	return nil
}

func (k *rememberer) writes(ctx context.Context, n int64) error {
	statement := counterWrites[int(n)%len(counterWrites)]
	if !k.speech.inTransaction {
		_, err := k.write.Exec(ctx, statement, k.speech.mode, k.id, n)
		return err
	}
	return pgx.BeginFunc(ctx, k.write, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement, k.speech.mode, k.id, n)
		return err
	})
}

// readsBack reads in transactions of their own until replicas have served it ten times.
func (k *rememberer) readsBack(ctx context.Context, want int64) error {
	written, times := time.Now(), 0
	for ctx.Err() == nil && times < 10 && time.Since(written) < longEnough {
		var got int64
		var port string
		err := k.read.QueryRow(context.WithoutCancel(ctx), countersRead, k.speech.mode, k.id).
			Scan(&got, &port)
		if err != nil {
			return err
		}
		if k.replicas[port] {
			times++
		}
		k.note(got, want, port, times, time.Since(written))
	}
	if times == 0 && ctx.Err() != nil && time.Since(written) < longEnough {
		return nil // the end of the run has cut it off
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rounds++
	return nil
}

// note writes down one read.
func (k *rememberer) note(got, want int64, port string, times int, since time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	if k.replicas[port] {
		k.atReplica++
	}
	if k.replicas[port] && times == 1 {
		k.roundsAtReplica++
		k.slowest = max(k.slowest, since)
	}
	if got != want {
		k.misses++
		k.miss = fmt.Sprintf("client %d (%v) read %d after it wrote %d, from %s, %v after the write", k.id, k.speech, got, want, port, since)
	}
}

// count runs the workload: writers in every speech, and some who only read.
func (c *cluster) count(t *testing.T, p *pooler, speeches []speech) (writers *counting, observers map[string]int) {
	t.Helper()
	writers = &counting{}
	_, ports := c.ports()
	c.warmUpCounters(t, p, ports)
	replicas := make(map[string]bool)
	for _, r := range ports {
		replicas[r] = true
	}
	var seen tally
	watching := startWork(t, c.readerDSN(p), 3, seen.read)
	seen.awaitSpared(t, watching, c.primary)
	ctx, cancel := context.WithTimeout(context.Background(), causalRun)
	defer cancel()
	var all sync.WaitGroup
	for i, m := range speeches {
		k := &rememberer{counting: writers, id: i, speech: m, replicas: replicas, write: c.dials(t, c.writerDSN(p))}
		k.read = k.write
		if p.driver == "direct" {
			k.read = c.dials(t, c.readerDSN(p))
		}
		all.Go(func() {
			if err := k.run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("client %d (%v): %v", k.id, k.speech, err)
			}
		})
	}
	all.Wait()
	watching.finish()
	watching.demandOnly(t)
	t.Logf("%d writes; %d reads afterwards, %d of them from replicas, %d misses; after %d of the writes a replica served the writer again, after %v at most; "+
		"others were served by %v", writers.rounds, writers.reads, writers.atReplica, writers.misses, writers.roundsAtReplica, writers.slowest, seen.soFar())
	return writers, seen.soFar()
}

// warmUpCounters reads counters, by each protocol, until it is known that this reads, and replicas serve it.
func (c *cluster) warmUpCounters(t *testing.T, p *pooler, replicas []string) {
	t.Helper()
	for _, m := range speeches() {
		conn := c.dials(t, c.readerDSN(p))
		eventually(t, "replicas serve counters", func() error {
			var n int64
			var port string
			if err := conn.QueryRow(within(t), countersRead, m.mode, 99).Scan(&n, &port); err != nil {
				return err
			}
			if !slices.Contains(replicas, port) {
				return fmt.Errorf("%v: served by %s", m.mode, port)
			}
			return nil
		})
		conn.Close(within(t))
	}
}

// countersRead asks for a counter, and who knows it.
const countersRead = "SELECT n, told() FROM counters WHERE id = $1"

// dials connects a client until the test's end.
func (c *cluster) dials(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(within(t), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// Each read of a session sees its own last write, over replicas that are late; and replicas serve whoever has not written, or not
// since they have replayed it.
func TestReadYourWritesOverLateReplicas(t *testing.T) {
	delayedCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("Postgres alone promises nothing of the sort")
		}
		p := c.route(t, driver, "pool_size 20")
		// No read ever misses. How much the replicas serve depends on the machine, too: once in three runs it must be enough.
		var few error
		for range 3 {
			writers, observers := c.count(t, p, append(speeches(), speeches()...))
			if writers.misses > 0 {
				t.Errorf("%d of %d reads missed the reader's own write: %s", writers.misses, writers.reads, writers.miss)
			}
			primary, _ := c.ports()
			if few = servedByReplicas(writers, observers, primary); few == nil {
				return
			}
			t.Log(few)
		}
		t.Error(few)
	})
}

// servedByReplicas tells what of a run should have gone to replicas, and did not.
func servedByReplicas(writers *counting, observers map[string]int, primary string) error {
	if writers.rounds == 0 || writers.roundsAtReplica < writers.rounds*2/3 {
		return fmt.Errorf("replicas served the writer again after %d of %d writes, want two thirds at least", writers.roundsAtReplica, writers.rounds)
	}
	all := 0
	for _, n := range observers {
		all += n
	}
	if all == 0 || observers[primary] > all/20 {
		return fmt.Errorf("the primary served %d of %d reads of those who never write, want at most a twentieth", observers[primary], all)
	}
	return nil
}

// The check above can fail: without read_your_writes, or when a client itself reads from a replica, it does.
func TestWithoutReadYourWritesLateReplicasShow(t *testing.T) {
	delayedCluster(t, func(t *testing.T, driver string, c *cluster) {
		p := c.route(t, driver, "pool_size 20\nread_your_writes off")
		writers, _ := c.count(t, p, speeches())
		if writers.misses == 0 {
			t.Errorf("no read of %d missed a write, over replicas that are late", writers.reads)
		}
	})
}

// What one session has written another sees that was given its token.
func TestCausalTokenCarriesAWriteToAnotherSession(t *testing.T) {
	delayedCluster(t, func(t *testing.T, driver string, c *cluster) {
		if driver == "direct" {
			t.Skip("tokens are ours")
		}
		p := c.route(t, driver, "pool_size 20")
		writer, told, untold := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
		stale := 0
		// What the third reads goes to a replica only when the grammar has been asked about it.
		for n, end := 0, time.Now().Add(patience); n < 20 || stale == 0 && time.Now().Before(end); n++ {
			mustContain(t, writer.query(fmt.Sprintf("UPDATE counters SET n = %d WHERE id = 1", n+1)), "UPDATE 1")
			token := writer.value("SHOW pgmux.causal_token")
			mustContain(t, told.query(fmt.Sprintf("SET pgmux.causal_token = '%s'", token)), "SET")
			if got := told.value("SELECT n FROM counters WHERE id = 1"); got != fmt.Sprint(n+1) {
				t.Errorf("with the token %s of the write of %d another session reads %s", token, n+1, got)
			}
			if untold.value("SELECT n FROM counters WHERE id = 1") != fmt.Sprint(n+1) {
				stale++
			}
		}
		if stale == 0 {
			t.Error("a session without the token saw all writes at once, over replicas that are late")
		}
	})
}
