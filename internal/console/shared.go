package console

import (
	"sync"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// maxReconnects bounds the databases whose reconnecting is remembered; past it, the longest remembered is forgotten, and WAIT_CLOSE does not wait
// for it.
const maxReconnects = 256

// Shared is what all sessions have in common: how many commands they have answered, and what WAIT_CLOSE waits for, whoever has said RECONNECT.
// The zero one is ready.
type Shared struct {
	commands atomic.Uint64

	mu         sync.Mutex
	reconnects []reconnect // the latest last
}

type reconnect struct {
	target   engine.Target
	progress Progress
}

// remember takes note of a RECONNECT. One before, of the same target, is part of it: its servers are among those that there are now.
func (h *Shared) remember(t engine.Target, p Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.reconnects[:0]
	for _, r := range h.reconnects {
		if !r.over() && r.target != t {
			kept = append(kept, r)
		}
	}
	if len(kept) == maxReconnects {
		kept = append(kept[:0], kept[1:]...)
	}
	h.reconnects = append(kept, reconnect{t, p})
}

// of is those that are not over, and concern the target.
func (h *Shared) of(t engine.Target) (found []Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.reconnects {
		if !r.over() && meets(r.target, t) {
			found = append(found, r.progress)
		}
	}
	return found
}

func (r *reconnect) over() bool {
	select {
	case <-r.progress.Done():
		return true
	default:
		return false
	}
}

// meets reports whether there may be something that is of both.
func meets(a, b engine.Target) bool {
	same := func(x, y string) bool { return x == "" || y == "" || x == y }
	return same(a.Pool, b.Pool) && same(a.Database, b.Database)
}
