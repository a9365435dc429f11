package poolhandler

import (
	"errors"
	"syscall"
	"time"
)

// refrainPatience is how long loops get to let go of a socket: a turn each, or as long as one needs that has met a bug.
const refrainPatience = 2 * time.Second

// answerPatience is how long the last clients get to hear that nobody is here any more.
func answerPatience() time.Duration { return refusalTimeout + 500*time.Millisecond }

// closeEntrances closes sockets for good, and takes and tells who is in their queues. With mu held.
func (p *process) closeEntrances(r *running, closing []*entrance) {
	p.giveUp(r, closing, func(l *entrance) {
		l.empty(p)
		p.shut(l)
	})
}

// yieldEntrances leaves to others, when the process ends, what they listen on too: a descriptor that systemd keeps open, at
// which clients wait for the next process; and ports that another process has as well, which is this one's successor.
func (p *process) yieldEntrances(r *running) {
	var kept, shared []*entrance
	for _, l := range p.entrances.unused(nil) {
		switch {
		case l.address.Network == "fd":
			kept = append(kept, l)
		case l.address.Port != 0 && sharersOf(l.fd) > 1:
			shared = append(shared, l)
		}
	}
	p.giveUp(r, kept, func(l *entrance) {
		setBacklog(l.fd, somaxconn())
		p.shut(l)
	})
	p.giveUp(r, shared, func(l *entrance) {
		p.entrances.answering.Add(1)
		steered := l.steerAway(p)
		go func() {
			defer p.entrances.answering.Add(-1)
			for end := time.Now().Add(handshakePatience); steered && time.Now().Before(end); l.await(10 * time.Millisecond) {
				l.empty(p)
			}
			l.empty(p)
			p.shut(l)
		}()
	})
}

// giveUp has the loops let go of sockets, and does with each what is last to be done.
func (p *process) giveUp(r *running, closing []*entrance, last func(*entrance)) {
	gone := make([]<-chan struct{}, len(closing))
	for i, l := range closing {
		delete(p.entrances.open, l.address.String())
		l.unlink()
		gone[i] = r.Refrain(l.name)
	}
	patience := time.NewTimer(refrainPatience)
	defer patience.Stop()
	for i, l := range closing {
		select {
		case <-gone[i]:
			last(l)
		case <-patience.C:
			patience.Reset(0) // it was for all of them together
			go func() { <-gone[i]; last(l) }()
		}
	}
}

// shut closes a socket that nobody accepts from any more.
func (p *process) shut(l *entrance) {
	closeFD(l.fd)
	p.entrances.named.Delete(l.name)
}

// empty accepts and answers everybody who is in the queue of a socket that no loop accepts from.
func (l *entrance) empty(p *process) {
	for {
		fd, err := acceptFD(l.fd)
		switch {
		case err == nil:
			p.accepted(l.name, fd)
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			time.Sleep(rescuePause)
			if p.entrances.answering.Load() == 0 {
				return // nobody is going to make room
			}
		case errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EINTR):
		default:
			return
		}
	}
}
