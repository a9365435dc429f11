package routing

import (
	"testing"
	"time"
)

func TestOneOfWhichNothingIsKnownIsUp(t *testing.T) {
	r := track(t, usual, auto("a")...)
	r.upIs("a", true)
	r.transactionsGoTo("a")
}

func TestItIsDownAfterFailsProbesInARow(t *testing.T) {
	s := usual
	s.Fails = 3
	r := track(t, s, auto("a")...)
	r.isSilent("a")
	r.isSilent("a")
	r.isPrimary("a", 1, 100) // ends the row
	r.isSilent("a")
	r.isSilent("a")
	r.upIs("a", true)
	r.primaryIs("a")
	r.now++
	if !r.isSilent("a") {
		t.Error("going down is no change")
	}
	r.upIs("a", false)
	r.primaryIs("")
	r.transactionsGoTo()
	if s := r.of("a"); s.Why != "no answer" || s.Since != r.now || s.Probes != 6 || s.Failures != 5 || s.Role != Primary {
		t.Errorf("%+v", s)
	}
}

func TestItIsUpAgainAfterPassesProbesInARow(t *testing.T) {
	s := usual
	s.Passes = 3
	r := track(t, s, auto("a")...)
	r.isSilent("a")
	r.isSilent("a")
	r.isPrimary("a", 1, 100)
	r.isPrimary("a", 1, 100)
	r.isSilent("a") // ends the row
	r.isPrimary("a", 1, 100)
	r.isPrimary("a", 1, 100)
	r.upIs("a", false)
	r.isPrimary("a", 1, 100)
	r.upIs("a", true)
	r.primaryIs("a")
	if s := r.of("a"); s.Why != "" {
		t.Errorf("it is up, and not up because %q", s.Why)
	}
	r.happenedTo("a", EventDown, EventRole, EventUp, EventPrimary)
}

func TestPassiveFailuresCountWithThoseOfProbes(t *testing.T) {
	for name, fail := range map[string]func(*rig){
		"a dial":               func(r *rig) { r.Failed(r.now, "a") },
		"a probe not answered": func(r *rig) { r.isSilent("a") },
	} {
		r := track(t, usual, auto("a")...)
		r.isPrimary("a", 1, 100)
		r.Ended(r.now, "a")
		r.upIs("a", true)
		fail(r)
		if r.of("a").Up {
			t.Errorf("%s and an ended connection leave it up", name)
		}
	}
}

func TestConnectionsThatEndAreOneFailureHoweverMany(t *testing.T) {
	r := track(t, usual, auto("a")...)
	for range 50 { // somebody calls pg_terminate_backend
		r.Ended(r.now, "a")
	}
	r.upIs("a", true)
	r.Failed(r.now, "a") // it does go away
	r.upIs("a", false)
	if why := r.of("a").Why; why != "connecting to it fails" {
		t.Error(why)
	}
}

func TestAnAnsweredProbeForgivesAll(t *testing.T) {
	r := track(t, usual, auto("a")...)
	for range 5 {
		r.Ended(r.now, "a")
		r.isPrimary("a", 1, 100)
		r.isSilent("a")
		r.isPrimary("a", 1, 100)
	}
	r.upIs("a", true)
}

func TestAConnectionForgivesTrafficButNotProbes(t *testing.T) {
	r := track(t, usual, auto("a")...)
	for range 3 {
		r.Failed(r.now, "a")
		r.Succeeded(r.now, "a")
		r.Ended(r.now, "a")
		r.Succeeded(r.now, "a")
	}
	r.upIs("a", true)

	r = track(t, usual, auto("a")...)
	r.isSilent("a")
	r.Succeeded(r.now, "a")
	r.isSilent("a")
	r.upIs("a", false)
}

func TestOneThatIsDownReturnsThroughAProbeOnly(t *testing.T) {
	r := track(t, usual, auto("a")...)
	r.Failed(r.now, "a")
	r.Failed(r.now, "a")
	r.upIs("a", false)
	r.Succeeded(r.now, "a")
	r.pass(time.Hour)
	r.upIs("a", false)
	r.isMute("a") // any answer will do
	r.upIs("a", true)
}

func TestWithoutProbesItIsAlwaysUp(t *testing.T) {
	s := usual
	s.Interval = 0
	r := track(t, s, auto("a")...)
	for range 100 {
		r.Failed(r.now, "a")
		r.Ended(r.now, "a")
	}
	r.upIs("a", true)
	if s := r.of("a"); s.Breaker != Open {
		t.Errorf("its breaker is %v", s.Breaker)
	}
	if r.isReplica("a", 1, 1) || r.of("a").Role != Unknown {
		t.Error("a report is taken that nobody can have made")
	}
}

func TestOneThatIsDownWhenProbesAreSwitchedOffIsUp(t *testing.T) {
	r := track(t, usual, auto("a")...)
	r.isReplica("a", 1, 1)
	r.isSilent("a")
	r.isSilent("a")
	s := usual
	s.Interval = -1
	if !r.Declare(r.now, s, auto("a")) {
		t.Error("it is no change")
	}
	r.upIs("a", true)
	r.transactionsGoTo("a") // of what it was nothing is known any more
}

func TestSlowStartGrowsFromASixteenthToAll(t *testing.T) {
	s := usual
	s.SlowStart = 16 * time.Second
	r := track(t, s, Declared{Address: "a", Weight: 3})
	if w := r.of("a").Weight; w != 3*WeightUnit {
		t.Fatalf("it begins with %d", w) // not when it is declared
	}
	r.isSilent("a")
	r.isSilent("a")
	r.isPrimary("a", 1, 1)
	for second, want := range map[int]uint32{0: 48, 4: 48 + 180, 8: 48 + 360, 16: 768, 60: 768} {
		now := r.now + int64(second)*int64(time.Second)
		if w := r.Topology(now).Upstreams[0].Weight; w != want {
			t.Errorf("after %d seconds it has %d and not %d", second, w, want)
		}
	}
}
