package sim_test

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
	"github.com/pgmux/caddy-pgmux/internal/sim"
)

// TestDriver: the simulated driver keeps the promises that the real ones keep.
func TestDriver(t *testing.T) {
	for _, seed := range []uint64{1, 2, uint64(time.Now().UnixNano())} {
		world := sim.NewWorld(seed)
		looptest.RunOver(t, func(t *testing.T) loop.Driver {
			t.Cleanup(func() {
				if b := world.Broken(); b != "" {
					t.Errorf("seed %d: %s", seed, b)
				}
			})
			return world.NewDriver(0, 6500, true)
		}, sim.Pairs{W: world})
	}
}
