package engine

import (
	"maps"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Postgres tells a session of notifications while it is idle, never inside its transaction, nor in the middle of an answer: they
// come right before the ReadyForQuery that says that the transaction is over. So does a client get what is passed on to it.

// maxUndelivered bounds the bytes of notifications that are kept for a client that is in a transaction, or reads slowly. Who has
// more to come is closed.
const maxUndelivered = 1 << 20

// passOn gives the clients of this shard what the listener has heard. The bytes stay unchanged until the turn ends.
func (s *Shard) passOn(p *shardPool, heard []byte) {
	for len(heard) > 0 {
		m := heard[:pgwire.FrameLen(heard)]
		heard = heard[len(m):]
		if m[0] == pgwire.NoticeResponse {
			s.tellAll(p, m)
			continue
		}
		_, name, _ := pgwire.Notification(m)
		if p.hub == nil {
			continue
		}
		if ch := p.hub.channels[string(name)]; ch != nil {
			for _, to := range ch.members {
				s.deliver(s.client(to.client), m)
			}
		}
	}
	s.closeOverfull()
}

// tellAll gives a message to every client of a pool that listens to anything.
func (s *Shard) tellAll(p *shardPool, m []byte) {
	for _, conn := range s.listenersOf(p) {
		if c := s.waiterOf(listenWait{conn: conn}); c != nil {
			s.deliver(c, m)
		}
	}
}

// listenersOf is the clients of a pool that listen to anything, by their connections.
func (s *Shard) listenersOf(p *shardPool) (conns []uint64) {
	for _, slot := range slices.Sorted(maps.Keys(s.listening)) {
		if c := s.client(slot); c.pool == p.index {
			conns = append(conns, c.Conn)
		}
	}
	return conns
}

// deliver gives a client a message, or keeps it for the end of its transaction.
func (s *Shard) deliver(c *client, m []byte) {
	switch {
	case c.state == clientFinishing:
	case s.mayTell(c):
		s.Deliver(&c.Client)
		s.toClient(c, m)
	default:
		s.keepFor(c, m)
	}
}

// mayTell reports whether a client is between two transactions, and reads.
func (s *Shard) mayTell(c *client) bool {
	if c.unready || c.congested || c.AmidBatch() || c.Deferred() {
		return false
	}
	srv := s.serverOf(c)
	if srv == nil {
		return true
	}
	return !srv.Channels.Held && srv.Status == pgwire.StatusIdle && (srv.Settled() || c.state == clientPreparing)
}

// keepFor keeps a message for a client.
func (s *Shard) keepFor(c *client, m []byte) {
	l := s.listening[c.Slot]
	s.held.put(&l.waiting, m, 0)
	c.Pending = true
	if len(s.held.get(l.waiting)) > maxUndelivered || s.held.used > s.heldMax {
		s.held.drop(&l.waiting)
		c.Pending = false
		s.overfull = append(s.overfull, c.Conn)
	}
}

// closeOverfull closes the clients for whom too much would have to be kept: when nobody looks through the members of a channel
// any more, because others may leave with them.
func (s *Shard) closeOverfull() {
	if len(s.overfull) == 0 {
		return
	}
	overfull := s.overfull
	s.overfull = nil
	for _, conn := range overfull {
		if sl := s.slots.at(loop.ID(conn)); sl != nil && sl.kind == slotClient {
			s.finishClient(&sl.client, tooManyNotifications.message("FATAL"))
		}
	}
}

// forgetUndelivered drops, of what is kept for a client, the notifications on channels that it no longer listens to: Postgres looks
// when the transaction is over whether the session listens. To those added it is going to.
func (s *Shard) forgetUndelivered(c *client, added []*channel) {
	l := s.listening[c.Slot]
	if !c.Pending || l == nil {
		return
	}
	there := map[string]bool{}
	for _, m := range l.channels {
		there[m.channel.name] = true
	}
	for _, ch := range added {
		there[ch.name] = true
	}
	kept := s.held.get(l.waiting)
	s.held.drop(&l.waiting) // its bytes stay until the turn ends
	c.Pending = false
	for len(kept) > 0 {
		m := kept[:pgwire.FrameLen(kept)]
		kept = kept[len(m):]
		if _, name, ok := pgwire.Notification(m); m[0] == pgwire.NotificationResponse && ok && !there[string(name)] {
			continue
		}
		s.held.put(&l.waiting, m, 0)
		c.Pending = true
	}
}

// Deliver is session.Listeners: a client gets what was kept for it.
func (s *Shard) Deliver(machine *session.Client) {
	if !machine.Pending {
		return
	}
	machine.Pending = false
	if l := s.listening[machine.Slot]; l != nil {
		kept := s.held.get(l.waiting)
		s.held.drop(&l.waiting) // its bytes stay until the turn ends
		s.toClient(s.client(machine.Slot), kept)
	}
}

func (s *Shard) toClient(c *client, b []byte) {
	s.pools[c.pool].counts.BytesSent += uint64(len(b))
	s.Send(c.Conn, b)
}

var tooManyNotifications = &Refusal{
	SQLState: "53200",
	Message:  "too many notifications wait for the client",
	Detail:   "Notifications are delivered between transactions; more than 1 MiB of them have come since the client's last one was over, or since it has read.",
	Hint:     "End transactions soon on connections that listen, and read what they are told.",
}
