package pgtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Replica starts a streaming replica for a test; the server needs Options.Replication.
func (s *Server) Replica(t testing.TB) *Server {
	t.Helper()
	r, err := s.LaunchReplica(context.Background())
	if err != nil {
		t.Fatalf("starting a replica: %v", err)
	}
	t.Cleanup(func() { r.finish(t) })
	return r
}

// LaunchReplica copies the running server and starts the copy as its streaming replica.
func (s *Server) LaunchReplica(ctx context.Context) (*Server, error) {
	r, err := newServer(s.Install, s.who, s.options)
	if err != nil {
		return nil, err
	}
	if err := r.becomeCopy(ctx, s); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// becomeCopy fills the data directory from a running primary, and starts as its replica.
func (s *Server) becomeCopy(ctx context.Context, primary *Server) error {
	if err := primary.backUp(ctx, s); err != nil {
		return err
	}
	if err := s.configure(); err != nil {
		return err
	}
	return s.startStandby(ctx, primary)
}

// CaughtUp waits until the replica has replayed what its primary has written by now.
func (s *Server) CaughtUp(ctx context.Context, replica *Server) error {
	var target string
	if err := s.ask(ctx, "SELECT pg_current_wal_lsn()::text", &target); err != nil {
		return err
	}
	for {
		var there bool
		if err := replica.ask(ctx, "SELECT coalesce(pg_last_wal_replay_lsn() >= '"+target+"', false)", &there); err != nil {
			return err
		}
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the replica to replay %s: %w", target, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Connections counts the client connections to a database, or to all if database is empty, without our own.
func (s *Server) Connections(ctx context.Context, database string) (int, error) {
	var n int
	err := s.ask(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "+
		"AND pid <> pg_backend_pid() AND ($1 = '' OR datname = $1)", &n, database)
	return n, err
}

// ask runs a query with one answer as superuser.
func (s *Server) ask(ctx context.Context, query string, answer any, args ...any) error {
	return s.askIn(ctx, "postgres", query, answer, args...)
}

// askIn asks in a database.
func (s *Server) askIn(ctx context.Context, database, query string, answer any, args ...any) error {
	conn, err := s.Super(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, query, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(answer); err != nil {
		return fmt.Errorf("asking Postgres %q: %w", query, err)
	}
	return nil
}
