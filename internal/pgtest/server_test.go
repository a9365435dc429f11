package pgtest

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// each runs a test on every version at hand.
func each(t *testing.T, test func(t *testing.T, version int)) {
	if len(Versions()) == 0 {
		t.Skip(ErrNoServer)
	}
	for _, in := range Installs() {
		t.Run("postgres "+in.Version, func(t *testing.T) { test(t, in.Major) })
	}
}

func TestPasswordsAreKeptAndAskedForAsOptionsSay(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		ctx := context.Background()
		s := Start(t, Options{
			Version:   version,
			Auth:      "scram-sha-256",
			HBA:       []string{"host all open 127.0.0.1/32 trust"},
			Roles:     []Role{{Name: "alice", Password: "won'derland"}, {Name: "open"}},
			Databases: []string{"app"},
		})
		conn, err := pgx.Connect(ctx, s.DSN("alice", "won'derland", "app"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := pgx.Connect(ctx, s.DSN("alice", "wrong", "app")); err == nil || !strings.Contains(err.Error(), "28P01") {
			t.Errorf("a wrong password: got %v, want 28P01", err)
		}
		open, err := pgx.Connect(ctx, s.DSN("open", "", "app"))
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close(ctx)
		if n, err := s.Connections(ctx, "app"); n != 2 || err != nil {
			t.Errorf("connections: got %d, %v, want 2", n, err)
		}
	})
}

func TestServerRestartsOnItsPortAndLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		ctx := context.Background()
		s, err := Launch(ctx, Options{Version: version, Databases: []string{"app"}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, end := range []func() error{
			func() error { return s.Stop(Fast) },
			func() error { return s.Stop(Immediate) },
			s.Kill,
		} {
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if err := s.StartAgain(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Exec(ctx, "app", "SELECT 1"); err != nil {
			t.Error(err)
		}
		root := s.root
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(root); !os.IsNotExist(err) {
			t.Errorf("the server left %s behind: %v", root, err)
		}
	})
}

func TestReplicaFollows(t *testing.T) {
	if len(Versions()) == 0 {
		t.Skip(ErrNoServer)
	}
	ctx := context.Background()
	primary := Start(t, Options{Replication: true, Databases: []string{"app"}})
	replica := primary.Replica(t)
	if err := primary.Exec(ctx, "app", "CREATE TABLE seen (n int)", "INSERT INTO seen VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := primary.CaughtUp(ctx, replica); err != nil {
		t.Fatal(err)
	}
	if err := replica.Exec(ctx, "app", "SELECT n FROM seen"); err != nil {
		t.Error(err)
	}
	if err := replica.Exec(ctx, "app", "INSERT INTO seen VALUES (2)"); err == nil {
		t.Error("the replica took a write")
	}
}
