package engine

import (
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A client that ends its half of the connection may still listen: Postgres does and answers what it has asked before. One that
// has vanished looks the same, though its query is to be cancelled: the kernel that it ran on tells only when it is sent
// something. Answers are something; where there is none for a while, the client is knocked at, with a ParameterStatus of what
// it knows already, which means nothing to who listens. Where nobody does, that breaks the connection.
//
// A client that ends its half amid a message or a batch has no more to expect, and leaves at once; amid a COPY, that it has failed.

// knockEvery is how long such a client is sent nothing before it is knocked at, and again: what is between us and the client,
// or the driver, may notice only the second time that nobody is there.
const knockEvery = 500 * time.Millisecond

// clientEnded takes the end of what a client sends.
func (s *Shard) clientEnded(c *client) {
	switch {
	case c.state == clientFinishing:
		s.closeClient(c)
	case s.isOwed(c), s.endStraight(c), s.cutShort(c):
		c.ended = true
		s.knockLater(c)
	case s.isBeingSent(c):
		s.departs(c, leftClosed, nil)
		s.finishClient(c, nil)
	default:
		s.departs(c, leftClosed, nil)
		s.clientGone(c)
	}
}

// isOwed reports whether a client will be told something that it has asked for, without saying more.
func (s *Shard) isOwed(c *client) bool {
	switch c.state {
	case clientIdle:
		return !c.mayProceed() || session.Concludes(s.held.get(c.held))
	case clientLinked:
		srv := s.serverOf(c)
		return srv.straight == nil && !c.MidFrame() && (!c.mayProceed() || srv.Finishing() || srv.Channels.Held)
	case clientPreparing:
		return s.serverOf(c).Channels.Held || c.unready || session.Concludes(s.held.get(c.held))
	case clientWaiting:
		return session.Concludes(s.held.get(c.held))
	}
	return false
}

// isBeingSent reports whether a client is sent something in this turn: whether its socket takes all of that at once is not known yet.
func (s *Shard) isBeingSent(c *client) bool {
	return slices.ContainsFunc(s.ops, func(op loop.Op) bool { return op.Kind == loop.Send && op.Conn == loop.ID(c.Conn) })
}

// endStraight tells the server of a replication client that this has no more to say, and reports whether that could be done: it
// ends when it has answered.
func (s *Shard) endStraight(c *client) bool {
	srv := s.serverOf(c)
	if srv == nil || srv.straight == nil || srv.straight.requests.amid() {
		return false
	}
	s.Send(srv.Conn, terminate)
	return true
}

// cutShort has the COPY fail amid whose data a client has ended its half, and reports whether the client will be told so.
func (s *Shard) cutShort(c *client) bool {
	return c.state == clientLinked && s.serverOf(c).straight == nil && s.serverOf(c).CutShort(s.env, &c.Client)
}

// through ends a client that has said all that it had to say, and has been answered.
func (s *Shard) through(c *client) bool {
	if !c.quits && (!c.ended || !c.mayProceed()) {
		return false
	}
	if srv := s.serverOf(c); srv != nil && (srv.straight != nil || srv.Finishing() || srv.Channels.Held && srv.Settled()) {
		return false
	}
	if c.quits {
		s.departs(c, leftTerminated, nil)
	}
	s.departs(c, leftClosed, nil)
	s.finishClient(c, nil)
	return true
}

func (s *Shard) knockLater(c *client) {
	s.timers.Set(loop.Timer{At: s.now + int64(knockEvery), Kind: timerKnock, Ref: c.Conn})
}

// knock sends a client something if it has been sent nothing for a while. Of one that has said Terminate nobody needs to know
// whether it is there: what it has asked is done. What a replication client would make of it is not known: it is not waited for.
func (s *Shard) knock(c *client) {
	if c.state == clientFinishing || c.quits || s.willQuit(c) {
		return
	}
	params := s.knowing[c.told]
	if srv := s.serverOf(c); srv != nil && c.state == clientLinked {
		if s.now-srv.heard < int64(knockEvery) || srv.midMessage() {
			s.knockLater(c)
			return
		}
		params = srv.params
		if srv.straight != nil {
			params = nil
		}
	}
	if len(params) == 0 {
		s.clientGone(c)
		return
	}
	if !c.congested {
		s.Send(c.Conn, pgwire.AppendParameterStatus(nil, params[0].Name, params[0].Value))
	}
	s.knockLater(c)
}
