package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Drain begins the end: new clients are refused with 57P03, idle ones are told 57P01, the others may finish what
// they do for DrainTimeout; then every loop stops. The channel is closed when all loops have
// stopped.
func (e *Engine) Drain() <-chan struct{} {
	if !e.draining.Swap(true) {
		for _, s := range e.shards {
			s.mail.Post(mail{kind: mailDrain})
		}
	}
	return e.drained
}

// drain sends idle clients away, and sets the others a time.
func (s *Shard) drain() {
	s.stopping = true
	s.slots.eachClient(func(c *client) bool {
		s.endRest(c)
		s.endFlight(c.Conn)
		if c.mayBeDismissed() {
			s.finishClient(c, goingAway.message("FATAL"))
		}
		return true
	})
	timeout := s.engine.config.Load().DrainTimeout
	s.timers.Set(loop.Timer{At: s.now + int64(timeout), Kind: timerDrain})
	s.checkDrained()
}

// mayBeDismissed reports whether a client that is to leave is told so at once: it does nothing, or has not come in yet.
func (c *client) mayBeDismissed() bool {
	return c.state == clientIdle || c.state == clientWelcoming || c.state == clientSeeking
}

// endDrain ends whoever is left, and gives their last bytes a moment.
func (s *Shard) endDrain() {
	s.slots.eachClient(func(c *client) bool {
		if c.state != clientFinishing {
			s.finishClient(c, goingAway.message("FATAL"))
		}
		return true
	})
	for p := range s.eachPool {
		if p.leaving() {
			s.dismiss(p)
		}
	}
	if s.stopping {
		s.timers.Set(loop.Timer{At: s.now + int64(finishTimeout), Kind: timerStop})
		s.checkDrained()
	}
}

// checkDrained ends the servers when the shard is draining and its last client has left, and stops the shard when Postgres has
// ended them: until then they count.
func (s *Shard) checkDrained() {
	if !s.stopping || s.clients > 0 || s.stopped {
		return
	}
	s.endAllAccepting()
	for _, srv := range s.slots.servers {
		if srv != nil && srv.purpose != closing && srv.purpose != leaving {
			s.closeServer(srv)
		}
	}
	if s.servers == 0 && len(s.accepting) == 0 {
		s.stop()
	}
}

// stopAnyway ends who has had its time: clients that have been told, and read too slowly to have heard. Servers end in closeTimeout
// at the latest.
func (s *Shard) stopAnyway() {
	s.slots.eachClient(func(c *client) bool {
		s.closeClient(c)
		return true
	})
	s.checkDrained()
}

// stop ends the shard, which has no connections any more.
func (s *Shard) stop() {
	s.stopped = true
	for _, c := range s.cancels {
		c.tell()
	}
	s.disposeAll(s.unread)
	s.unread = nil
	s.disposeAll(s.mail.Shut())
	if s.engine.running.Add(-1) == 0 {
		close(s.engine.drained)
	}
}

func (s *Shard) disposeAll(messages []mail) {
	for i := range messages {
		s.engine.dispose(s, &messages[i])
	}
}

// dismiss sends the clients of a removed pool away: idle ones now, the others when they are done, or DrainTimeout is
// over.
func (s *Shard) dismiss(p *shardPool) {
	busy := false
	overdue := p.dismissed != 0 && s.now-p.dismissed >= int64(s.engine.config.Load().DrainTimeout)
	s.slots.eachClient(func(c *client) bool {
		if c.pool != p.index || c.state == clientFinishing {
			return true
		}
		if s.endRest(c); c.state == clientFinishing {
			return true
		}
		s.endFlight(c.Conn)
		if c.mayBeDismissed() || overdue {
			s.finishClient(c, goingAway.message("FATAL"))
			return true
		}
		busy = true
		return true
	})
	if busy && p.dismissed == 0 {
		p.dismissed = max(s.now, 1)
		s.timers.Set(loop.Timer{At: s.now + int64(max(s.engine.config.Load().DrainTimeout, time.Millisecond)), Kind: timerDismiss, Ref: uint64(p.index)})
	}
}

// Crash ends a shard in whose loop a bug was met (rule 10): its connections are gone with their driver; what they
// held of the budgets is given back, and the shard is empty, to be bound to a new driver and run again. What nobody has
// read of its mail is read then.
func (s *Shard) Crash(message string, stack []byte) {
	s.down.Store(true)
	s.engine.host.Log(Notice{Level: Error, Message: "a bug in the engine closed the connections of one event loop: " + message,
		Cause: "please report it, with the stack", Stack: stack})
	for i := uint32(1); i < s.slots.used; i++ {
		if sl := s.slots.slot(i); sl.kind == slotClient {
			s.attached.Add(-1)
			shared := s.pools[sl.client.pool].shared
			shared.clients.Add(-1)
			s.engine.left(shared.template, sl.client.Address(), sl.client.login)
			s.engine.clientLeft()
		}
	}
	for conn := range s.seeking {
		s.seekNoMore(s.client(loop.ID(conn).Slot()))
	}
	for p := range s.eachPool {
		if p.listener != nil {
			p.shared.hearing.Store(false)
			p.listener.ends(s.engine, p.shared)
		}
		for srv := range p.servers {
			if srv.busy {
				srv.upstream.busy.Add(-1)
			}
			s.givePermits(srv)
			s.engine.senders.remove(srv)
			s.unpinned(srv)
			s.defined(srv)
			if srv.purpose == studying {
				s.studyFails(srv)
			}
		}
		for p.ledger.Waiting() > 0 {
			p.ledger.PopWaiter()
		}
		for {
			r, ok := p.ledger.OldestIdle()
			if !ok {
				break
			}
			p.ledger.Remove(r.Server)
		}
	}
	s.crashedWrites()
	s.crashedFlights()
	orphans := s.dials // Postgres counts them until they are answered
	for _, c := range s.cancels {
		c.tell()
	}
	for p := range s.eachPool {
		s.engine.part(p.shared)
	}
	for i := range s.ops {
		if op := &s.ops[i]; op.Kind == loop.Attach && !s.told {
			s.engine.host.CloseFD(int(op.FD))
		}
	}
	s.reset()
	for _, other := range s.engine.shards {
		if other != s {
			other.mail.Post(mail{kind: mailCrashed, shard: s.index})
		}
	}
	for ticket, d := range orphans {
		d.orphaned = true
		s.dials[ticket] = d
	}
	s.mail.Post(mail{kind: mailConfigured}) // for the pools that have servers from the start
	s.mail.Post(mail{kind: mailAcceptors})
	for _, m := range s.unread {
		s.mail.Post(m)
	}
	s.unread = nil
}
