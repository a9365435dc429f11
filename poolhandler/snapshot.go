package poolhandler

import (
	"errors"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// snapshotTimeout is how long the loops may take to tell their figures, which may be in many turns. A turn takes less than a millisecond.
const snapshotTimeout = 2 * time.Second

var errNoAnswer = errors.New("the event loops do not answer; the log may say that one has ended")

// snapshot asks the engine for its figures; empty if there is no engine yet.
func (p *process) snapshot() (engine.Snapshot, error) {
	r := p.running.Load()
	if r == nil {
		return engine.Snapshot{}, nil
	}
	patience := time.NewTimer(snapshotTimeout)
	defer patience.Stop()
	select {
	case sum := <-r.Snapshot():
		return sum(), nil
	case <-patience.C:
		return engine.Snapshot{}, errNoAnswer
	}
}
