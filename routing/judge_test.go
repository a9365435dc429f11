package routing

import (
	"testing"
	"time"
)

// cluster of a primary a with two replicas, all known.
func trio(t *testing.T, s Settings) *rig {
	t.Helper()
	r := track(t, s, auto("a", "b", "c")...)
	r.isPrimary("a", 1, 100)
	r.isReplica("b", 1, 100)
	r.isReplica("c", 1, 100)
	r.primaryIs("a")
	r.Events()
	return r
}

func (r *rig) roleIs(address string, want Role, doubted bool) {
	r.t.Helper()
	if s := r.of(address); s.Role != want || s.Doubted != doubted {
		r.t.Fatalf("%s is %v, doubted: %v", address, word(s.Role), s.Doubted)
	}
}

// TestFailoverTakesOneProbe: of the new primary, whether the old one is down or not, and however many probes it takes to be up.
func TestFailoverTakesOneProbe(t *testing.T) {
	for _, passes := range []int{1, 5} {
		s := usual
		s.Passes, s.Fails = passes, passes
		r := trio(t, s)
		if !r.isPrimary("b", 2, 120) {
			t.Error("it is no change")
		}
		r.primaryIs("b")
		r.transactionsGoTo("b")
		r.roleIs("a", Unknown, true)
		r.happenedTo("b", EventRole, EventPrimary)
	}
}

// TestADeadPrimaryTakesFailsProbesOrAFewDials: after that nobody waits for it, and the probe that finds the new one is the first
// after its promotion. So a failover is followed within the interval in which it happens.
func TestADeadPrimaryTakesFailsProbesOrAFewDials(t *testing.T) {
	r := trio(t, usual)
	r.isSilent("a")
	r.primaryIs("a")
	r.isSilent("a")
	r.primaryIs("")
	r.roleIs("a", Primary, false) // as far as anybody knows
	r.transactionsGoTo()          // they wait
	r.readersAre(0, ReadsPreferReplica, "b", "c")
	r.isPrimary("b", 2, 120)
	r.primaryIs("b")
}

func TestThePrimaryThatIsInRecoveryIsNoneAtOnce(t *testing.T) {
	r := trio(t, usual)
	r.isReplica("a", 1, 100)
	r.primaryIs("")
	r.roleIs("a", Replica, false)
	r.transactionsGoTo() // there was a primary, so another one will be
	r.isPrimary("c", 2, 130)
	r.primaryIs("c")
}

func TestAnOldPrimaryThatReturnsGetsNoWrites(t *testing.T) {
	r := trio(t, usual)
	r.isSilent("a")
	r.isSilent("a")
	r.isPrimary("b", 2, 120)
	r.happenedTo("a", EventDown, EventRole, EventDoubted)
	r.isPrimary("a", 1, 100)
	r.upIs("a", true)
	r.primaryIs("b")
	r.roleIs("a", Unknown, true)
	r.happenedTo("a", EventUp)

	r.isSilent("b") // even while the new one is away,
	r.isSilent("b")
	r.isPrimary("a", 1, 900)
	r.primaryIs("")
	r.transactionsGoTo()
	if target := r.Topology(r.now).WriteTarget(); target != -1 {
		t.Errorf("writes wait for upstream %d", target)
	}
	r.readersAre(0, ReadsAny, "c")

	r.Declare(r.now, usual, auto("a", "c")) // and is no longer declared, as discovery may find
	r.isPrimary("a", 1, 900)
	r.primaryIs("")
	r.transactionsGoTo()
}

func TestAReplicaOnANewerTimelineStopsWritesToTheOldPrimary(t *testing.T) {
	r := trio(t, usual)
	r.isReplica("c", 2, 120) // it follows b, of which we have not heard
	r.primaryIs("")
	r.roleIs("a", Unknown, true)
	r.isPrimary("b", 2, 130)
	r.primaryIs("b")
}

func TestANewerTimelineCountsEvenOfOneThatIsDown(t *testing.T) {
	s := usual
	s.Passes = 3
	r := trio(t, s)
	r.isSilent("b")
	r.isSilent("b")
	r.isPrimary("b", 2, 120)
	r.primaryIs("")
	r.isPrimary("b", 2, 120)
	r.isPrimary("b", 2, 120)
	r.primaryIs("b")
}

