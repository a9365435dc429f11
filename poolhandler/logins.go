package poolhandler

import (
	"sync/atomic"
	"time"
)

// maxLogins bounds the logins that run at once. One costs a goroutine and buffers, some 30 KiB, so all of them
// 30 MiB; SCRAM's arithmetic is 10 µs after a user's first login. Those that wait for their turn, or have said nothing
// yet, hold their socket and a goroutine; theLimit bounds them.
const maxLogins = 1024

// maxConsoleLogins bounds those of the console, which have turns of their own: an operator comes in while everybody else wants to.
const maxConsoleLogins = 32

// logins bounds how many clients log in at once.
type logins struct {
	turns                 // of clients of pools
	console  turns        // of clients of the console
	refusals atomic.Int64 // clients being told that there is no room
}

func (l *logins) init() {
	l.turns, l.console = make(turns, maxLogins), make(turns, maxConsoleLogins)
}

// turns holds one for each login that runs.
type turns chan struct{}

// enter waits for a turn until the deadline, and tells whether it came.
func (t turns) enter(deadline time.Time) bool {
	select {
	case t <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(time.Until(deadline))
	defer patience.Stop()
	select {
	case t <- struct{}{}:
		return true
	case <-patience.C:
		return false
	}
}

func (t turns) leave() { <-t }

// enterRefusal takes a turn to tell a client that there is no room, if not too many are being told.
func (l *logins) enterRefusal() bool {
	if l.refusals.Add(1) <= theLimit.refusals() {
		return true
	}
	l.refusals.Add(-1)
	return false
}

func (l *logins) leaveRefusal() { l.refusals.Add(-1) }
