package poolhandler

import (
	"sync/atomic"
	"time"
)

// maxLogins bounds the logins that run at once. One costs a goroutine and buffers, some 30 KiB, so all of them
// 30 MiB; SCRAM's arithmetic is 10 µs after a user's first login. Those that wait for their turn, or have said nothing
// yet, hold their socket and a goroutine; theLimit bounds them.
const maxLogins = 1024

// logins bounds how many clients log in at once.
type logins struct {
	turns    chan struct{} // holds one for each login that runs
	refusals atomic.Int64  // clients being told that there is no room
}

func (l *logins) init() {
	l.turns = make(chan struct{}, maxLogins)
}

// enter waits for a turn until the deadline, and tells whether it came.
func (l *logins) enter(deadline time.Time) bool {
	select {
	case l.turns <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(time.Until(deadline))
	defer patience.Stop()
	select {
	case l.turns <- struct{}{}:
		return true
	case <-patience.C:
		return false
	}
}

func (l *logins) leave() { <-l.turns }

// enterRefusal takes a turn to tell a client that there is no room, if not too many are being told.
func (l *logins) enterRefusal() bool {
	if l.refusals.Add(1) <= theLimit.refusals() {
		return true
	}
	l.refusals.Add(-1)
	return false
}

func (l *logins) leaveRefusal() { l.refusals.Add(-1) }
