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

// TestSimShared: they share what they have cached with other processes, and these write as well.
func TestSimShared(t *testing.T) {
	var worlds []*sim.World
	run(t, func(w *sim.World) sim.Scenario {
		worlds = append(worlds, w)
		return w.Shared()
	}, *seeds)
	cached, shared := 0, 0
	for _, w := range worlds {
		cached, shared = cached+w.CachedReplies(), shared+w.SharedReplies()
	}
	if t.Logf("%d replies from caches, %d of the store", cached, shared); shared < len(worlds)/4 || cached < len(worlds) {
		t.Errorf("in %d worlds %d replies came from caches, %d from the store", len(worlds), cached, shared)
	}
}

// TestSimCacheFailing: servers are lost and replaced behind a query cache, by such that lack some of what was written. What was cached of that is
// gone with it, and all the other rules hold.
func TestSimCacheFailing(t *testing.T) {
	var worlds []*sim.World
	run(t, func(w *sim.World) sim.Scenario {
		worlds = append(worlds, w)
		return w.CachedFailing()
	}, *seeds/3)
	given := 0
	for _, w := range worlds {
		given += w.CachedReplies()
	}
	if given < 3*len(worlds) {
		t.Errorf("in %d worlds %d replies came from caches", len(worlds), given)
	}
}

// TestSimFindsStaleReplies: a cache that is not told what an UPDATE changes is found out, and so is one that is not told what other processes write.
func TestSimFindsStaleReplies(t *testing.T) {
	for _, c := range []struct {
		fault sim.Fault
		world func(*sim.World) sim.Scenario
	}{{sim.HidesWrites, (*sim.World).Cached}, {sim.ForgetsOthers, (*sim.World).Shared}} {
		const worlds = 30
		broken := ""
		for seed := uint64(1); seed <= worlds && broken == ""; seed++ {
			w := sim.NewWorld(seed)
			s := c.world(w)
			s.Fault = c.fault
			w.Begin(s).Finish()
			broken = w.Broken()
		}
		if !strings.HasPrefix(broken, "cache: ") {
			t.Errorf("fault %d: in %d worlds %q is found", c.fault, worlds, broken)
		}
	}
}
