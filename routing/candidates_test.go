package routing

import (
	"testing"
	"time"
)

func TestWithoutProbesThoseOfUnknownRoleStandForThePrimary(t *testing.T) {
	s := Settings{}
	r := track(t, s, auto("a", "b")...)
	r.transactionsGoTo("a", "b")
	if target := r.Topology(r.now).WriteTarget(); target != 0 {
		t.Errorf("writes go to %d", target)
	}
	r.readersAre(0, ReadsAny, "a")
	r.readersAre(7, ReadsAny, "a")
	r = track(t, s, Declared{"a", Unknown, 1}, Declared{"b", Replica, 1})
	r.transactionsGoTo("a")
	r.readersAre(0, ReadsPreferReplica, "b")
}

func TestOneThatWasNotAskedYetIsAwaitedUnlessItIsTheOnlyOne(t *testing.T) {
	track(t, usual, auto("a")...).transactionsGoTo("a")
	r := track(t, usual, auto("a", "b")...)
	r.transactionsGoTo()
	r.isMute("a")
	r.transactionsGoTo("a") // nobody tells
	r.isReplica("b", 1, 100)
	r.transactionsGoTo() // somebody does, so a will
	r.isPrimary("a", 1, 100)
	r.transactionsGoTo("a")
}

func TestADoubtedOneDoesNotStandForThePrimary(t *testing.T) {
	r := track(t, usual, auto("a", "b")...)
	r.isPrimary("a", 2, 100)
	r.Declare(r.now, usual, auto("b", "c"))
	r.isPrimary("b", 1, 100)
	r.isMute("c")
	r.roleIs("b", Unknown, true)
	r.transactionsGoTo() // c may be anything, and b is not it
}

func TestWhereThereCanBeNoPrimaryReplicasGetTransactions(t *testing.T) {
	s := usual
	s.MaxLag = time.Second
	r := track(t, s, Declared{"a", Replica, 1}, Declared{"b", Replica, 1})
	r.transactionsGoTo("a", "b")
	if target := r.Topology(r.now).WriteTarget(); target != -1 {
		t.Errorf("writes go to %d", target)
	}
	r = track(t, s, auto("a", "b")...)
	r.isReplica("a", 1, 100)
	r.transactionsGoTo() // b may be it
	r.isReplica("b", 1, 100)
	r.transactionsGoTo("a", "b") // there never was one
	r.isPrimary("b", 2, 100)
	r.transactionsGoTo("b")
	r.isReplica("b", 2, 100)
	r.transactionsGoTo() // there was one
	r = track(t, s, Declared{"a", Primary, 1}, Declared{"b", Replica, 1})
	r.isReplica("a", 1, 100)
	r.transactionsGoTo() // there is to be one
}

func TestReadsWaitOnlyWhereTheyMustNotGoToThePrimary(t *testing.T) {
	r := trio(t, usual)
	for prefer, want := range map[Reads]bool{ReadsPreferReplica: false, ReadsReplica: true, ReadsPrimary: false, ReadsAny: false} {
		if _, wait := r.Topology(r.now).ReadCandidates([]int{9}, 1<<40, prefer); wait != want {
			t.Errorf("%v waits: %v", prefer, wait)
		}
	}
	r.readersAre(0, ReadsPrimary)
	r.readersAre(0, ReadsAny, "a", "b", "c")
	r.readersAre(0, ReadsPreferReplica, "b", "c")
}

func TestThoseThatAreDownOrBrokenAreNoCandidates(t *testing.T) {
	r := trio(t, usual)
	r.isSilent("b")
	r.isSilent("b")
	r.readersAre(0, ReadsReplica, "c")
	s := usual
	s.Fails = 100
	r = trio(t, s)
	for range 3 {
		r.Failed(r.now, "c")
	}
	r.readersAre(0, ReadsReplica, "b")
	r.pass(4 * time.Second) // half open
	r.readersAre(0, ReadsReplica, "b", "c")
	state := State{Role: Replica, Up: true}
	if state.reads(0) {
		t.Error("one without weight is read")
	}
}

func TestCandidatesAreAppendedWithoutAllocation(t *testing.T) {
	r := trio(t, usual)
	topology, room := r.Topology(r.now), make([]int, 0, 8)
	if got, _ := topology.transactionCandidates([]int{9}); len(got) != 2 || got[0] != 9 || got[1] != 0 {
		t.Error(got)
	}
	n := testing.AllocsPerRun(100, func() {
		topology.ReadCandidates(room, 1, ReadsAny)
		topology.transactionCandidates(room)
		topology.WriteTarget()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestReadsAreWrittenAsConfigured(t *testing.T) {
	for r, want := range map[Reads]string{ReadsPreferReplica: "prefer_replica", ReadsReplica: "replica", ReadsPrimary: "primary",
		ReadsAny: "any"} {
		if r.String() != want {
			t.Errorf("%v, not %s", r, want)
		}
	}
}

func BenchmarkReadCandidates(b *testing.B) {
	k := NewTracker(usual)
	k.Declare(1, usual, auto("a", "b", "c"))
	k.Probed(1, Report{Address: "a", Timeline: 1, Position: 100, Mark: 2})
	k.Probed(1, Report{Address: "b", InRecovery: true, Timeline: 1, Position: 100})
	k.Probed(1, Report{Address: "c", InRecovery: true, Timeline: 1, Position: 100})
	topology, room := k.Topology(1), make([]int, 0, 8)
	for b.Loop() {
		if got, _ := topology.ReadCandidates(room, 1, ReadsPreferReplica); len(got) != 2 {
			b.Fatal(got)
		}
	}
}
