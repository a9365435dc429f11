package engine

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A client that ends its conversation, with Terminate or with a message that is none, leaves, but what it has asked before is
// done and answered, as Postgres does it: a COMMIT with Terminate right behind it is a COMMIT. Only who vanishes without a word
// has its query cancelled. One that ends its half of the connection without a word may be either; see halfclose.go.

// quit takes a client's Terminate.
func (s *Shard) quit(c *client) {
	srv := s.serverOf(c)
	switch {
	case srv != nil && srv.Finishing():
		c.quits = true
	case c.congested, s.isBeingSent(c):
		s.departs(c, leftTerminated, nil)
		s.finishClient(c, nil)
	default:
		s.departs(c, leftTerminated, nil)
		s.clientGone(c)
	}
}

// violated takes what is no message. What Postgres says to that it says when it comes to it, or the server says it.
func (s *Shard) violated(c *client, frame []byte) {
	if srv := s.serverOf(c); srv != nil && srv.Finishing() {
		c.quits = true
		return
	}
	s.departs(c, leftViolation, nil)
	s.finishClient(c, session.Violation(frame))
}

// willQuit reports whether a client that waits has said Terminate at the end of what it asks.
func (s *Shard) willQuit(c *client) bool {
	waits := c.state == clientWaiting || c.state == clientPreparing || c.state == clientLinked && c.blocked != session.More
	return waits && bytes.HasSuffix(s.held.get(c.held), terminate)
}

// clientFailed takes the end of a client's connection, both ways. One that waits, and will say Terminate, has what it asks done
// all the same.
func (s *Shard) clientFailed(c *client) {
	switch {
	case c.state == clientFinishing:
		s.closeClient(c)
	case s.willQuit(c):
		c.ended, c.congested = true, false
	default:
		s.clientGone(c)
	}
}

// leaveRunning has a server finish what a client that is gone has asked, for nobody.
func (s *Shard) leaveRunning(srv *server, c *session.Client) {
	srv.started = 0 // so it is not cancelled
	s.abandon(srv, c)
	if srv.purpose == abandoned {
		srv.deadline = s.now + int64(runsOn)
	}
}
