package routing

import (
	"math"
	"testing"
	"time"
)

func TestAReplicaIsFreshOnceItHasReplayedALaterSample(t *testing.T) {
	r := trio(t, usual)
	written := r.mark // a session writes at position 150 now
	r.readersAre(written, ReadsReplica)
	r.isPrimary("a", 1, 160)
	r.isReplica("b", 1, 159)
	r.readersAre(written, ReadsReplica)
	r.readersAre(written, ReadsPreferReplica) // where writes go
	r.readersAre(written, ReadsAny, "a")
	if !r.isReplica("b", 1, 160) {
		t.Error("it is no change")
	}
	r.readersAre(written, ReadsReplica, "b")
	r.readersAre(written, ReadsAny, "a", "b")
	r.readersAre(0, ReadsReplica, "b", "c")
	if s := r.of("a"); s.Fresh != math.MaxUint64 {
		t.Errorf("%+v", s)
	}
}

func TestTheOrderOfReportsDoesNotMatter(t *testing.T) {
	r := trio(t, usual)
	r.isReplica("b", 1, 200)
	r.isPrimary("a", 1, 180)
	r.readersAre(r.mark-1, ReadsReplica, "b")
}

func TestLagGrowsAndIsTooMuch(t *testing.T) {
	s := usual
	s.MaxLag = 10 * time.Second
	r := trio(t, s)
	r.isPrimary("a", 1, 200)
	r.isReplica("b", 1, 150)
	r.isReplica("c", 1, 200)
	r.pass(10 * time.Second)
	if s := r.of("b"); s.Lag != 10*time.Second || !s.HasLag || s.TooLate {
		t.Errorf("%+v", s)
	}
	if r.now++; !r.Tick(r.now) {
		t.Error("being too late is no change")
	}
	if s := r.of("b"); !s.TooLate {
		t.Errorf("%+v", s)
	}
	r.readersAre(0, ReadsReplica, "c")
	r.isReplica("b", 1, 200)
	r.readersAre(0, ReadsReplica, "b", "c")
}

func TestAnUnknownLagIsTooMuchOnlyWhereItCouldBeKnown(t *testing.T) {
	s := usual
	s.MaxLag = 10 * time.Second
	list := []Declared{{"a", Primary, 1}, {"b", Replica, 1}}
	r := track(t, s, list...)
	r.readersAre(0, ReadsReplica)
	r.isSilent("a")
	r.isSilent("a")
	r.primaryIs("")
	r.readersAre(0, ReadsReplica, "b") // without a primary reads go on
	if s := r.of("b"); s.HasLag {
		t.Errorf("%+v", s)
	}

	s.Interval = 0
	r = track(t, s, list...)
	r.readersAre(0, ReadsReplica, "b")

	s.Interval, s.MaxLag = time.Second, 0
	r = track(t, s, list...)
	r.readersAre(0, ReadsReplica, "b")
}

func TestReplicasAreReadWhileThePrimaryIsDown(t *testing.T) {
	s := usual
	s.MaxLag = 10 * time.Second
	r := trio(t, s)
	r.isPrimary("a", 1, 200)
	r.isReplica("b", 1, 200)
	r.isSilent("a")
	r.isSilent("a")
	r.pass(time.Hour)
	r.readersAre(r.mark-1, ReadsReplica, "b") // what it has replayed remains true
	r.readersAre(0, ReadsReplica, "b", "c")
	if s := r.of("c"); s.HasLag || s.TooLate {
		t.Errorf("%+v", s)
	}
}

func TestAfterAFailoverAReplicaIsFreshOnceItFollows(t *testing.T) {
	r := trio(t, usual)
	written := r.mark - 1
	r.readersAre(written, ReadsReplica, "b", "c")
	r.isReplica("c", 1, 130) // further than b, which is promoted at 120 though
	r.isPrimary("b", 2, 125)
	r.readersAre(written, ReadsReplica)
	r.isReplica("c", 1, 130)
	r.readersAre(written, ReadsReplica)
	r.isReplica("c", 2, 125)
	r.readersAre(written, ReadsReplica, "c")
}

func TestAReplicaThatMayHaveBegunAnewIsNotFreshUntilItTells(t *testing.T) {
	for name, shake := range map[string]func(*rig){
		"a dial failed":        func(r *rig) { r.Failed(r.now, "b") },
		"it ended connections": func(r *rig) { r.Ended(r.now, "b") },
		"a probe failed":       func(r *rig) { r.isSilent("b") },
	} {
		r := trio(t, usual)
		r.readersAre(r.mark-1, ReadsReplica, "b", "c")
		shake(r)
		if s := r.of("b"); !s.Up || s.Fresh != 0 || s.HasLag {
			t.Errorf("%s: %+v", name, s)
		}
		r.isReplica("b", 1, 90)
		r.readersAre(r.mark-1, ReadsReplica, "c")
	}
}

func TestAReplicaOfUnknownTimelineRemainsAsFreshAsItWas(t *testing.T) {
	r := trio(t, usual)
	r.isReplica("b", 0, 100)
	r.isPrimary("a", 1, 200)
	late := r.mark - 1
	r.isReplica("c", 1, 200)
	r.readersAre(late, ReadsReplica, "c")
	r.isSilent("a")
	r.isSilent("a")
	r.readersAre(late-1, ReadsReplica, "b", "c")
	r.isReplica("b", 0, 300) // of which timeline?
	r.readersAre(late-1, ReadsReplica, "b", "c")
	r.readersAre(late, ReadsReplica, "c")
	r.isReplica("b", 0, 99) // it has begun anew
	r.readersAre(late-1, ReadsReplica, "c")
}

func TestSamplesOfOneWhoIsNoLongerPrimaryAreForgotten(t *testing.T) {
	r := trio(t, usual)
	r.isReplica("a", 1, 100)
	r.readersAre(r.mark-1, ReadsReplica)
	r.readersAre(0, ReadsReplica, "a", "b", "c")
}

func TestThePrimaryOfANewTimelineIsAnotherOne(t *testing.T) {
	r := trio(t, usual)
	r.isPrimary("a", 2, 150)
	r.isReplica("b", 1, 200)
	r.readersAre(r.mark-1, ReadsReplica)
	r.isReplica("b", 2, 150)
	r.readersAre(r.mark-1, ReadsReplica, "b")
}

func TestAPositionAskedForWithoutAMarkIsNoSample(t *testing.T) {
	r := track(t, usual, auto("a", "b")...)
	r.probed(Report{Address: "a", Timeline: 1, System: 1, Position: 100})
	r.isReplica("b", 1, 100)
	if s := r.of("b"); s.Fresh != 0 || s.HasLag {
		t.Errorf("%+v", s)
	}
}

// What a transaction that is open has written, and nobody flushes, makes a replica not late, though it is not fresh.
func TestWhatIsNotFlushedMakesNobodyLate(t *testing.T) {
	s := usual
	s.MaxLag = 10 * time.Second
	r := trio(t, s)
	written := r.mark
	r.mark++
	r.probed(Report{Address: "a", Timeline: 1, System: 1, Position: 500, Flushed: 200, Mark: r.mark})
	r.isReplica("b", 1, 200)
	r.pass(11 * time.Second)
	if s := r.of("b"); s.Lag != 0 || !s.HasLag || s.TooLate {
		t.Errorf("%+v", s)
	}
	r.readersAre(0, ReadsReplica, "b")
	r.readersAre(written, ReadsReplica)
}
