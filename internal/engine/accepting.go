package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// What a shard does with a socket that it accepts clients from:
//
//	Accept ──▶ listening ── the Host has no room: Detach, Detached; or Failed: Close ──▶ resting
//	             │    ▲                                                                    │
//	             │    └──────────────────────── acceptPause later ─────────────────────────┘
//	             │ Refrain, or the end of the shard: Detach
//	             ▼
//	          Detached ──▶ let go of, once on each shard

// acceptPause is how long a shard accepts nobody when there is no room; clients wait in the kernel's queue.
const acceptPause = 20 * time.Millisecond

// accepting is a shard's part of it.
type accepting struct {
	name uint64
	fd   int
	// conn is the connection as which the driver listens; 0: it rests. leaving: a Detach of it is under way.
	conn    uint64
	leaving bool
	ended   bool // for good
}

// tendAcceptors accepts from the sockets that there are now, and from no others.
func (s *Shard) tendAcceptors() {
	open, ended := s.engine.allAcceptors()
	for _, a := range open {
		if s.accepting[a.name] == nil && !s.stopping {
			s.accepting[a.name] = &accepting{name: a.name, fd: a.fd}
			s.beginAccepting(s.accepting[a.name])
		}
	}
	for _, a := range ended {
		if here := s.accepting[a.name]; here != nil {
			s.endAccepting(here)
		} else {
			s.engine.letGo(a.name, s.index)
		}
	}
}

func (s *Shard) beginAccepting(a *accepting) {
	i, sl := s.slots.take(slotAcceptor)
	if i == 0 { // nearly never: clients leave an eighth of the slots to others
		s.acceptLater(a)
		return
	}
	a.conn = uint64(loop.MakeID(i, sl.gen))
	s.ops = append(s.ops, loop.Op{Kind: loop.Listen, Conn: loop.ID(a.conn), FD: int32(a.fd)})
}

// acceptLater lets a socket rest.
func (s *Shard) acceptLater(a *accepting) {
	s.timers.Set(loop.Timer{At: s.now + int64(acceptPause), Kind: timerAccept, Ref: a.name})
}

// acceptAgain ends the rest.
func (s *Shard) acceptAgain(name uint64) {
	if a := s.accepting[name]; a != nil && a.conn == 0 {
		s.beginAccepting(a)
	}
}

// leaveAcceptor has the driver let go of a socket. Whom it has accepted by then, it tells first.
func (s *Shard) leaveAcceptor(a *accepting) {
	if !a.leaving {
		a.leaving = true
		s.op(loop.Detach, a.conn)
	}
}

// endAccepting lets go of a socket for good.
func (s *Shard) endAccepting(a *accepting) {
	a.ended = true
	if a.conn == 0 {
		s.forgetAccepting(a)
	} else {
		s.leaveAcceptor(a)
	}
}

// endAllAccepting is for the end of the shard: who connects from then on is accepted by another, or waits for the control
// plane.
func (s *Shard) endAllAccepting() {
	for _, a := range s.accepting {
		s.endAccepting(a)
	}
}

func (s *Shard) forgetAccepting(a *accepting) {
	delete(s.accepting, a.name)
	s.engine.letGo(a.name, s.index)
}

// stepAcceptor takes an event of a socket that clients connect to.
func (s *Shard) stepAcceptor(ev *loop.Event) {
	a := s.acceptingAt(ev.Conn)
	switch ev.Kind {
	case loop.Accepted:
		fd := int(ev.FD)
		ev.FD = loop.Taken
		if !s.engine.host.Accepted(a.name, fd) {
			s.leaveAcceptor(a)
		}
	case loop.Failed:
		s.engine.host.AcceptFailed(a.name, ev.Errno)
		if !a.leaving { // else Detached follows
			s.op(loop.Close, a.conn)
			s.left(a)
		}
	case loop.Detached:
		s.left(a)
		s.checkDrained()
	}
}

// left is reached when the driver has let go.
func (s *Shard) left(a *accepting) {
	s.slots.give(loop.ID(a.conn).Slot())
	a.conn, a.leaving = 0, false
	if a.ended {
		s.forgetAccepting(a)
	} else {
		s.acceptLater(a)
	}
}

func (s *Shard) acceptingAt(conn loop.ID) *accepting {
	for _, a := range s.accepting {
		if a.conn == uint64(conn) {
			return a
		}
	}
	panic("bug: engine: a slot of an acceptor that is none")
}
