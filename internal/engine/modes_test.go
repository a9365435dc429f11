package engine

import (
	"testing"
	"time"
)

// A client that has its server in pool_mode session gives it back at the end of its transaction when the mode is another one, after Postgres
// has been asked what it has left there; one that has a transaction open, at its end.
func TestPoolModeIsChanged(t *testing.T) {
	p := onePool(2)
	p.Mode = Session
	r := newRig(t, 1, p)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "select 1")
	r.says(b, "begin")
	r.says(c, "select 1")
	r.note("a, which rests, gives its server to c at once; b keeps its own to the end of its transaction")
	p.Mode = Transaction
	r.apply(p)
	r.pass(100 * time.Millisecond)
	r.says(b, "commit")
	r.pass(100 * time.Millisecond)
	r.note("and back: whoever gets a server now keeps it")
	p.Mode = Session
	r.apply(p)
	r.says(a, "select 2")
	r.says(b, "select 2")
	r.says(c, "select 2")
	r.leaves(a)
	r.compare()
}
