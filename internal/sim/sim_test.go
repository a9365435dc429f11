package sim_test

import (
	"flag"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sim"
)

var (
	seeds = flag.Int("sim.seeds", 150, "how many seeds each simulation runs")
	lines = flag.Int("sim.trace", 150, "how many lines of the trace a failure shows")
	first = flag.Uint64("sim.seed", 1, "the first of them")
)

// TestSimCalm: where nothing goes wrong, every client is told exactly what Postgres would have told it, and every
// rule holds after every step.
func TestSimCalm(t *testing.T) {
	run(t, func(w *sim.World) sim.Scenario { return w.Calm() }, *seeds)
}

// TestSimStormy: dials fail, servers die, clients vanish and cancel; the rules hold all the same.
func TestSimStormy(t *testing.T) {
	run(t, func(w *sim.World) sim.Scenario { return w.Stormy() }, *seeds)
}

// TestSimCrashing: shards meet bugs; what they held is given back, and the others do not notice (rule 10).
func TestSimCrashing(t *testing.T) {
	run(t, func(w *sim.World) sim.Scenario { return w.Crashing() }, *seeds/2)
}

// TestSimRepeats: a seed is a course of events; without that, no failure could be looked into.
func TestSimRepeats(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		var sums [2]uint64
		for i := range sums {
			w := sim.NewWorld(seed)
			w.Begin(w.Stormy()).Finish()
			sums[i] = w.Checksum()
		}
		if sums[0] != sums[1] {
			t.Errorf("seed %d took two different courses", seed)
		}
	}
}

func run(t *testing.T, plan func(*sim.World) sim.Scenario, seeds int) {
	for seed := *first; seed < *first+uint64(max(seeds, 1)); seed++ {
		w := sim.NewWorld(seed)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s\n%s", p, w.Story(*lines))
					panic(p)
				}
			}()
			w.Begin(plan(w)).Finish()
		}()
		if b := w.Broken(); b != "" {
			t.Fatalf("%s\n%s\nto repeat: go test ./internal/sim -run '^%s$' -sim.seed=%d -sim.seeds=1", b, w.Story(*lines), t.Name(), seed)
		}
	}
}
