package epoll

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// interest is what every connection is registered for.
const interest = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// Submit performs the operations. Sends wait until the end of the turn, so that those to one connection become one
// system call, or until another operation on their connection.
func (d *Driver) Submit(ops []loop.Op) {
	d.out.begin(ops)
	for i := range ops {
		op := &ops[i]
		switch op.Kind {
		case loop.Attach:
			d.attach(op)
			continue
		case loop.Listen:
			d.listen(op)
			continue
		}
		c := d.conns.get(op.Conn)
		if c == nil {
			continue
		}
		if op.Kind == loop.Send {
			d.out.add(op.Conn, c, i)
			continue
		}
		d.sendBatch(op.Conn, c)
		d.perform(op, c)
	}
	d.sendAll()
	d.out.end()
}

func (d *Driver) perform(op *loop.Op, c *conn) {
	if c.is(listening) && op.Kind != loop.Close && op.Kind != loop.Detach {
		panic(fmt.Sprintf("bug: operation %d on a listening socket", op.Kind))
	}
	switch op.Kind {
	case loop.Pause:
		c.state |= paused
	case loop.Resume:
		c.state &^= paused
		if c.is(readable) {
			d.queue(op.Conn, c)
		}
	case loop.Finish:
		d.finish(op.Conn, c)
	case loop.Close:
		d.close(op.Conn, c)
	case loop.Detach:
		d.detach(op.Conn, c)
	default:
		panic(fmt.Sprintf("bug: unknown operation %d", op.Kind))
	}
}

// attach takes a socket over. Bytes that are there already are an edge, so they are found by the next Wait.
func (d *Driver) attach(op *loop.Op) {
	c := d.place(op)
	if op.KeepFD {
		c.state |= keepsFD
	}
	d.enroll(op.Conn, c, interest)
}

// place makes a connection of the slot that an operation names.
func (d *Driver) place(op *loop.Op) *conn {
	c := d.conns.take(op.Conn)
	if c.is(finishing) {
		d.close(c.id(op.Conn.Slot()), c)
	}
	if c.gen != 0 {
		panic(fmt.Sprintf("bug: slot %d attached while generation %d is open", op.Conn.Slot(), c.gen))
	}
	*c = conn{fd: op.FD, gen: op.Conn.Gen()}
	return c
}

// enroll registers the connection for the first time.
func (d *Driver) enroll(id loop.ID, c *conn, events uint32) {
	e := registration(id, events)
	d.stats.Controls++
	if errno := control(d.epfd, unix.EPOLL_CTL_ADD, c.fd, &e); errno != 0 {
		d.fail(id, c, errno)
	}
}

// registration carries the ID through the kernel.
func registration(id loop.ID, events uint32) unix.EpollEvent {
	return unix.EpollEvent{Events: events, Fd: int32(id.Slot()), Pad: int32(id.Gen())}
}

// register changes what the connection is registered for. A change reports the present state, so no edge is lost.
func (d *Driver) register(id loop.ID, c *conn, events uint32) {
	e := registration(id, events)
	d.stats.Controls++
	_ = control(d.epfd, unix.EPOLL_CTL_MOD, c.fd, &e) // it is registered, and MOD allocates nothing: it cannot fail
}

// unregister ends the events. Closing the descriptor would do that only if it is the last one of its socket.
func (d *Driver) unregister(c *conn) {
	if c.is(failed) {
		return
	}
	var none unix.EpollEvent
	d.stats.Controls++
	_ = control(d.epfd, unix.EPOLL_CTL_DEL, c.fd, &none)
}

// finish closes in an orderly way: what is kept goes out, then our end of file; then what the peer still says is
// discarded until its own end of file. The core's Close ends it before.
func (d *Driver) finish(id loop.ID, c *conn) {
	d.untell(id)
	if c.is(failed | broken) {
		d.close(id, c)
		return
	}
	c.state |= finishing
	if c.kept == 0 {
		d.sayGoodbye(id, c)
	}
}

// sayGoodbye sends our end of file, after everything was sent.
func (d *Driver) sayGoodbye(id loop.ID, c *conn) {
	d.stats.Controls++
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil || c.is(ended) {
		d.close(id, c)
		return
	}
	c.state |= shut | readable
	d.queue(id, c)
}

// detach gives the descriptor back, now or when what is kept was sent.
func (d *Driver) detach(id loop.ID, c *conn) {
	if !c.is(keepsFD) {
		panic(fmt.Sprintf("bug: detaching connection %#x, which was attached without KeepFD", uint64(id)))
	}
	c.state |= detaching
	if c.kept == 0 {
		d.giveBack(id, c)
	}
}

func (d *Driver) giveBack(id loop.ID, c *conn) {
	d.unregister(c)
	d.unkeep(c)
	fd := c.fd
	if c.is(listening) {
		fd = loop.Taken
	}
	d.tell(loop.Event{Kind: loop.Detached, Conn: id, FD: fd})
	*c = conn{}
}

// close ends a connection at once; nothing more is told of it.
func (d *Driver) close(id loop.ID, c *conn) {
	d.unregister(c)
	d.unkeep(c)
	d.untell(id)
	if !c.is(listening) {
		d.stats.Closes++
		_ = unix.Close(int(c.fd))
	}
	*c = conn{}
}

// unkeep forgets what is kept.
func (d *Driver) unkeep(c *conn) {
	if c.kept != 0 {
		d.kept.release(c.kept)
		c.kept = 0
	}
}
