package engine

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A client that says Terminate leaves, but what it has asked before is done, as Postgres does it: a COMMIT with Terminate
// right behind it is a COMMIT. Only who vanishes without a word has its query cancelled.

// quit takes a client's Terminate.
func (s *Shard) quit(c *client) {
	srv := s.serverOf(c)
	if srv == nil || !srv.Finishing() {
		s.clientGone(c)
		return
	}
	c.quits = true
	if c.ended {
		s.clientGone(c) // nobody is there to be answered
	}
}

// saidGoodbye reports whether a client whose connection has ended waits for a server, and has said Terminate at the end of
// what it asks: it is asked, then.
func (s *Shard) saidGoodbye(c *client) bool {
	if c.state != clientWaiting && c.state != clientPreparing {
		return false
	}
	return bytes.HasSuffix(s.held.get(c.held), terminate)
}

// leaveRunning has a server finish what a client that is gone has asked, for nobody.
func (s *Shard) leaveRunning(srv *server, c *session.Client) {
	srv.started = 0 // so it is not cancelled
	s.abandon(srv, c)
	if srv.purpose == abandoned {
		srv.deadline = s.now + int64(runsOn)
	}
}
