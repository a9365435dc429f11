package engine

import (
	"bytes"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// cancelTimeout bounds a cancel connection.
const cancelTimeout = 10 * time.Second

// cancelling is a cancel on its way to a server.
type cancelling struct {
	server uint64 // loop.ID of the server
	meant  uint32 // what the server worked on when it was sent, by its Answers
	told   []chan struct{}

	// late is who has asked since to cancel what the server worked on then, which is lateFor: that is begun after this
	// cancel was sent, which Postgres may have heeded already.
	late    []chan struct{}
	lateFor uint32
}

// Cancel is a client's CancelRequest: pid and secret are what the engine gave it as BackendKeyData. The channel is closed
// when the cancel has been delivered, or there was nothing to cancel: what the client sends from then on is not meant.
func (e *Engine) Cancel(pid uint32, secret []byte) <-chan struct{} {
	done := make(chan struct{})
	shard, ok := e.shardOf(pid)
	if !ok || len(secret) != shortKeyLen && len(secret) != longKeyLen {
		close(done)
		return done
	}
	shard.post(mail{kind: mailCancel, pid: pid, secret: bytes.Clone(secret), done: done})
	return done
}

// cancel stops what a client is doing, if the key is the client's: a query at the server it has now, or its wait. For
// a client that does nothing it does nothing.
func (s *Shard) cancel(pid uint32, secret []byte, done chan struct{}) {
	if srv := s.cancelOf(pid, secret); srv != nil {
		s.cancelServer(srv, done)
		return
	}
	close(done)
}

// cancelOf is the server to cancel, if there is one; what the engine itself can stop is stopped.
func (s *Shard) cancelOf(pid uint32, secret []byte) *server {
	slot := s.slotOf(pid)
	if slot == 0 || slot >= s.slots.used {
		return nil
	}
	sl := s.slots.slot(slot)
	if sl.kind != slotClient || !s.holds(&sl.client, secret) {
		return nil
	}
	c := &sl.client
	switch c.state {
	case clientIdle:
		s.cancelFlight(c)
	case clientWaiting:
		s.cancelWait(c)
	case clientPreparing:
		if s.serverOf(c).purpose == asking {
			return nil // it has its answers
		}
		if c.welcomed && s.serverOf(c).purpose == checking {
			s.pools[c.pool].counts.Cancels++
			s.leaveCheck(c, cancelledByUser)
			return nil
		}
		c.cancelled = c.welcomed // its query has not been sent yet, and is not going to be
	case clientLinked:
		srv := s.serverOf(c)
		if srv.Asked() {
			c.cancelled = true // what is to be cancelled comes next
			return nil
		}
		if srv.Owes() || srv.straight != nil {
			s.pools[c.pool].counts.Cancels++
			return srv
		}
		c.cancelled = srv.cancel != 0 && c.blocked == session.Await // so does what it has said and waits for the last one
	}
	return nil
}

// cancelServer sends a cancel to a server, and has done closed when it is delivered. One at a time: a second would hit the
// same query, or another. What a client cancels that was begun after the first was sent has its own when that is delivered,
// should it still run.
func (s *Shard) cancelServer(srv *server, done chan struct{}) {
	if srv.cancel == 0 && len(srv.secret) > 0 {
		s.seq++
		srv.cancel, srv.CancelComes = s.seq, true
		s.cancels[s.seq] = &cancelling{server: srv.Conn, meant: srv.Answers()}
		s.engine.host.Cancel(CancelRequest{Ticket: Ticket{s.index, s.seq}, Pool: srv.pool.shared.pool, Upstream: srv.upstream.address,
			PID: srv.pid, Secret: srv.secret, Timeout: cancelTimeout})
	}
	switch under := s.cancels[srv.cancel]; {
	case done == nil:
	case under == nil:
		close(done)
	case under.meant != srv.Answers():
		under.late, under.lateFor = append(under.late, done), srv.Answers()
	default:
		under.told = append(under.told, done)
	}
}

// tell lets those go on who waited for it, once.
func (c *cancelling) tell() {
	for _, done := range append(c.told, c.late...) {
		close(done)
	}
	c.told, c.late = nil, nil
}

// cancelLate sends the cancel that has come too late for the last one, if what it is for still runs.
func (s *Shard) cancelLate(srv *server, last *cancelling) {
	if len(last.late) == 0 || srv.purpose != linked || !srv.Owes() || srv.Answers() != last.lateFor {
		return
	}
	s.cancelServer(srv, nil)
	s.cancels[srv.cancel].told, last.late = last.late, nil
}

// cancelHeld cancels what a client had said, and wanted cancelled, while it waited for a cancel to be delivered, wherever it runs now.
func (s *Shard) cancelHeld(c *client) {
	if c == nil || !c.cancelled {
		return
	}
	switch c.state {
	case clientWaiting:
		s.cancelWait(c)
	case clientLinked:
		s.cancelNext(s.serverOf(c))
	case clientIdle:
		c.cancelled = false // nothing was held after all
	}
}

// cancelled takes the news that a cancel has been delivered, or has failed: the server may serve others again.
func (s *Shard) cancelled(ticket uint64) {
	cc, ok := s.cancels[ticket]
	if !ok {
		return
	}
	delete(s.cancels, ticket)
	defer cc.tell()
	srv := s.serverAt(cc.server)
	if srv == nil {
		return
	}
	srv.cancel, srv.CancelComes = 0, false
	s.cancelLate(srv, cc)
	switch srv.purpose {
	case waiting:
		s.clean(srv)
	case linked:
		c := s.clientOf(srv)
		s.delivered(srv)
		s.settled(srv)
		s.cancelHeld(c)
	}
}
