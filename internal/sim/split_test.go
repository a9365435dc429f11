package sim_test

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sim"
)

// TestSimSplit: a primary and replicas that replay late. Nothing that a replica refuses reaches one, unless its client has asked for
// that; who has written reads that, whoever answers; and all the other rules hold.
func TestSimSplit(t *testing.T) {
	var worlds []*sim.World
	run(t, func(w *sim.World) sim.Scenario {
		worlds = append(worlds, w)
		return w.Split()
	}, *seeds/3)
	read := 0
	for _, w := range worlds {
		read += w.ReadOnReplicas()
	}
	if read < len(worlds) {
		t.Errorf("in %d worlds replicas have answered %d queries", len(worlds), read)
	}
}

// TestSimFailing: replicas are lost and come back, and other servers become the primary, in any weather. Some writes are lost with a
// primary; what is not, whoever has written it reads, and the rules hold as before.
func TestSimFailing(t *testing.T) {
	run(t, func(w *sim.World) sim.Scenario { return w.Failing() }, *seeds/5)
}

// TestSimFindsFaults: the rules find what they are there for, and nothing else.
func TestSimFindsFaults(t *testing.T) {
	const worlds = 60
	for _, c := range []struct {
		fault sim.Fault
		rule  string
	}{
		{sim.TakesWritesForReads, "replicas: "},
		{sim.ForgetsWrites, "own writes: "},
	} {
		broken := ""
		for seed := uint64(1); seed <= worlds && broken == ""; seed++ {
			w := sim.NewWorld(seed)
			s := w.Split()
			s.Fault = c.fault
			w.Begin(s).Finish()
			broken = w.Broken()
		}
		if !strings.HasPrefix(broken, c.rule) {
			t.Errorf("fault %d: in %d worlds %q is found", c.fault, worlds, broken)
		}
	}
}
