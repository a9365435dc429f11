package engine

import (
	"strings"
	"testing"
)

// What all clients hold while they wait is bounded: past the bound the one who sends more is refused, with 53200, and
// nobody else notices. What has been taken up counts no longer.
func TestWhatClientsHoldIsBounded(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.loops[0].shard.heldMax = 3 * smallestChunk
	a, b, c, d := r.client("a"), r.client("b"), r.client("c"), r.client("d")
	r.note("a has the only server; b and c wait, with as much as is kept for all")
	r.says(a, "begin")
	r.says(b, "b "+strings.Repeat("x", 40))
	r.says(c, "c "+strings.Repeat("x", 2*smallestChunk-100))
	r.note("d's query is one too many")
	r.says(d, "d")
	r.note("a is done; so are b and c")
	r.says(a, "commit")
	if used := r.loops[0].shard.held.used; used != 0 {
		t.Errorf("%d bytes are held when nobody waits", used)
	}
	r.compare()
}
