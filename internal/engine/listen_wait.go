package engine

import (
	"cmp"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Clients wait for the listener in the order in which it is asked, and go on in that order. The wait is bounded.

// defaultListenTimeout bounds the wait for the listener where server_connect_timeout is none.
const defaultListenTimeout = 15 * time.Second

// listenWait is a client that waits for the listener: to have listened, or heard, up to that number.
type listenWait struct {
	conn   uint64
	number uint64
	since  int64
	added  []*channel // what the client listens to from then on
}

// awaitListener has a client wait until the listener listens to what is added, and has heard all that was sent before.
func (s *Shard) awaitListener(c *client, added []*channel) {
	p := s.pools[c.pool]
	h := p.listeners()
	s.tellGone(p)
	h.asked = max(h.asked+1, uint64(s.now)) // no hub before this one has used it
	h.waits = append(h.waits, listenWait{conn: c.Conn, number: h.asked, since: s.now, added: added})
	c.awaits++
	q := &listenRequest{number: h.asked}
	for _, ch := range added {
		if len(ch.members) == 0 && ch.coming == 1 {
			q.listen = append(q.listen, ch.name)
		}
	}
	if len(h.waits) == 1 {
		s.lookAgain(p, &h.alarm, s.now+p.listenTimeout())
	}
	s.askListener(p, q)
}

func (p *shardPool) listenTimeout() int64 {
	return int64(cmp.Or(p.config().ServerConnectTimeout, defaultListenTimeout))
}

// heardUpTo lets the clients go on that waited for the listener up to that number.
func (s *Shard) heardUpTo(p *shardPool, number uint64) {
	for h := p.hub; h != nil && len(h.waits) > 0 && h.waits[0].number <= number; {
		w, c := s.firstWait(h)
		for _, ch := range w.added {
			if c != nil {
				s.enter(c, ch)
			}
			h.leave(ch)
		}
		if c != nil {
			s.goesOn(c)
		}
	}
	s.tellGone(p)
}

// firstWait takes the first that waits, with its client; nil if that has left, or need not wait any more.
func (s *Shard) firstWait(h *hub) (w listenWait, c *client) {
	w = h.waits[0]
	h.waits[0] = listenWait{}
	if h.waits = h.waits[1:]; len(h.waits) == 0 {
		h.waits = nil
	}
	for _, ch := range w.added {
		ch.coming--
	}
	return w, s.waiterOf(w)
}

func (s *Shard) waiterOf(w listenWait) *client {
	sl := s.slots.at(loop.ID(w.conn))
	if sl == nil || sl.kind != slotClient || sl.client.state == clientFinishing {
		return nil
	}
	return &sl.client
}

// expireListens ends the wait of clients for a listener that cannot be had. Who only waits to hear is told that its transaction
// is over; that it may have missed something it is told when the listener is back. Who listens is closed: Postgres has committed
// its LISTEN, so it can neither be refused nor be told that it listens.
func (s *Shard) expireListens(p *shardPool) {
	timeout := p.listenTimeout()
	for h := p.hub; h != nil && len(h.waits) > 0; {
		if at := h.waits[0].since + timeout; s.now < at {
			s.lookAgain(p, &h.alarm, at)
			break
		}
		w, c := s.firstWait(h)
		for _, ch := range w.added {
			h.leave(ch)
		}
		switch {
		case c == nil:
		case len(w.added) > 0:
			s.finishClient(c, listenerTooLate(p).message("FATAL"))
		default:
			s.goesOn(c)
		}
	}
	s.tellGone(p)
}

// deaf lets the clients go on that wait for a listener only to hear: there is none.
func (s *Shard) deaf(p *shardPool) {
	if p.hub == nil {
		return
	}
	var waited []uint64
	for i := range p.hub.waits {
		if w := &p.hub.waits[i]; len(w.added) == 0 {
			waited = append(waited, w.conn)
			w.conn = 0
		}
	}
	for _, conn := range waited {
		if c := s.waiterOf(listenWait{conn: conn}); c != nil {
			s.goesOn(c)
		}
	}
}

// goesOn lets a client go on that has waited for the listener: it is told at last that its transaction is over.
func (s *Shard) goesOn(c *client) {
	c.awaits--
	if c.unready {
		s.tellReady(c)
	}
	if c.awaits > 0 {
		return
	}
	c.since = s.now
	if c.state == clientLinked && c.blocked != session.More {
		s.relieve(s.serverOf(c), c)
		return
	}
	s.proceed(c)
}

func (s *Shard) tellReady(c *client) {
	c.unready = false
	s.Deliver(&c.Client)
	s.Send(c.Conn, readyIdle)
}

var readyIdle = pgwire.AppendReady(nil, pgwire.StatusIdle)

func listenerTooLate(p *shardPool) *Refusal {
	r := &Refusal{
		SQLState: "08006",
		Message:  "no connection to Postgres could be had that listens for the client within " + seconds(time.Duration(p.listenTimeout())),
		Detail:   "LISTEN has committed, but its notifications would not reach the client.",
		Hint:     "Connect again; see whether max_server_connections leaves room for one connection more for each database and user.",
	}
	if p.refusal != nil {
		r.Detail += " The last attempt to connect failed: " + p.refusal.Error()
	}
	return r
}
