package poolhandler

import "time"

const (
	// maxLogins bounds the logins that run at once. One costs a goroutine and buffers, some 30 KiB, so all of them
	// 30 MiB; SCRAM's arithmetic is 10 µs after a user's first login. Those that wait for their turn hold their
	// socket and a goroutine; theLimit bounds them.
	maxLogins = 1024
	// maxRefusals bounds the clients that are being told at once that there is no room. It has to fit many times
	// between the share of servers and the limit of descriptors; more clients are closed without a word.
	maxRefusals = 16
)

// logins bounds how many clients log in at once.
type logins struct {
	turns    chan struct{} // holds one for each login that runs
	refusals chan struct{}
}

func (l *logins) init() {
	l.turns = make(chan struct{}, maxLogins)
	l.refusals = make(chan struct{}, maxRefusals)
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

// enterRefusal takes a turn to tell a client that there is no room, if there is one.
func (l *logins) enterRefusal() bool {
	select {
	case l.refusals <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l *logins) leaveRefusal() { <-l.refusals }