func TestOfEqualClaimsTheOneThatWasBelievedStays(t *testing.T) {
	r := track(t, usual, auto("a", "b", "c")...)
	r.isPrimary("b", 1, 100)
	r.isPrimary("a", 1, 100)
	r.isPrimary("c", 1, 100)
	r.primaryIs("b")
	r.roleIs("a", Unknown, true)
	r.isSilent("b")
	r.primaryIs("b")
	r.isSilent("b")
	r.primaryIs("a") // the first declared that is up
	r.isPrimary("b", 1, 100)
	r.primaryIs("a") // it is the one that was believed now
	r.roleIs("b", Unknown, true)
}

func TestAClaimWithoutATimelineIsOlderThanAnyWithOne(t *testing.T) {
	r := track(t, usual, auto("a", "b")...)
	r.isPrimary("a", 0, 100)
	r.primaryIs("a")
	r.isPrimary("b", 1, 100)
	r.primaryIs("b")
	r.isPrimary("a", 0, 100)
	r.primaryIs("b")
}

func TestDeclaredPrimariesAllAre(t *testing.T) {
	list := []Declared{{"a", Primary, 1}, {"b", Primary, 1}, {"c", Unknown, 1}}
	r := track(t, usual, list...)
	r.primaryIs("a")
	r.isPrimary("a", 1, 100)
	r.isPrimary("b", 7, 100) // whatever its timeline
	r.primaryIs("a")
	r.transactionsGoTo("a", "b")
	r.isPrimary("c", 9, 100)
	r.roleIs("c", Unknown, true) // an operator says who is primary
	r.isSilent("a")
	r.isSilent("a")
	r.primaryIs("b")
	r.transactionsGoTo("b")
	r.isReplica("b", 7, 100) // unless it says itself that it is none
	r.roleIs("b", Replica, false)
	r.primaryIs("")
	r.transactionsGoTo()
}

func TestADeclaredReplicaIsNeverPrimary(t *testing.T) {
	r := track(t, usual, Declared{"a", Unknown, 1}, Declared{"b", Replica, 1})
	r.isPrimary("a", 1, 100)
	r.isReplica("b", 1, 100)
	r.Events()
	r.isPrimary("b", 2, 120)
	r.primaryIs("a")
	r.roleIs("b", Replica, true)
	r.happenedTo("b", EventDoubted)
	r.readersAre(0, ReadsReplica, "b")
	r.readersAre(1, ReadsReplica) // it replays nothing
	r.isPrimary("b", 2, 120)
	r.happenedTo("b") // said once
}

func TestAnOperatorMaySayWhoIsPrimary(t *testing.T) {
	r := trio(t, usual)
	r.isPrimary("b", 2, 120)
	list := auto("a", "c")
	list[0].Role = Primary
	r.Declare(r.now, usual, list)
	r.primaryIs("a")
	r.isPrimary("a", 1, 100)
	r.primaryIs("a")
	r.Declare(r.now, usual, auto("a", "c")) // timeline 2 is forgotten
	r.isPrimary("a", 1, 100)
	r.primaryIs("a")
}

func TestOneThatDoesNotTellStaysWhatItWasUnlessSomethingFailed(t *testing.T) {
	r := trio(t, usual)
	r.isMute("a")
	r.isMute("b")
	r.primaryIs("a")
	r.roleIs("b", Replica, false)
	if s := r.of("b"); s.Fresh != 0 || s.HasLag {
		t.Errorf("it has not told up to where it has replayed: %+v", s)
	}
	r.Failed(r.now, "a")
	r.isMute("a") // it may have come back as anything
	r.roleIs("a", Unknown, false)
	r.primaryIs("")
	r.transactionsGoTo()
}

func TestTimeAloneChangesNoRole(t *testing.T) {
	r := trio(t, usual)
	before := r.Topology(r.now)
	r.pass(time.Hour)
	if r.Topology(r.now) != before {
		t.Errorf("%+v", r.Topology(r.now))
	}
}
