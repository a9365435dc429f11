//go:build linux

package uring

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Shutting a socket down is the one operation that the kernel hands to a thread of its own, and that thread looks into
// the file table when it gets there. Were the slot used again meanwhile, it would shut down somebody else's connection.
// So a slot is not let go of while a shutdown is under way: rarely is there one, and never for long.

func (d *Driver) shutdown(id loop.ID, c *conn, how int) {
	if c.is(shutting) {
		return
	}
	c.set(shutting)
	e := d.entry(ofShutdown, id)
	e.Shutdown(d.file(id, c), how)
}

// shutDown takes the completion; an error says that there was nothing to shut down any more.
func (d *Driver) shutDown(id loop.ID) {
	if c := d.conn(id); c != nil {
		c.clear(shutting)
		d.settle(id)
	}
}

// awaitShutdown blocks until the shutdown is done, some microseconds, and reports whether the connection is still
// there. Whatever else completes meanwhile is told in the next turn.
func (d *Driver) awaitShutdown(id loop.ID, c *conn) bool {
	for c.gen == id.Gen() && c.is(shutting) {
		d.block(-1)
		d.reap()
	}
	return d.conn(id) != nil
}
