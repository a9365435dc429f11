package querycache

import (
	"fmt"
	"testing"
)

// ask asks for a key as a client does: a hit, or a miss whose reply is kept if it is admitted. It reports whether that was kept.
func (c cached) ask(key string) (hit, kept bool) {
	if c.get(key, 0) != "-" {
		return true, false
	}
	return false, c.admits(key) && c.put(key, c.reply("reply", 10, "t"))
}

// once asks for that many keys that nobody asks for again, and tells how many were kept.
func (c cached) once(what string, n int) (kept int) {
	for i := range n {
		if _, k := c.ask(fmt.Sprint(what, " ", i)); k {
			kept++
		}
	}
	return kept
}

// enough is so many that all probes have been counted, and as many as count: with luck on no side.
const enough = 3 * probeShare * (probesOpen + probesCounted)

// A cache takes all that comes, until it turns out that nobody asks for it again; then it takes next to nothing the first time.
func TestWhatIsAskedForOnceIsNotKeptForLong(t *testing.T) {
	c := newCached(t, 1<<30)
	if kept := c.once("first", 1000); kept != 1000 {
		t.Errorf("of the first 1000 replies %d are kept", kept)
	}
	c.once("more", enough)
	if kept := c.once("last", 10000); kept > 2*10000/probeShare {
		t.Errorf("when nothing has ever been asked for again, %d of 10000 are kept", kept)
	}
	if c.ask("twice"); !c.admits("twice") {
		t.Error("what is asked for again is not kept")
	}
}

// When what was kept is asked for again, all is kept again.
func TestACacheIsOfUseAgain(t *testing.T) {
	c := newCached(t, 1<<30)
	c.once("first", enough)
	for i := range enough {
		key := fmt.Sprint("again ", i)
		c.ask(key)
		c.ask(key)
		if hit, _ := c.ask(key); !hit {
			t.Fatalf("%s is no hit the third time", key)
		}
	}
	if kept := c.once("last", 100); kept != 100 {
		t.Errorf("of 100 replies %d are kept", kept)
	}
}

// The bound: as many probes as leastUseful are enough, and one less is not. Those that the clock has taken the uses from were of use as well.
func TestHowManyProbesAreOfUse(t *testing.T) {
	for _, useful := range []int{leastUseful - 1, leastUseful} {
		p := probes{useful: 1<<probesCounted - 1}
		for i := range probesCounted {
			e := &Entry{served: i < useful/2}
			if i >= useful/2 && i < useful {
				e.use()
			}
			p.add(e)
		}
		for range probesOpen {
			p.add(&Entry{})
		}
		if got, want := p.particular.Load(), useful < leastUseful; got != want {
			t.Errorf("with %d useful probes of %d it is particular: %v", useful, probesCounted, got)
		}
	}
}
