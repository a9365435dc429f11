package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A server that is closed is one of Postgres's connections until Postgres has ended it. Its permits are given back then
// and not before, so that limits hold as Postgres counts.
const (
	// closeTimeout bounds how long Postgres may take to end a server that was told Terminate.
	closeTimeout = 2 * time.Second
	// closeUnheard is how long the permits of a server are kept whose connection was cut, because it was not in a state to
	// be told: nobody hears of its end. Postgres may take longer, if it is busy with a query.
	closeUnheard = 100 * time.Millisecond
)

// closeServer begins the end of a server.
func (s *Shard) closeServer(srv *server) {
	srv.size().Going()
	s.endServer(srv)
}

// endServer is closeServer for a server whose permit of the pool has been announced as Going.
func (s *Shard) endServer(srv *server) {
	p := srv.pool
	if srv.purpose == idle {
		p.ledger.Remove(srv.slot)
	}
	if srv.purpose == studying {
		s.studyFails(srv)
	}
	s.endTrace(srv, true)
	s.defined(srv)
	s.recordNoMore(srv)
	s.writesLost(srv)
	patience := closeUnheard
	switch {
	case srv.Dying: // Postgres ends it without being told
		patience = closeTimeout
	case srv.Settled() && !srv.congested && !srv.straight.amidRequest():
		s.Send(srv.Conn, terminate)
		patience = closeTimeout
	default:
		s.op(loop.Close, srv.Conn)
	}
	s.resumeServer(srv) // else its end would not be heard
	srv.purpose = closing
	s.unpinned(srv)
	p.counts.retire(srv)
	srv.Drop(s.env)
	srv.OnParameter, srv.OnAnswer, srv.OnNotice, srv.OnNotification = nil, nil, nil, nil
	srv.upstream.servers.Going()
	s.timers.Set(loop.Timer{At: s.now + int64(patience), Kind: timerClosed, Ref: srv.Conn})
}

var terminate = pgwire.AppendEmpty(nil, pgwire.Terminate)

// serverClosed completes the end of a server: Postgres has ended it, or is not waited for any longer.
func (s *Shard) serverClosed(srv *server) {
	p := srv.pool
	s.engine.senders.remove(srv)
	s.op(loop.Close, srv.Conn)
	s.slots.removeServer(srv)
	s.servers--
	delete(p.servers, srv)
	s.givePermits(srv)
	p.announce(s, srv.upstream)
	if srv.replace {
		p.replacing++
	}
	if p.replacing > 0 || p.shared.shared.Size.Taken() < p.minimum() {
		s.mail.Post(mail{kind: mailFreed, pool: p.shared}) // not now: as in announce
	}
	s.checkDrained()
}

// givePermits returns a server's permits.
func (s *Shard) givePermits(srv *server) {
	s.engine.closed(srv.pool.shared, srv.generation)
	size, servers := srv.size(), &srv.upstream.servers
	if srv.purpose == closing {
		size.Gone()
		servers.Gone()
		return
	}
	give(size, servers)
}

// serverEnded takes the end of a server's connection.
func (s *Shard) serverEnded(srv *server) {
	if srv.purpose == leaving {
		return // its next shard will notice
	}
	if srv.purpose != closing {
		if !srv.Dying { // without a word: it, or what is between, is gone
			s.upstreamEnds(srv.pool.shared.template, srv.upstream)
		}
		s.serverLost(srv)
	}
	s.serverClosed(srv)
}

// serverLost ends a server that is of no more use, and tells its client.
func (s *Shard) serverLost(srv *server) {
	if srv.straight != nil {
		s.straightLost(srv)
		return
	}
	if srv.purpose == hearing {
		s.listenerLost(srv)
		return
	}
	c := s.clientOf(srv)
	was := srv.purpose
	mid, dying, resting := srv.MidMessage(), srv.Dying, srv.restsNow()
	if srv.ShutDown {
		s.upstreamEnds(srv.pool.shared.template, srv.upstream)
	}
	if was == checking {
		srv.pool.counts.ChecksFailed++
	}
	if c != nil {
		srv.client, c.server = 0, 0
		s.resumeClient(c, pauseServerFull)
	}
	s.closeServer(srv)
	if c == nil {
		return
	}
	switch was {
	case preparing, checking: // nothing of the client's has been sent: it waits on
		c.state = clientIdle
		if c.cancelled {
			s.refuse(c, cancelledByUser)
			s.proceed(c)
			return
		}
		s.again(c)
	case linked, asking:
		srv.linking(s.now, -1)
		c.state = clientIdle
		switch {
		case resting && !c.quits:
			s.noteWrite(c, srv)
			c.since, c.blocked = s.now, session.More
			s.proceed(c) // it has asked for nothing, and need not know
			s.cancelHeld(c)
		case mid:
			s.closeClient(c) // in the middle of a message there is no place for an error
		case dying || c.quits:
			if c.quits {
				s.departs(c, leftTerminated, nil)
			}
			s.finishClient(c, nil) // it has been told by Postgres, word for word, or wants to hear no more
		default:
			s.finishClient(c, lostServer.message("FATAL"))
		}
	}
}
