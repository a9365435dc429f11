package pgtest

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestPauseHangsAndResumeGoesOn(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		t.Parallel()
		ctx := context.Background()
		s := Start(t, Options{Version: version})
		conn, err := s.Super(ctx, "postgres")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if err := s.Pause(); err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() { _, err := conn.Exec(ctx, "SELECT 1"); answered <- err }()
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if newcomer, err := s.Super(short, "postgres"); err == nil {
			newcomer.Close(ctx)
			t.Error("a paused server let somebody in")
		}
		select {
		case err := <-answered:
			t.Errorf("a paused server answered: %v", err)
		default:
		}
		if err := s.Resume(); err != nil {
			t.Fatal(err)
		}
		if err := <-answered; err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

// A server that is paused at its test's end is ended all the same, with all its processes.
func TestPausedServerLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, version int) {
		t.Parallel()
		ctx := context.Background()
		s, err := Launch(ctx, Options{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Pause(); err != nil {
			t.Fatal(err)
		}
		paused := append([]int(nil), s.running.paused...)
		if len(paused) < 4 {
			t.Fatalf("only %d processes were paused", len(paused))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(startTimeout)
		for _, pid := range paused {
			for state := "?"; state != "" && state != "Z"; state, _ = processState(pid) {
				if time.Now().After(deadline) {
					t.Fatalf("process %d is still there: %s", pid, state)
				}
				time.Sleep(time.Millisecond)
			}
		}
		if _, err := os.Stat(s.root); !os.IsNotExist(err) {
			t.Errorf("the server left %s behind: %v", s.root, err)
		}
	})
}
