package sim

import (
	"syscall"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

var _ loop.Driver = (*Driver)(nil)

// Driver is a loop.Driver over the connections of a World. It keeps the contract of package loop as inconveniently as
// it can: events of different connections come in any order and as late as it likes, bytes in pieces of any size,
// sends fall short for no reason; what the contract lets it forget, it destroys. It is strict, too: a core that
// breaks its side of the contract breaks a rule of the world.
type Driver struct {
	w     *World
	Index int

	capacity int
	conns    map[uint32]*conn
	dirty    []*conn // in which something may have happened
	woken    bool
	closed   bool
	// alone lets Wait pass the time; else whoever schedules the turns does.
	alone bool

	events []loop.Event
	lent   [][]byte // what the core may look at until Submit
}

// conn is one connection of a driver.
type conn struct {
	id    loop.ID
	end   *end
	told  []loop.Event // what Submit brought about, in order
	kept  []byte
	dirty bool
	flags connFlags
	// spill is how many bytes may still be received after Pause: those that were on their way up.
	spill int
	errno syscall.Errno // the send that failed
}

type connFlags struct {
	keepsFD, paused, congested, ended, failed, finishing, detaching, gone bool
}

// NewDriver adds a driver to the world. Alone, its Wait lets time pass.
func (w *World) NewDriver(index, capacity int, alone bool) *Driver {
	return &Driver{w: w, Index: index, capacity: capacity, conns: map[uint32]*conn{}, alone: alone}
}

// Capacity is the number of connections it takes.
func (d *Driver) Capacity() int { return d.capacity }

// Now is the world's time.
func (d *Driver) Now() int64 { return d.w.now }

// Wake makes the next Wait say Woken. In this world there is one thread.
func (d *Driver) Wake() { d.woken = true }

// busy reports whether Wait would have something to tell.
func (d *Driver) busy() bool { return d.woken || len(d.dirty) > 0 }

// Wait returns what has happened, or not all of it.
func (d *Driver) Wait(deadline int64) ([]loop.Event, int64) {
	d.events = d.events[:0]
	if d.alone { // a turn takes its time
		for until := d.w.now + int64(d.w.random.IntN(20_000)); d.w.advance(until); {
		}
	}
	for {
		d.collect()
		if len(d.events) > 0 || !d.alone || d.w.now >= deadline {
			return d.events, d.w.now
		}
		if len(d.dirty) > 0 {
			d.w.now = min(d.w.now+int64(d.w.random.IntN(1000)), deadline)
			continue
		}
		d.w.advance(deadline)
	}
}

// collect asks the connections in which something may have happened, in any order; some have to wait.
func (d *Driver) collect() {
	asked := d.dirty
	d.dirty = nil
	d.w.random.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	for _, c := range asked {
		c.dirty = false
		if c.flags.gone {
			continue
		}
		if d.w.Chance(0.15) {
			d.touch(c)
			continue
		}
		d.happenings(c)
	}
	if d.woken && !d.w.Chance(0.1) {
		d.woken = false
		d.events = append(d.events, loop.Event{Kind: loop.Woken})
	}
}

// touch notes that something may have happened.
func (d *Driver) touch(c *conn) {
	if !c.dirty && !c.flags.gone {
		c.dirty = true
		d.dirty = append(d.dirty, c)
	}
}

// happenings is what can be told of one connection now.
func (d *Driver) happenings(c *conn) {
	for _, e := range c.told {
		d.lent = append(d.lent, e.Data)
		d.events = append(d.events, e)
	}
	c.told = nil
	if len(c.kept) > 0 {
		d.resend(c)
	}
	if c.flags.gone || c.flags.failed {
		return
	}
	if c.flags.finishing {
		d.discard(c)
		return
	}
	for range 1 + d.w.random.IntN(3) {
		if !d.receive(c) {
			return
		}
	}
	if c.end.readable() && (!c.flags.paused || c.errno != 0) {
		d.touch(c)
	}
}

// receive tells of some bytes, or of the end; it reports whether there may be more.
func (d *Driver) receive(c *conn) bool {
	if c.flags.failed || c.flags.detaching {
		return false
	}
	limit := 1 + d.w.random.IntN(30_000)
	if d.w.Chance(0.2) {
		limit = 1 + d.w.random.IntN(20)
	}
	if c.flags.paused && c.errno == 0 {
		if limit = min(limit, c.spill); limit == 0 {
			return false
		}
		c.spill -= limit
	}
	if c.flags.ended {
		if c.end.broken != 0 || c.errno != 0 {
			d.fail(c)
		}
		return false
	}
	buf := make([]byte, limit)
	n, errno := c.end.read(buf)
	switch {
	case n > 0:
		d.lent = append(d.lent, buf[:n])
		d.events = append(d.events, loop.Event{Kind: loop.Received, Conn: c.id, Data: buf[:n:n]})
		if b := c.end.served; b != nil {
			b.tap.received(buf[:n])
		}
		return true
	case errno == 0:
		if c.flags.paused && c.errno == 0 {
			return false
		}
		c.flags.ended = true
		d.events = append(d.events, loop.Event{Kind: loop.Ended, Conn: c.id})
		return c.errno != 0
	case errno == syscall.EAGAIN:
		if c.errno != 0 {
			d.fail(c)
		}
		return false
	}
	if c.flags.paused && c.errno == 0 {
		return false
	}
	d.fail(c)
	return false
}

func (d *Driver) fail(c *conn) {
	errno := c.errno
	if errno == 0 {
		errno = c.end.broken
	}
	c.flags.failed = true
	c.kept = nil
	d.events = append(d.events, loop.Event{Kind: loop.Failed, Conn: c.id, Errno: int32(errno)})
}

// discard reads what a connection that is being finished still sends, and closes it at its end.
func (d *Driver) discard(c *conn) {
	var buf [4096]byte
	for {
		n, errno := c.end.read(buf[:])
		switch {
		case n > 0:
		case errno == syscall.EAGAIN:
			return
		case errno == 0 && len(c.kept) > 0:
			return
		default:
			d.close(c)
			return
		}
	}
}

// resend goes on with what is kept.
func (d *Driver) resend(c *conn) {
	n, errno := c.end.write(c.kept)
	c.kept = c.kept[n:]
	switch {
	case errno != 0 && errno != syscall.EAGAIN:
		c.kept = nil
		d.sendFailed(c, errno)
	case len(c.kept) > 0:
	case c.flags.finishing:
		c.end.shutdown()
	default:
		c.kept = nil
		c.flags.congested = false
		d.events = append(d.events, loop.Event{Kind: loop.Drained, Conn: c.id})
		if c.flags.detaching {
			d.detach(c)
		}
	}
}

func (d *Driver) sendFailed(c *conn, errno syscall.Errno) {
	switch {
	case c.flags.finishing:
		d.close(c)
	case c.flags.detaching:
		d.detach(c)
		d.touch(c)
	default:
		c.errno = errno
		d.touch(c)
	}
}

// close ends a connection. What would have been told of it is not.
func (d *Driver) close(c *conn) {
	c.end.close()
	d.forget(c)
}

func (d *Driver) forget(c *conn) {
	c.flags.gone = true
	c.end.changed = nil
	delete(d.conns, c.id.Slot())
}

// Close closes every connection.
func (d *Driver) Close() error {
	for slot := range uint32(d.capacity) {
		if c := d.conns[slot]; c != nil {
			d.close(c)
		}
		if len(d.conns) == 0 {
			break
		}
	}
	for _, ghost := range d.dirty {
		loop.Untaken(ghost.told, func(int) { ghost.end.close() })
	}
	d.closed = true
	return nil
}
