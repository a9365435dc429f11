package routing

import "testing"

// stranger is a report of a server of another cluster.
func stranger(address string, recovery bool, timeline uint32) Report {
	return Report{Address: address, InRecovery: recovery, Timeline: timeline, System: 2, Position: 1 << 40, Mark: 1 << 40}
}

func TestAPrimaryOfAnotherClusterIsNotBelieved(t *testing.T) {
	r := trio(t, usual)
	r.probed(stranger("c", false, 9)) // its timeline has nothing to do with ours
	r.primaryIs("a")
	r.happenedTo("c", EventRole, EventDoubted, EventStranger)
	r.isSilent("a")
	r.isSilent("a")
	r.primaryIs("") // not even now
	r.transactionsGoTo()
	r.isPrimary("b", 2, 120)
	r.primaryIs("b")
}

func TestAReplicaOfAnotherClusterGetsNoReads(t *testing.T) {
	r := trio(t, usual)
	r.probed(stranger("c", true, 9))
	r.primaryIs("a")
	r.readersAre(0, ReadsAny, "a", "b")
	r.happenedTo("c", EventRole, EventStranger)
}

func TestADeclaredReplicaOfAnotherClusterIsReadButNeverFresh(t *testing.T) {
	r := track(t, usual, Declared{"a", Unknown, 1}, Declared{"b", Replica, 1})
	r.isPrimary("a", 1, 100)
	r.probed(stranger("b", true, 1))
	r.readersAre(0, ReadsReplica, "b")
	r.readersAre(1, ReadsReplica)
}

func TestAReplicaThatIsHeardOfFirstDoesNotSetTheTimeline(t *testing.T) {
	r := track(t, usual, auto("a", "b")...)
	r.probed(stranger("b", true, 9))
	r.isPrimary("a", 1, 100)
	r.primaryIs("a")
}

func TestTheClusterBehindTheAddressOfThePrimaryMayBeReplaced(t *testing.T) {
	r := trio(t, usual)
	r.isPrimary("a", 5, 100)
	r.probed(stranger("a", false, 1)) // by one of a new major version, for instance
	r.primaryIs("a")
	r.readersAre(0, ReadsReplica) // its replicas are still of the old one
	r.probed(stranger("b", true, 1))
	r.readersAre(0, ReadsReplica, "b")
}

func TestAnotherClusterIsBelievedWhenNobodyOfTheOldOneIsLeft(t *testing.T) {
	r := trio(t, usual)
	r.isPrimary("a", 5, 100)
	r.Declare(r.now, usual, auto("a", "x"))
	r.probed(stranger("x", false, 1))
	r.primaryIs("a")
	r.Declare(r.now, usual, auto("x"))
	r.primaryIs("x")
}
