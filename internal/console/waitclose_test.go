package console

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// gone takes servers out of the world, and tells how often these have been looked at.
func (w *fakeWorld) gone(ids ...uint64) (looks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers = slices.DeleteFunc(slices.Clone(w.servers), func(r engine.ServerRow) bool { return slices.Contains(ids, r.ID) })
	return w.looks
}

func (w *fakeWorld) lookedAt(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looks < n {
		return errors.New("nobody looks for the servers")
	}
	return nil
}

// WAIT_CLOSE waits for every server that is to close, whatever for: RECONNECT, or RELOAD.
func TestWaitCloseWaitsForServersThatAreToClose(t *testing.T) {
	w := newFakeWorld()
	w.servers = append(w.servers, engine.ServerRow{ID: 5000, Pool: "orders", Database: "ledger", State: "draining"})
	c := talk(t, w, new(Shared), true)
	if answer := c.ask("WAIT_CLOSE shop"); !strings.HasPrefix(answer, "CommandComplete WAIT_CLOSE") {
		t.Errorf("of a database whose servers stay: %s", answer)
	}
	heard := make(chan string)
	c.say(&pgproto3.Query{String: "WAIT_CLOSE ledger"})
	go func() { heard <- c.hear() }()
	eventually(t, func() (any, error) { return nil, w.hasBeenTold("ops: WAIT_CLOSE ledger") })
	before := w.gone(closing, 4099) // 4099 was none of them
	eventually(t, func() (any, error) { return nil, w.lookedAt(before + 2) })
	select {
	case answer := <-heard:
		t.Fatalf("while one is left: %s", answer)
	default:
	}
	w.gone(5000)
	if answer := <-heard; !strings.HasPrefix(answer, "CommandComplete WAIT_CLOSE") {
		t.Error(answer)
	}
}

func TestWaitCloseIsCancelled(t *testing.T) {
	w := newFakeWorld()
	c := talk(t, w, new(Shared), true)
	c.say(&pgproto3.Query{String: "WAIT_CLOSE"})
	eventually(t, func() (any, error) { return nil, w.hasBeenTold("ops: WAIT_CLOSE") })
	c.cancel <- struct{}{}
	if answer := c.hear(); answer != "ErrorResponse ERROR 57014 canceling WAIT_CLOSE due to user request\nReadyForQuery I" {
		t.Error(answer)
	}
}

// hasBeenTold looks for a line.
func (w *fakeWorld) hasBeenTold(line string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.told {
		if l == line {
			return nil
		}
	}
	return errors.New("the world has not been told: " + line)
}
