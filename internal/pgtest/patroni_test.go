package pgtest

import (
	"context"
	"os"
	"testing"
)

func TestPatroniSwitchesOverAndLeavesNothing(t *testing.T) {
	t.Parallel()
	if err := FindPatroni(); err != nil {
		t.Skip(err)
	}
	var p *Patroni
	well := t.Run("cluster", func(t *testing.T) {
		p = StartPatroni(t, 3, Options{Databases: []string{"app"}})
		ctx, cancel := context.WithTimeout(context.Background(), 5*startTimeout)
		defer cancel()
		leader, replicas, err := p.Leader(ctx)
		if err != nil || len(replicas) != 2 {
			t.Fatalf("%d replicas, %v", len(replicas), err)
		}
		if err := leader.Exec(ctx, "app", "CREATE TABLE seen (who text)"); err != nil {
			t.Fatal(err)
		}
		demandFollows(t, ctx, leader, replicas...)
		if err := p.Switchover(ctx, replicas[0]); err != nil {
			t.Fatal(err)
		}
		now, replicas, err := p.Leader(ctx)
		if err != nil || now == leader {
			t.Fatalf("the leader has not changed: %v", err)
		}
		demandFollows(t, ctx, now, replicas...)
	})
	if !well {
		return
	}
	if _, err := os.Stat(p.root); !os.IsNotExist(err) {
		t.Errorf("the cluster left %s behind: %v", p.root, err)
	}
	for _, s := range p.Members {
		if err := s.Exec(context.Background(), "postgres", "SELECT 1"); err == nil {
			t.Errorf("the Postgres on port %d still runs", s.Port)
		}
	}
}
