package epoll

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Wait returns what has happened. It polls first and sleeps only if there is nothing at all.
func (d *Driver) Wait(deadline int64) ([]loop.Event, int64) {
	d.stats.Turns++
	d.stats.Polls++
	d.arena.reset()
	n, _ := pollNow(d.epfd, d.polled)
	d.gather(n)
	d.sleep(deadline)
	events := d.next
	d.next, d.last = d.last[:0], events
	return events, d.Now()
}

// sleep blocks until there is an event to tell, the deadline has passed, or a signal interrupts.
func (d *Driver) sleep(deadline int64) {
	for len(d.next) == 0 {
		timeout := milliseconds(deadline, d.Now)
		if timeout == 0 {
			return
		}
		d.asleep.Store(true)
		if d.pending.Load() || len(d.ready) > 0 {
			timeout = 0
		}
		d.stats.Sleeps++
		n, errno := pollWithin(d.epfd, d.polled, timeout)
		d.asleep.Store(false)
		d.gather(n)
		if errno == syscall.EINTR {
			return
		}
	}
}

// milliseconds is the time to the deadline as epoll wants it: rounded up, -1 for ever, 0 if it has passed.
func milliseconds(deadline int64, now func() int64) int {
	if deadline == loop.Never {
		return -1
	}
	left := deadline - now()
	if left <= 0 {
		return 0
	}
	const ms = int64(time.Millisecond)
	return int(min((left-1)/ms+1, math.MaxInt32))
}

// gather makes events of the first n entries that epoll filled, and of what is in the ready queue.
func (d *Driver) gather(n int) {
	for i := range d.polled[:n] {
		d.edge(&d.polled[i])
	}
	d.receive()
	if d.taken() {
		d.tell(loop.Event{Kind: loop.Woken})
	}
}

// edge is one report of epoll: of the state of a socket, since it last changed.
func (d *Driver) edge(e *unix.EpollEvent) {
	if e.Fd == wakeMark {
		return
	}
	id := loop.MakeID(uint32(e.Fd), uint32(e.Pad))
	c := d.conns.get(id)
	if c == nil || c.is(failed) {
		return
	}
	if c.is(listening) {
		d.accept(id, c)
		return
	}
	const end = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if c.kept != 0 && e.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		d.resend(id, c)
		if d.conns.get(id) == nil {
			return
		}
	}
	if e.Events&(unix.EPOLLIN|end) == 0 {
		return
	}
	c.state |= readable
	if e.Events&end != 0 {
		c.state |= hungUp
	}
	if c.is(ended) && e.Events&unix.EPOLLERR != 0 {
		d.lateError(id, c)
		return
	}
	d.queue(id, c)
}

// lateError tells of a connection that broke after its end of file: no receive would.
func (d *Driver) lateError(id loop.ID, c *conn) {
	if errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && errno != 0 {
		d.fail(id, c, syscall.Errno(errno))
	}
}
