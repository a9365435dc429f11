package engine

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// A client is paused while its server takes no more. One that gets another server, because that one is lost before it has used it, or wants nothing
// of it any more, is heard again.
func TestACongestedServerIsLostBeforeItIsUsed(t *testing.T) {
	for name, ends := range map[string]func(r *rig, a *rigSocket){
		"lost":      func(r *rig, _ *rigSocket) { r.event(r.servers[0].socket, loop.Ended) },
		"cancelled": func(r *rig, a *rigSocket) { r.cancel(a); r.settle() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, checkedPool(1))
			a := r.client("a")
			r.says(a, "select a")
			r.pass(30 * time.Second)
			r.servers[0].mute = true // it is checked
			r.says(a, "select a")
			r.event(r.servers[0].socket, loop.Congested)
			c := &r.e.shards[0].slots.at(a.id).client
			if c.paused != pauseServerFull || c.state != clientPreparing {
				t.Fatalf("it is paused: %d; its state is %d", c.paused, c.state)
			}
			ends(r, a)
			if c.paused != 0 {
				t.Errorf("it is paused still: %d", c.paused)
			}
		})
	}
}
