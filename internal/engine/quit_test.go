package engine

import "testing"

// Terminate ends a client when what it has asked before has been done, whether or not it stays to hear the answers.
func TestTerminateBehindAQuery(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "select a")
	s1 := r.servers[0]
	r.note("a waits for its answer, and gets it")
	s1.mute = true
	r.says(a, "commit", "Terminate:")
	s1.mute = false
	r.settle()
	r.note("b does not: nothing is cancelled")
	b := r.client("b")
	s1.mute = true
	r.says(b, "commit", "Terminate:")
	r.leaves(b)
	r.note("c has not got the server yet")
	c := r.client("c")
	r.says(c, "commit", "Terminate:")
	r.leaves(c)
	s1.mute = false
	r.settle()
	r.note("what is open is rolled back")
	d := r.client("d")
	r.says(d, "begin", "Terminate:")
	r.note("e has said nothing of leaving")
	e := r.client("e")
	r.says(e, "hang")
	r.leaves(e)
	r.compare()
}
