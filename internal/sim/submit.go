package sim

import (
	"syscall"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Submit performs the operations, and destroys what the core may not look at any more.
func (d *Driver) Submit(ops []loop.Op) {
	lent := d.lent
	d.lent = nil
	for i := range ops {
		d.perform(&ops[i])
	}
	for _, p := range lent {
		for i := range p {
			p[i] = 0xEE
		}
	}
}

func (d *Driver) perform(op *loop.Op) {
	if op.Kind == loop.Attach {
		d.attach(op)
		return
	}
	if op.Kind == loop.Listen {
		d.w.Violate("driver %d: listening, and in this world nobody connects: clients are attached when they have logged in", d.Index)
		return
	}
	c := d.conns[op.Conn.Slot()]
	if c == nil || c.id != op.Conn {
		if op.Conn == 0 || op.Kind == loop.Detach {
			d.w.Violate("driver %d: operation %d for connection %#x, which is none", d.Index, op.Kind, uint64(op.Conn))
		}
		return
	}
	switch op.Kind {
	case loop.Send:
		d.send(c, op.Data)
	case loop.Pause:
		if !c.flags.paused && d.w.Chance(0.5) {
			c.spill = d.w.random.IntN(20_000)
		}
		c.flags.paused = true
		d.touch(c)
	case loop.Resume:
		c.flags.paused, c.spill = false, 0
		d.touch(c)
	case loop.Finish:
		d.finish(c)
	case loop.Close:
		d.close(c)
	case loop.Detach:
		d.mayDetach(c)
	default:
		d.w.Violate("driver %d: unknown operation %d", d.Index, op.Kind)
	}
}

func (d *Driver) attach(op *loop.Op) {
	slot, e := op.Conn.Slot(), d.w.ends[int(op.FD)]
	old := d.conns[slot]
	switch {
	case int(slot) >= d.capacity || op.Conn.Gen() == 0:
		d.w.Violate("driver %d: attaching slot %d of %d, generation %d", d.Index, slot, d.capacity, op.Conn.Gen())
		return
	case e == nil:
		d.w.Violate("driver %d: attaching descriptor %d, which is not open", d.Index, op.FD)
		return
	case e.changed != nil:
		d.w.Violate("driver %d: attaching descriptor %d, which somebody else has", d.Index, op.FD)
		return
	case old != nil && old.flags.finishing:
		d.close(old)
	case old != nil:
		d.w.Violate("driver %d: attaching slot %d, where generation %d is open", d.Index, slot, old.id.Gen())
		return
	}
	c := &conn{id: op.Conn, end: e, flags: connFlags{keepsFD: op.KeepFD}}
	d.conns[slot] = c
	e.changed = func() { d.touch(c) }
	d.touch(c)
}

// send writes what the socket takes; sometimes that is less than it has room for.
func (d *Driver) send(c *conn, p []byte) {
	if len(p) == 0 || c.flags.finishing || c.flags.detaching {
		return
	}
	if b := c.end.served; b != nil {
		b.tap.sent(p)
	}
	if c.flags.failed || c.errno != 0 {
		return
	}
	if len(c.kept) > 0 {
		c.kept = append(c.kept, p...)
		return
	}
	offered := p
	if d.w.Chance(0.05) {
		offered = p[:d.w.random.IntN(len(p))]
	}
	n, errno := 0, syscall.EAGAIN
	if len(offered) > 0 {
		n, errno = c.end.write(offered)
	}
	switch {
	case n == len(p):
	case errno == 0 || errno == syscall.EAGAIN:
		c.kept = append(c.kept, p[n:]...)
		if !c.flags.congested {
			c.flags.congested = true
			c.told = append(c.told, loop.Event{Kind: loop.Congested, Conn: c.id})
		}
		d.touch(c)
	default:
		d.sendFailed(c, errno)
	}
}

// finish sends what is kept, then the end of file, then waits for the peer's.
func (d *Driver) finish(c *conn) {
	if c.flags.failed || c.errno != 0 {
		d.close(c)
		return
	}
	c.told = nil
	c.flags.finishing = true
	if len(c.kept) == 0 {
		c.end.shutdown()
	}
	d.touch(c)
}

func (d *Driver) mayDetach(c *conn) {
	if !c.flags.keepsFD {
		d.w.Violate("driver %d: detaching slot %d, attached without KeepFD", d.Index, c.id.Slot())
	}
	c.flags.detaching = true
	if len(c.kept) > 0 && !c.flags.failed && c.errno == 0 {
		return // after what was sent in this turn
	}
	d.detach(c)
	d.touch(c)
}

// detach gives the descriptor back, sometimes with bytes that had been received and not reported.
func (d *Driver) detach(c *conn) {
	e := loop.Event{Kind: loop.Detached, Conn: c.id, FD: int32(c.end.fd)}
	if d.w.Chance(0.5) && !c.flags.ended {
		buf := make([]byte, 1+d.w.random.IntN(1000))
		if n, _ := c.end.read(buf); n > 0 {
			e.Data = buf[:n]
			if b := c.end.served; b != nil {
				b.tap.received(e.Data)
			}
		}
	}
	c.told = append(c.told, e)
	c.end.changed = nil
	delete(d.conns, c.id.Slot())
	// The event is told by a conn that nobody finds any more.
	ghost := &conn{id: c.id, end: c.end, told: c.told, flags: connFlags{failed: true}}
	c.told, c.flags.gone = nil, true
	d.touch(ghost)
}
