// Package looptest checks that a loop.Driver keeps the promises of package loop. Every driver runs it:
//
//	func TestDriver(t *testing.T) {
//	    looptest.Run(t, func(t *testing.T) loop.Driver { … })
//	}
//
// The tests drive the loop themselves, turn by turn, on one locked thread, and hold the far end of each connection
// too; there are no goroutines but where Wake is tested. A rig (see rig.go) checks at every event what
// must hold always: that it belongs to a living connection, that nothing follows the end, that Congested and Drained
// alternate; and it scribbles over everything that a driver must not look at any more.
package looptest

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// seedFlag repeats a failure.
var seedFlag = flag.Uint64("looptest.seed", 0, "seed of the random tests; 0 takes one from the clock")

// Open opens a driver. It is called on the locked thread that will drive it, and may skip the test.
type Open func(t *testing.T) loop.Driver

// RunOver runs the suite over the connections of one Net.
func RunOver(t *testing.T, open Open, net Net) {
	for _, p := range promises {
		if _, listens := net.(Listens); p.socketsOnly && !net.Sockets() || p.listens && !listens {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			// A ring belongs to a thread, and raw system calls should not move about.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			p.check(newRig(t, open, net))
		})
	}
}

// promise is one sentence of package loop's documentation, and its test.
type promise struct {
	name  string
	check func(*rig)
	// socketsOnly needs the system: its descriptors, its threads, its clock, its buffers.
	socketsOnly bool
	// listens needs a Net that Listens.
	listens bool
}

var promises = []promise{
	{name: "Echo", check: echo},
	{name: "BytesSplitAnywhere", check: bytesSplitAnywhere},
	{name: "BytesThatCameBeforeAttach", check: bytesBeforeAttach},
	{name: "SendsOfOneTurnArriveInOrder", check: sendsInOrder},
	{name: "LargeSendsOfOneTurnArriveInOrder", check: largeSendsInOrder},
	{name: "DataIsValidUntilSubmit", check: dataValidUntilSubmit},
	{name: "EmptySendSendsNothing", check: emptySend},

	{name: "SlowReaderCongestsAndDrains", check: slowReader},
	{name: "PauseBoundsWhatIsReceived", check: pauseBounds},
	{name: "PauseAndResumeLoseNothing", check: pauseResume},
	{name: "BusyConnectionStarvesNobody", check: fairness, socketsOnly: true},

	{name: "EndedComesLast", check: endedComesLast},
	{name: "HalfClosedConnectionCanSend", check: halfClosedSends},
	{name: "ResetFails", check: resetFails},
	{name: "SendToTheGoneFails", check: sendToGone},
	{name: "LastWordsAreHeard", check: lastWords},
	{name: "CongestedConnectionFails", check: congestedFails},

	{name: "FinishFlushesThenCloses", check: finishFlushes},
	{name: "FinishWithNothingKept", check: finishAtOnce},
	{name: "FinishSurvivesUnreadInput", check: finishUnreadInput},
	{name: "CloseEndsAtOnce", check: closeAtOnce},
	{name: "CloseEndsAFinish", check: closeEndsFinish},
	{name: "CloseOfTheClosedDoesNothing", check: closeClosed},
	{name: "SlotIsReused", check: slotReuse},
	{name: "SlotAtCapacity", check: slotAtCapacity},

	{name: "DetachGivesTheSocketBack", check: detach},
	{name: "DetachedSocketMovesBetweenDrivers", check: detachMoves},
	{name: "DetachAfterTheEnd", check: detachAfterEnd},

	{name: "ListenAcceptsWhoConnects", check: acceptsAll, listens: true},
	{name: "AcceptedSocketsWork", check: acceptedWorks, listens: true},
	{name: "LoopsShareAListeningSocket", check: listenersShare, listens: true},
	{name: "DetachEndsListening", check: detachListening, listens: true},
	{name: "CloseEndsListening", check: closeListening, listens: true},
	{name: "ListeningFailsForLackOfDescriptors", check: listenWithoutRoom, listens: true},
	{name: "AcceptingStarvesNobody", check: acceptStarvesNobody, listens: true},
	{name: "ListeningLeaksNothing", check: listenNoLeak, listens: true},

	{name: "DeadlineIsHonoured", check: deadline, socketsOnly: true},
	{name: "ClockNeverGoesBack", check: clock},
	{name: "WakeWhileAsleep", check: wakeAsleep, socketsOnly: true},
	{name: "WakesAreNotLost", check: wakesNotLost, socketsOnly: true},
	{name: "WakesCoalesce", check: wakesCoalesce},
	{name: "WakeAfterClose", check: wakeAfterClose},

	{name: "ManyConnections", check: manyConnections},
	{name: "RandomLives", check: randomLives},
	{name: "NoAllocationPerMessage", check: noAllocation, socketsOnly: true},
	{name: "CloseClosesEverything", check: closeDriver},
	{name: "NoDescriptorLeaks", check: noLeak, socketsOnly: true},
}

// random returns the numbers of a test, and sees to it that its failure tells the seed.
func (r *rig) random() *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("to repeat: -looptest.seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}
