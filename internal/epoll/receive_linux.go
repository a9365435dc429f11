package epoll

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// queue puts a connection behind the others that may have bytes.
func (d *Driver) queue(id loop.ID, c *conn) {
	if !c.is(queued) {
		c.state |= queued
		d.ready = append(d.ready, id)
	}
}

// receive serves the ready queue once round, or until the arena is full. Who has more comes again at the end.
func (d *Driver) receive() {
	n, served := len(d.ready), 0
	for ; served < n && !d.arena.full(); served++ {
		id := d.ready[served]
		c := d.conns.get(id)
		if c == nil {
			continue
		}
		c.state &^= queued
		switch {
		case c.is(failed|detaching) || !c.is(readable|broken):
		case c.is(finishing):
			d.discard(id, c)
		case c.is(broken):
			d.lastWords(id, c)
		case !c.is(paused | ended):
			d.receiveFrom(id, c)
		}
	}
	if served > 0 {
		d.ready = d.ready[:copy(d.ready, d.ready[served:])]
	}
}

// receiveFrom reports what one receive brings.
func (d *Driver) receiveFrom(id loop.ID, c *conn) {
	n, errno := d.recv(c)
	switch {
	case n > 0:
		full := n == len(d.arena.room())
		d.tell(loop.Event{Kind: loop.Received, Conn: id, Data: d.arena.take(n)})
		if full || c.is(hungUp) {
			d.queue(id, c)
		} else {
			c.state &^= readable
		}
	case errno == 0:
		d.end(id, c)
	case errno == unix.EAGAIN:
		c.state &^= readable | hungUp
	case errno == unix.EINTR:
		d.queue(id, c)
	default:
		d.fail(id, c, errno)
	}
}

// lastWords receives from a connection whose send failed what came before it broke: a server that says why it
// goes, and goes, must be heard. Whoever is paused hears one receive of it.
func (d *Driver) lastWords(id loop.ID, c *conn) {
	if c.is(ended) {
		d.fail(id, c, syscall.Errno(c.errno))
		return
	}
	n, errno := d.recv(c)
	if n > 0 {
		d.tell(loop.Event{Kind: loop.Received, Conn: id, Data: d.arena.take(n)})
		if !c.is(paused) {
			d.queue(id, c)
			return
		}
	}
	if n == 0 && errno == 0 {
		d.end(id, c)
	}
	d.fail(id, c, syscall.Errno(c.errno))
}

// discard reads what a connection that is being finished still sends. Closing a socket with unread bytes resets it,
// and the reset would overtake our last words.
func (d *Driver) discard(id loop.ID, c *conn) {
	n, errno := d.recv(c)
	switch {
	case n > 0 || errno == unix.EINTR:
		d.queue(id, c)
	case errno == unix.EAGAIN:
		c.state &^= readable
	case errno == 0 && c.kept != 0:
		c.state |= ended
	default:
		d.close(id, c)
	}
}

func (d *Driver) recv(c *conn) (int, syscall.Errno) {
	n, errno := recv(c.fd, d.arena.room())
	d.stats.Receives++
	d.stats.BytesReceived += uint64(n)
	return n, errno
}

// end tells that the peer will send no more. We still may.
func (d *Driver) end(id loop.ID, c *conn) {
	c.state |= ended
	c.state &^= readable
	d.tell(loop.Event{Kind: loop.Ended, Conn: id})
}

// fail tells that the connection is broken, and forgets what it should have sent. The descriptor stays ours until
// the core closes or detaches it.
func (d *Driver) fail(id loop.ID, c *conn, errno syscall.Errno) {
	d.unkeep(c)
	d.unregister(c)
	c.state |= failed
	d.tell(loop.Event{Kind: loop.Failed, Conn: id, Errno: int32(errno)})
}
