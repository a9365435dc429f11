//go:build linux

package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// What a turn sends to one connection is one send, in the cheapest of three forms: as it lies, if it is contiguous
// (frames received together and sent on together are); copied together, if it is small; else as vectors.
const (
	// gatherBytes bounds the copying. Not measured closely: a few KiB are copied in the time that importing vectors
	// takes.
	gatherBytes = 16 << 10
	// maxVectors is the kernel's bound (UIO_MAXIOV).
	maxVectors = 1024
)

// send adds an operation to what this turn sends to its connection.
func (d *Driver) send(i int32, op *loop.Op) {
	c := d.conn(op.Conn)
	switch {
	case c == nil || c.is(broken|finishing|detaching) || len(op.Data) == 0:
	case c.kept != 0:
		d.sendLater(c, op.Data)
	default:
		d.turn.add(c, i, op)
	}
}

// flushSends prepares the send of a run, if there is one and it has not been prepared.
func (d *Driver) flushSends(id loop.ID, c *conn) {
	r := d.turn.runOf(id, c)
	if r == nil || r.prepared {
		return
	}
	r.prepared = true
	switch {
	case r.contiguous:
		d.sendContiguous(r, c)
	case r.bytes <= gatherBytes:
		d.sendGathered(r, c)
	default:
		d.sendVectors(r, c)
	}
}

func (d *Driver) sendContiguous(r *run, c *conn) {
	e := d.entry(ofSend, r.conn)
	e.SendNow(d.file(r.conn, c), r.start, r.bytes)
	e.Silent()
}

func (d *Driver) sendGathered(r *run, c *conn) {
	d.reserve(r.bytes)
	e := d.entry(ofSend, r.conn)
	to := d.arena.bytes(r.bytes)
	e.SendNow(d.file(r.conn, c), unsafe.Pointer(&to[0]), len(to))
	e.Silent()
	for i := r.first; i >= 0; i = d.turn.next[i] {
		to = to[copy(to, d.turn.ops[i].Data):]
	}
}

const (
	vectorBytes  = int(unsafe.Sizeof(unix.Iovec{}))
	messageBytes = int(unsafe.Sizeof(unix.Msghdr{}))
)

func (d *Driver) sendVectors(r *run, c *conn) {
	if r.ops > maxVectors {
		d.keepRest(r.conn, c, r, 0)
		return
	}
	d.reserve(messageBytes + r.ops*vectorBytes)
	e := d.entry(ofSend, r.conn)
	m := (*unix.Msghdr)(unsafe.Pointer(&d.arena.bytes(messageBytes)[0]))
	vectors := unsafe.Slice((*unix.Iovec)(unsafe.Pointer(&d.arena.bytes(r.ops * vectorBytes)[0])), r.ops)
	n := 0
	for i := r.first; i >= 0; i = d.turn.next[i] {
		putVector(&vectors[n], d.turn.ops[i].Data)
		n++
	}
	*m = unix.Msghdr{}
	m.Iov = &vectors[0]
	m.SetIovlen(len(vectors))
	e.SendVectorsNow(d.file(r.conn, c), m)
	e.Silent()
}

// putVector writes a vector as integers: this memory is not Go's, and a pointer in it would not be seen by the
// collector anyway. The operations keep the data reachable.
func putVector(v *unix.Iovec, data []byte) {
	words := (*[2]uintptr)(unsafe.Pointer(v))
	words[0] = uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	words[1] = uintptr(len(data))
}

// sent takes the completion of a send that fell short or failed; the others have none. It comes before the turn ends,
// when the bytes are still the core's, as a send that may not wait is performed while it is submitted. Should a kernel
// tell later, what is missing is gone, and the connection with it.
func (d *Driver) sent(id loop.ID, r *ring.Completion) {
	c := d.conn(id)
	if c == nil {
		return
	}
	errno := unix.Errno(-r.Res)
	switch of := d.turn.runOf(id, c); {
	case of == nil:
		d.fail(id, c, unix.EIO)
	case r.Res < 0 && !passing(errno):
		d.fail(id, c, errno)
	case int(r.Res) < of.bytes:
		d.count.short++
		d.keepRest(id, c, of, int(max(r.Res, 0)))
		return
	}
	d.settle(id)
}
