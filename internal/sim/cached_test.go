package sim_test

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sim"
)

// TestSimCache: pools have query caches, in any weather. Whoever reads is given what one moment held, none before a write of which anybody had
// been told, and all the other rules hold.
func TestSimCache(t *testing.T) {
	var worlds []*sim.World
	run(t, func(w *sim.World) sim.Scenario {
		worlds = append(worlds, w)
		return w.Cached()
	}, *seeds*3/2)
	given := 0
	for _, w := range worlds {
		given += w.CachedReplies()
	}
	if given < 3*len(worlds) {
		t.Errorf("in %d worlds %d replies came from caches", len(worlds), given)
	}
}

// TestSimFindsStaleReplies: a cache that is not told what an UPDATE changes is found out.
func TestSimFindsStaleReplies(t *testing.T) {
	const worlds = 30
	broken := ""
	for seed := uint64(1); seed <= worlds && broken == ""; seed++ {
		w := sim.NewWorld(seed)
		s := w.Cached()
		s.Fault = sim.HidesWrites
		w.Begin(s).Finish()
		broken = w.Broken()
	}
	if !strings.HasPrefix(broken, "cache: ") {
		t.Errorf("in %d worlds %q is found", worlds, broken)
	}
}
