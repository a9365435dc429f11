//go:build linux

package uring

import (
	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// arm begins to receive.
func (d *Driver) arm(id loop.ID, c *conn) {
	e := d.entry(ofReceive, id)
	e.Receive(d.file(id, c), bufferGroup)
	c.set(armed)
}

// disarm stops receiving. What has been received meanwhile, and the end of it, come as completions.
func (d *Driver) disarm(id loop.ID, c *conn) {
	c.clear(wanted)
	if c.is(armed) && !c.is(cancelling) {
		d.cancel(userData(ofReceive, id))
		c.set(cancelling)
	}
}

// rearm receives, if that is wanted, possible and not the case.
func (d *Driver) rearm(id loop.ID, c *conn) bool {
	if !c.is(wanted) || c.is(armed|ended|failed|starving) {
		return false
	}
	d.arm(id, c)
	return true
}

// received takes a completion of a receive.
func (d *Driver) received(id loop.ID, r *ring.Completion) {
	c := d.conn(id)
	d.takeBuffer(id, c, r)
	if c == nil || r.More() {
		return
	}
	c.clear(armed | cancelling)
	switch errno := unix.Errno(-r.Res); {
	case r.Res > 0 || passing(errno) || errno == unix.ECANCELED:
		// The kernel ended the receive, not the peer the connection.
	case errno == unix.ENOBUFS:
		d.starve(id, c)
	case r.Res == 0:
		d.ended(id, c)
	default:
		c.set(ended)
		d.fail(id, c, errno)
	}
	d.settle(id)
}

func (d *Driver) takeBuffer(id loop.ID, c *conn, r *ring.Completion) {
	buffer, picked := r.Buffer()
	if !picked {
		return
	}
	if c == nil || r.Res <= 0 || c.is(finishing) {
		d.recycle(buffer)
		return
	}
	d.lent = append(d.lent, buffer)
	d.tell(loop.Event{Kind: loop.Received, Conn: id, Data: d.buffers.Bytes(buffer, int(r.Res))})
}

// passing reports an error that says nothing about the connection.
func passing(e unix.Errno) bool { return e == unix.EINTR || e == unix.EAGAIN }

func (d *Driver) tell(e loop.Event) { d.events = append(d.events, e) }

func (d *Driver) ended(id loop.ID, c *conn) {
	if !c.is(broken | detaching | finishing) {
		d.tell(loop.Event{Kind: loop.Ended, Conn: id})
	}
	c.set(ended)
}

// fail notes that the connection is broken. If it can still be received from, Failed waits until that has come to its
// end: a server that says why it leaves is heard, though it no longer listens.
func (d *Driver) fail(id loop.ID, c *conn, errno unix.Errno) {
	if c.is(broken) {
		return
	}
	c.set(broken)
	c.errno = uint16(errno)
	d.abandonKept(c)
	if c.is(armed) {
		d.shutdown(id, c, unix.SHUT_RDWR)
	}
}

// settle looks what is to be done with a connection now that a receive or a send has come to an end.
func (d *Driver) settle(id loop.ID) {
	c := d.conn(id)
	switch {
	case c == nil:
	case c.is(finishing):
		d.settleFinish(id, c)
	case c.is(detaching):
		d.settleDetach(id, c)
	case c.is(failed):
	case d.rearm(id, c):
		d.count.rearms++
	case c.is(broken) && !c.is(armed|starving):
		c.set(failed)
		d.tell(loop.Event{Kind: loop.Failed, Conn: id, Errno: int32(c.errno)})
	}
}

// starve queues a connection that found no free buffer. Receiving again at once would find none again, and with many
// such connections a turn would not end.
func (d *Driver) starve(id loop.ID, c *conn) {
	d.count.starved++
	c.set(starving)
	d.starving = append(d.starving, id)
}

// feed lets as many of them receive again as there are buffers free; first come, first served.
func (d *Driver) feed() {
	n := min(len(d.starving), d.buffers.Count()-len(d.lent))
	for _, id := range d.starving[:n] {
		if c := d.conn(id); c != nil {
			c.clear(starving)
			d.settle(id)
		}
	}
	d.starving = d.starving[:copy(d.starving, d.starving[n:])]
}
