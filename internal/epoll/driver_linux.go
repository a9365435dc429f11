package epoll

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

var _ loop.Driver = (*Driver)(nil)

// epoch is where the clock of every driver of the process begins, so that their times compare.
var epoch = time.Now()

// Driver is a loop.Driver on epoll.
type Driver struct {
	epfd  int
	conns slab
	stats Stats

	polled []unix.EpollEvent // what epoll_wait fills
	ready  []loop.ID         // connections that may have bytes, in the order in which they are served
	arena  arena

	// next collects the events of the coming turn, last is what Wait returned.
	next, last []loop.Event

	out  outbox
	kept keeper
	waker
}

// New opens a driver. It fails where the process may not have more descriptors.
func New(o Options) (*Driver, error) {
	capacity, err := capacity(o.Connections)
	if err != nil {
		return nil, err
	}
	if o.Arena <= 0 {
		o.Arena = DefaultArena
	}
	d := &Driver{
		polled: make([]unix.EpollEvent, 512),
		arena:  newArena(max(o.Arena, MaxReceive)),
	}
	if d.conns, err = newSlab(capacity); err != nil {
		return nil, err
	}
	if d.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		d.conns.free()
		return nil, fmt.Errorf("opening epoll: %w (is RLIMIT_NOFILE high enough?)", err)
	}
	if err = d.waker.open(d.epfd); err != nil {
		unix.Close(d.epfd)
		d.conns.free()
		return nil, err
	}
	return d, nil
}

// capacity is the number of connections: one descriptor each, so no more than the process may open.
func capacity(asked int) (int, error) {
	if asked <= 0 {
		asked = DefaultConnections
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("reading RLIMIT_NOFILE: %w", err)
	}
	return int(min(uint64(asked), limit.Cur)), nil
}

// Capacity is the number of connections the driver can hold.
func (d *Driver) Capacity() int { return len(d.conns.conns) }

// Now is nanoseconds since the process began, on the monotonic clock.
func (d *Driver) Now() int64 { return int64(time.Since(epoch)) }

// Stats returns the counters. Only the thread that drives the loop may ask, or anyone after it has ended.
func (d *Driver) Stats() Stats { return d.stats }

// Close closes every connection, and the driver.
func (d *Driver) Close() error {
	for slot := range d.conns.used() {
		if c := &d.conns.conns[slot]; c.gen != 0 {
			d.close(c.id(uint32(slot)), c)
		}
	}
	loop.Untaken(d.next, func(fd int) { unix.Close(fd) })
	d.waker.shut()
	err := unix.Close(d.epfd)
	d.epfd = -1
	d.conns.free()
	d.next, d.ready = nil, nil
	if err != nil {
		return fmt.Errorf("closing epoll: %w", err)
	}
	return nil
}

// tell adds an event to the coming turn.
func (d *Driver) tell(e loop.Event) { d.next = append(d.next, e) }

// untell takes back what would be told of a connection that the core has closed.
func (d *Driver) untell(id loop.ID) {
	kept := d.next[:0]
	for i := range d.next {
		if d.next[i].Conn != id {
			kept = append(kept, d.next[i])
			continue
		}
		loop.Untaken(d.next[i:i+1], func(fd int) { unix.Close(fd) })
	}
	d.next = kept
}
