package uring

import "testing"

const long, brief = 1_000_000, 1_000

// An idle loop goes to sleep at once.
func TestNoPatienceAtFirst(t *testing.T) {
	var p patience
	if n := p.looks(long); n != 0 {
		t.Errorf("%d looks, want none", n)
	}
}

func TestBriefSleepsEarnPatience(t *testing.T) {
	var p patience
	p.slept(brief)
	if n := p.looks(long); n != maxLooks {
		t.Errorf("%d looks after a brief sleep, want %d", n, maxLooks)
	}
	p.slept(long)
	if n := p.looks(long); n != 0 {
		t.Errorf("%d looks after a long sleep, want none", n)
	}
}

// However much was earned, a few long sleeps end it: an idle loop does not ask.
func TestPatienceIsLost(t *testing.T) {
	var p patience
	for range 1000 {
		p.found()
	}
	for n := 0; p.looks(long) > 0; n++ {
		if n == 4 {
			t.Fatalf("still patient after %d long sleeps", n)
		}
		p.slept(long)
	}
}

// A deadline that has passed does not keep the loop from looking.
func TestTriesOnceWhenLate(t *testing.T) {
	var p patience
	for range 3 {
		if n := p.looks(0); n != 1 {
			t.Errorf("%d looks, want 1", n)
		}
		p.slept(brief)
	}
}
