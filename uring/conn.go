//go:build linux

package uring

import (
	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// conn is what the driver knows of a connection, in a slab without pointers: 20 bytes for an idle client.
type conn struct {
	gen   uint32 // 0: the slot is free
	run   int32  // this turn's sends, if turn.runs[run] says so too
	kept  int32  // index + 1 of what is kept unsent
	fd    int32  // -1: the socket is in the file table only
	flags connFlags
	errno uint16 // why it is broken
}

type connFlags uint16

const (
	// armed: a receive is under way; its last completion has not been seen.
	armed connFlags = 1 << iota
	// cancelling: that receive is being cancelled.
	cancelling
	// wanted: the core wants to receive.
	wanted
	// ended: the peer's end of file was received.
	ended
	// broken: nothing can be sent any more.
	broken
	// failed: Failed was reported. Nothing else will be.
	failed
	// keepFD: the descriptor is to come back with Detach.
	keepFD
	// finishing: by Finish. No events any more.
	finishing
	// shut: our end of file was sent, or is being sent.
	shut
	// shutting: a shutdown is under way.
	shutting
	// detaching: by Detach.
	detaching
	// starving: its receive found no buffer free, and is queued to be armed again.
	starving
	// listening: by Listen. Accepted from, by its descriptor, which is never closed.
	listening
)

func (c *conn) is(f connFlags) bool    { return c.flags&f != 0 }
func (c *conn) set(f connFlags)        { c.flags |= f }
func (c *conn) clear(f connFlags)      { c.flags &^= f }
func (c *conn) id(slot uint32) loop.ID { return loop.MakeID(slot, c.gen) }

// conn finds a connection; nil if it is not there any more.
func (d *Driver) conn(id loop.ID) *conn {
	if slot := id.Slot(); int(slot) < len(d.conns) {
		if c := &d.conns[slot]; c.gen == id.Gen() && c.gen != 0 {
			return c
		}
	}
	return nil
}

// file is what operations on a connection act on.
func (d *Driver) file(id loop.ID, c *conn) ring.File {
	if d.fixed {
		return ring.File{Index: int32(id.Slot()), Fixed: true}
	}
	return ring.File{Index: c.fd}
}

// kind is what a submission was for; with an ID (or an index), it makes its user data.
type kind uint8

const (
	ofNothing kind = iota // whose completion says nothing we act on
	ofReceive
	ofSend
	ofKept
	ofShutdown
	ofWake
	ofAccept
)

const kindShift = 56

func userData(k kind, id loop.ID) uint64 { return uint64(k)<<kindShift | uint64(id) }

func splitUserData(u uint64) (kind, loop.ID) {
	return kind(u >> kindShift), loop.ID(u & (1<<kindShift - 1))
}

// attach takes a socket over and begins to receive. The three steps happen in their order while they are submitted; if
// the first fails, the receive fails too and reports it.
func (d *Driver) attach(op *loop.Op) {
	c := d.place(op)
	if op.KeepFD {
		c.set(keepFD)
	}
	if d.fixed {
		d.install(op.Conn.Slot(), c)
	}
	c.set(wanted)
	d.arm(op.Conn, c)
}

// place makes a connection of the slot that an operation names.
func (d *Driver) place(op *loop.Op) *conn {
	slot := op.Conn.Slot()
	if int(slot) >= len(d.conns) || op.Conn.Gen() == 0 {
		panic("bug: Attach of a slot beyond the driver's capacity, or of generation 0")
	}
	c := &d.conns[slot]
	if c.gen != 0 {
		d.close(c.id(slot), c)
	}
	*c = conn{gen: op.Conn.Gen(), fd: op.FD}
	return c
}

func (d *Driver) install(slot uint32, c *conn) {
	d.reserve(4)
	e := d.entry(ofNothing, 0)
	fd := d.arena.int32()
	*fd = c.fd
	e.Install(fd, slot)
	e.Silent()
	if !c.is(keepFD) {
		d.closeFD(c.fd)
		c.fd = -1
	}
}

func (d *Driver) closeFD(fd int32) {
	e := d.entry(ofNothing, 0)
	e.CloseFD(fd)
	e.Silent()
}

// close forgets a connection: what is under way is cancelled, and the slot is free for another at once.
func (d *Driver) close(id loop.ID, c *conn) {
	if c.is(listening) {
		d.closeListening(id, c)
		return
	}
	if c.is(shutting) && !d.awaitShutdown(id, c) {
		return
	}
	if c.is(armed) && !c.is(cancelling) {
		d.cancel(userData(ofReceive, id))
	}
	d.abandonKept(c)
	d.release(id)
	if c.fd >= 0 {
		d.closeFD(c.fd)
	}
	*c = conn{}
}

// release takes the socket out of the file table.
func (d *Driver) release(id loop.ID) {
	if d.fixed {
		e := d.entry(ofNothing, 0)
		e.CloseSlot(id.Slot())
		e.Silent()
	}
}

func (d *Driver) cancel(userData uint64) {
	e := d.entry(ofNothing, 0)
	e.Cancel(userData)
	e.Silent()
}

// closeDescriptors closes what is still a descriptor, when the driver closes.
func (d *Driver) closeDescriptors() {
	for i := range d.conns {
		if c := &d.conns[i]; c.gen != 0 && c.fd >= 0 && !c.is(listening) {
			unix.Close(int(c.fd))
		}
	}
}
