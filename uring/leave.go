//go:build linux

package uring

import (
	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// A connection is left in one of three ways: Close (see close), which is abrupt, Finish and Detach, which may have to
// wait. Those two are settled when the turn's sends are known to have been taken, and again whenever a receive or a
// send of theirs comes to an end.

// finish begins to leave in an orderly way. Closing a socket that has something unread resets the connection, and
// the peer may then never see what was sent last. So: send what is kept, then the end of file, then read, and throw
// away, up to the peer's end of file, and only then close.
func (d *Driver) finish(id loop.ID, c *conn) {
	c.set(finishing | wanted)
	d.turn.settle = append(d.turn.settle, id)
}

// undecided: the connection was sent something in this turn, and whether that was taken is not known yet.
func (d *Driver) undecided(id loop.ID, c *conn) bool {
	return !d.turn.taken && d.turn.runOf(id, c) != nil
}

func (d *Driver) settleFinish(id loop.ID, c *conn) {
	switch {
	case c.is(shutting) || d.undecided(id, c):
		return
	case c.is(broken) || c.is(ended) && c.kept == 0:
		d.close(id, c)
		return
	case c.kept == 0 && !c.is(shut):
		c.set(shut)
		d.shutdown(id, c, unix.SHUT_WR)
	}
	d.rearm(id, c)
}

// detach begins to give the socket back.
func (d *Driver) detach(id loop.ID, c *conn) {
	if !c.is(keepFD) {
		panic("bug: Detach of a connection attached without KeepFD")
	}
	d.disarm(id, c)
	c.set(detaching)
	d.turn.settle = append(d.turn.settle, id)
}

func (d *Driver) settleDetach(id loop.ID, c *conn) {
	if c.is(armed|shutting) || c.kept != 0 || d.undecided(id, c) {
		return
	}
	d.release(id)
	d.tell(loop.Event{Kind: loop.Detached, Conn: id, FD: c.fd})
	*c = conn{}
}
