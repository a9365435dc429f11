package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Of several clients that ask the same at the same time, and whose reply will be kept, the first asks; the others wait for that, and are
// given it. They go themselves when it comes to nothing, or takes too long: nobody waits twice for the same question.

// maxFlight bounds that wait, where query_wait_timeout does not.
const maxFlight = 10 * time.Second

// lead is what a client asks that others may wait for.
type lead struct {
	flights *querycache.Flights
	hash    uint64
	// asked: other processes have been. offer is how its reply is offered to them; nil: it is not. Both of who leads.
	asked bool
	offer *offer
}

// passenger is a client that waits for another.
type passenger struct {
	lead
	// until is when it has waited too long.
	until int64
	// landed: it has waited.
	landed bool
}

// boards has a client wait for another that asks the same, or notes that others may wait for it.
func (s *Shard) boards(c *client, q *question) bool {
	if l, leads := s.leading[c.Conn]; leads {
		if l.hash == q.hash {
			return false // it comes by again
		}
		s.lands(c.Conn)
	}
	landed := s.aboard[c.Conn].landed
	delete(s.aboard, c.Conn)
	f, w := &q.cache.flights, querycache.Waiter{Shard: int32(s.index), Client: c.Conn}
	leads, joined := f.Join(q.hash, w)
	switch {
	case leads:
		s.leading[c.Conn] = lead{flights: f, hash: q.hash}
	case joined && landed:
		f.Leave(q.hash, w)
		return false
	case joined:
		until := s.now + int64(s.pools[c.pool].flightTimeout())
		s.aboard[c.Conn] = passenger{lead: lead{flights: f, hash: q.hash}, until: until}
		c.awaits++
		s.timers.Set(loop.Timer{At: until, Kind: timerFlight, Ref: c.Conn})
	}
	return joined
}

func (p *shardPool) flightTimeout() time.Duration {
	if timeout := p.config().QueryWaitTimeout; timeout > 0 {
		return min(timeout, maxFlight)
	}
	return maxFlight
}

// lands lets those go on who wait for a client.
func (s *Shard) lands(conn uint64) {
	l, ok := s.leading[conn]
	if !ok {
		return
	}
	delete(s.leading, conn)
	for _, w := range l.flights.Land(l.hash) {
		if int(w.Shard) == s.index {
			s.mail.Post(mail{kind: mailLanded, ticket: w.Client}) // not now: somebody's reply is being passed on
		} else {
			s.engine.shards[w.Shard].mail.Post(mail{kind: mailLanded, ticket: w.Client})
		}
	}
}

// landed has a client go on that has waited for another.
func (s *Shard) landed(conn uint64) {
	w, waits := s.aboard[conn]
	sl := s.slots.at(loop.ID(conn))
	if !waits || w.landed || sl == nil || sl.kind != slotClient {
		return
	}
	w.landed = true
	s.aboard[conn] = w
	sl.client.awaits--
	s.proceed(&sl.client)
	if s.aboard[conn].landed { // it was answered, or is about to go: what it asks next is another question
		delete(s.aboard, conn)
	}
}

// flightLate has a client go itself that has waited too long.
func (s *Shard) flightLate(conn uint64) {
	if w, waits := s.aboard[conn]; waits && s.now >= w.until {
		s.endFlight(conn)
	}
}

// endFlight has a client go itself that waits for another, or for another process, if it does.
func (s *Shard) endFlight(conn uint64) {
	s.endFetch(conn)
	if w, waits := s.aboard[conn]; waits && !w.landed {
		w.flights.Leave(w.hash, querycache.Waiter{Shard: int32(s.index), Client: conn})
		s.landed(conn)
	}
}

// leavesFlight takes out a client that asks nothing any more: it leads nobody, and waits for nobody.
func (s *Shard) leavesFlight(c *client) {
	s.lands(c.Conn)
	s.leavesFetch(c)
	w, waits := s.aboard[c.Conn]
	if !waits {
		return
	}
	delete(s.aboard, c.Conn)
	if !w.landed {
		w.flights.Leave(w.hash, querycache.Waiter{Shard: int32(s.index), Client: c.Conn})
		c.awaits--
	}
}

// cancelFlight ends the wait of a client that wants it cancelled.
func (s *Shard) cancelFlight(c *client) bool {
	w, waits := s.aboard[c.Conn]
	if waits = waits && !w.landed; !waits && s.fetching[c.Conn] == nil {
		return false
	}
	s.leavesFlight(c)
	s.pools[c.pool].counts.Cancels++
	s.refuse(c, cancelledByUser)
	s.proceed(c)
	return true
}

// crashedFlights has those go on who wait for clients of this shard: they are gone.
func (s *Shard) crashedFlights() {
	for conn := range s.leading {
		s.lands(conn)
	}
	for conn, w := range s.aboard {
		w.flights.Leave(w.hash, querycache.Waiter{Shard: int32(s.index), Client: conn})
	}
}
