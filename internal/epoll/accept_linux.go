package epoll

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// acceptsPerTurn bounds the clients that one turn accepts from one socket: a storm of them must not keep queries waiting.
// At 3 µs each that is 200 µs. The others are reported again by the next poll, as the registration is level-triggered.
const acceptsPerTurn = 64

// arrivals is what a listening socket is registered for. Of several loops that listen, the kernel wakes one for a client,
// not all of them.
const arrivals = unix.EPOLLIN | unix.EPOLLEXCLUSIVE

// listen begins to accept.
func (d *Driver) listen(op *loop.Op) {
	c := d.place(op)
	c.state |= listening | keepsFD
	d.enroll(op.Conn, c, arrivals)
}

// accept takes clients out of the queue of a socket, as many as a turn may.
func (d *Driver) accept(id loop.ID, c *conn) {
	for range acceptsPerTurn {
		fd, errno := accept(c.fd)
		d.stats.Accepts++
		switch {
		case errno == 0:
			d.tell(loop.Event{Kind: loop.Accepted, Conn: id, FD: int32(fd)})
		case errno == unix.EAGAIN:
			return // another loop was faster
		case endsListening(errno):
			d.fail(id, c, errno)
			return
		}
	}
}

// endsListening tells errors of the socket and the system from those of one client, which accept(2) lists: that client is
// gone, and the next may be fine.
func endsListening(errno syscall.Errno) bool {
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP:
		return true
	}
	return false
}
