package pgtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// withReplicas starts a primary with a table, and replicas of it.
func withReplicas(t *testing.T, version, n int) (ctx context.Context, primary *Server, replicas []*Server) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*startTimeout) // for all that the test does
	t.Cleanup(cancel)
	primary = Start(t, Options{Version: version, Replication: true, Databases: []string{"app"}})
	for range n {
		replicas = append(replicas, primary.Replica(t))
	}
	demandNil(t, primary.Exec(ctx, "app", "CREATE TABLE seen (who text)"))
	return ctx, primary, replicas
}

func demandNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// demandFollows demands that what is written on the primary is replayed by its replicas.
func demandFollows(t *testing.T, ctx context.Context, primary *Server, replicas ...*Server) {
	t.Helper()
	demandNil(t, primary.Exec(ctx, "app", "INSERT INTO seen VALUES ('now')"))
	var want, got int
	demandNil(t, primary.askIn(ctx, "app", "SELECT count(*) FROM seen", &want))
	for i, r := range replicas {
		if err := primary.CaughtUp(ctx, r); err != nil {
			t.Fatalf("replica %d: %v; its log:\n%s", i, err, tail(r.Log(), 2<<10))
		}
		if err := r.askIn(ctx, "app", "SELECT count(*) FROM seen", &got); err != nil || got != want {
			t.Errorf("replica %d has %d rows of %d, %v", i, got, want, err)
		}
		var refused *pgconn.PgError
		if err := r.Exec(ctx, "app", "INSERT INTO seen VALUES ('wrong')"); !errors.As(err, &refused) || refused.Code != "25006" {
			t.Errorf("replica %d took a write: %v", i, err)
		}
	}
}

// There and back: that works only if the first primary has lost nothing.
func TestSwitchover(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		ctx, first, replicas := withReplicas(t, version, 2)
		second, other := replicas[0], replicas[1]
		demandNil(t, first.Synchronise(ctx, other))
		demandNil(t, first.Synchronise(ctx, second))
		demandFollows(t, ctx, first, second, other)
		for _, turn := range []struct{ from, to *Server }{{first, second}, {second, first}} {
			demandNil(t, turn.from.Stop(Fast))
			demandNil(t, turn.to.Promote(ctx))
			demandNil(t, other.Follow(ctx, turn.to))
			demandNil(t, turn.from.Follow(ctx, turn.to))
			demandFollows(t, ctx, turn.to, turn.from, other)
		}
	})
}

// A primary that was killed, and wrote when it came back though another was promoted, loses that, and is a replica.
func TestRewindOfAPrimaryThatWentOnAlone(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		ctx, old, replicas := withReplicas(t, version, 1)
		demandFollows(t, ctx, old, replicas...)
		demandNil(t, old.Kill())
		demandNil(t, replicas[0].Promote(ctx))
		demandNil(t, old.StartAgain(ctx))
		demandNil(t, old.Exec(ctx, "app", "INSERT INTO seen VALUES ('lost'), ('lost')"))
		demandNil(t, old.Rewind(ctx, replicas[0]))
		demandFollows(t, ctx, replicas[0], old)
		var lost int
		if err := old.askIn(ctx, "app", "SELECT count(*) FROM seen WHERE who = 'lost'", &lost); err != nil || lost != 0 {
			t.Errorf("%d rows of another history are still there, %v", lost, err)
		}
	})
}

func TestDelayIsChangedWhileTheReplicaRuns(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		ctx, primary, replicas := withReplicas(t, version, 1)
		late := replicas[0]
		demandNil(t, primary.CaughtUp(ctx, late))
		demandNil(t, late.Delay(ctx, time.Hour))
		demandNil(t, primary.Exec(ctx, "app", "INSERT INTO seen VALUES ('late')"))
		// It has it, and waits: what is received is not replayed.
		demandNil(t, late.awaitTrue(ctx, "the replica to receive", "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"))
		var n int
		if err := late.askIn(ctx, "app", "SELECT count(*) FROM seen", &n); err != nil || n != 0 {
			t.Errorf("the replica that is late has %d rows already, %v", n, err)
		}
		demandNil(t, late.Delay(ctx, 0))
		demandFollows(t, ctx, primary, late)
	})
}
