package engine

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// rigLayer is a layer that does nothing; the rig's bytes are plain.
type rigLayer struct{ loop.Layer }

// A layer goes to the driver with its socket, and with it to every further loop; the shard keeps none that it has given away.
func TestLayers(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	r.quiet = true
	ours, theirs := &rigLayer{}, &rigLayer{}
	r.layer = theirs
	a := r.clientAs("a", Client{Layer: ours})
	b := r.client("b")
	if a.layer != ours || b.layer != nil {
		t.Errorf("the clients' layers are %v and %v", a.layer, b.layer)
	}
	r.says(a, "select a")
	srv := r.servers[0].socket
	if srv.layer != theirs || srv.loop != a.loop {
		t.Fatalf("the server's layer is %v", srv.layer)
	}
	srv.layer = nil
	r.says(b, "select b")
	if srv.layer != theirs || srv.loop != b.loop {
		t.Errorf("the server's layer is %v after it has moved", srv.layer)
	}
	for _, l := range r.loops {
		l.shard.Tick(r.now)
		for _, op := range l.shard.ops[:cap(l.shard.ops)] {
			if op.Layer != nil {
				t.Error("a layer is kept among the operations of an earlier turn")
			}
		}
	}
}
