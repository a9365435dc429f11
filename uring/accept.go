//go:build linux

package uring

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// Accepting is one multishot accept on the descriptor of the listening socket, which has no place in the file table: what
// comes of it are descriptors too, for whoever logs the clients in. Several rings may accept from one socket; the kernel
// wakes one of them for a client. A turn accepts everybody who is in the queue: its length, some thousand at the most, is
// the bound.

// listen begins to accept.
func (d *Driver) listen(op *loop.Op) {
	c := d.place(op)
	c.set(listening)
	d.armAccept(op.Conn, c)
}

func (d *Driver) armAccept(id loop.ID, c *conn) {
	e := d.entry(ofAccept, id)
	e.Accept(ring.File{Index: c.fd})
	c.set(armed)
}

// accepted takes a completion of an accept: a client, or why there is none.
func (d *Driver) accepted(id loop.ID, r *ring.Completion) {
	c := d.conn(id)
	switch {
	case c == nil && r.Res >= 0:
		unix.Close(int(r.Res)) // it came when the core had closed
		return
	case c == nil:
		return
	case r.Res >= 0:
		d.tell(loop.Event{Kind: loop.Accepted, Conn: id, FD: r.Res})
	}
	if r.More() {
		return
	}
	c.clear(armed)
	errno := unix.Errno(-min(r.Res, 0))
	switch {
	case c.is(detaching):
		d.endListening(id, c)
	case endsListening(errno):
		c.set(failed)
		d.tell(loop.Event{Kind: loop.Failed, Conn: id, Errno: int32(errno)})
	default:
		d.count.rearms++
		d.armAccept(id, c)
	}
}

// performListening is what a core may do with a listening socket.
func (d *Driver) performListening(op *loop.Op, c *conn) {
	switch op.Kind {
	case loop.Close:
		d.close(op.Conn, c)
	case loop.Detach:
		c.set(detaching)
		if !c.is(armed) {
			d.endListening(op.Conn, c)
			return
		}
		d.cancel(userData(ofAccept, op.Conn))
	default:
		panic(fmt.Sprintf("bug: operation %d on a listening socket", op.Kind))
	}
}

// endListening tells that nothing is accepted any more.
func (d *Driver) endListening(id loop.ID, c *conn) {
	d.tell(loop.Event{Kind: loop.Detached, Conn: id, FD: loop.Taken})
	*c = conn{}
}

// closeListening forgets a listening socket. Who was accepted and has not been told is closed, now or by accepted.
func (d *Driver) closeListening(id loop.ID, c *conn) {
	if c.is(armed) {
		d.cancel(userData(ofAccept, id))
	}
	kept := d.events[:0]
	for i := range d.events {
		if d.events[i].Conn != id {
			kept = append(kept, d.events[i])
			continue
		}
		loop.Untaken(d.events[i:i+1], func(fd int) { unix.Close(fd) })
	}
	d.events = kept
	*c = conn{}
}

// endsListening tells errors of the socket and the system from those of one client, which accept(2) lists: that client is
// gone, and the next may be fine.
func endsListening(errno unix.Errno) bool {
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// closeAccepted closes, when the driver closes, the clients in completions that nobody has taken.
func (d *Driver) closeAccepted() {
	for n := d.ring.Reap(d.batch[:]); n > 0; n = d.ring.Reap(d.batch[:]) {
		for i := range d.batch[:n] {
			if k, _ := splitUserData(d.batch[i].UserData); k == ofAccept && d.batch[i].Res >= 0 {
				unix.Close(int(d.batch[i].Res))
			}
		}
	}
}
