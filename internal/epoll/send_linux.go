package epoll

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// outbox collects the Sends of a turn by connection. The Sends of a batch are linked through their indices, so
// that collecting allocates nothing and looks nothing up.
type outbox struct {
	ops     []loop.Op
	next    []int32 // the Send after this one in its batch; -1: none
	batches []batch

	joined []byte       // small Sends put together
	vector []unix.Iovec // large ones
	header unix.Msghdr  // with vector
}

// batch is what one connection sends in a turn.
type batch struct {
	conn        loop.ID
	first, last int32
	bytes       int
}

// joinLimit is the size up to which several Sends are copied into one: a copy of 16 KiB costs less than
// the kernel's work on a vector.
const joinLimit = 16 << 10

// vectorLength is the slices sent by one call.
const vectorLength = 256

func (o *outbox) begin(ops []loop.Op) {
	o.ops = ops
	if cap(o.next) < len(ops) {
		o.next = make([]int32, max(256, 2*len(ops)))
	}
	o.next = o.next[:cap(o.next)]
}

// end forgets the operations, which are the core's again.
func (o *outbox) end() {
	o.ops, o.batches = nil, o.batches[:0]
}

// add puts Send i into the batch of its connection.
func (o *outbox) add(id loop.ID, c *conn, i int) {
	size := len(o.ops[i].Data)
	if size == 0 {
		return
	}
	at := int32(i)
	o.next[at] = -1
	if c.batch == 0 {
		o.batches = append(o.batches, batch{conn: id, first: at, last: at, bytes: size})
		c.batch = int32(len(o.batches))
		return
	}
	b := &o.batches[c.batch-1]
	o.next[b.last] = at
	b.last = at
	b.bytes += size
}

// sendAll sends what is collected, connection by connection, in the order of their first Send.
func (d *Driver) sendAll() {
	for i := range d.out.batches {
		id := d.out.batches[i].conn
		if c := d.conns.get(id); c != nil && c.batch == int32(i+1) {
			d.sendBatch(id, c)
		}
	}
}

// sendBatch sends what is collected for one connection; what the socket refuses is kept.
func (d *Driver) sendBatch(id loop.ID, c *conn) {
	if c.batch == 0 {
		return
	}
	b := &d.out.batches[c.batch-1]
	c.batch = 0
	if c.is(failed | broken | finishing | detaching) {
		return
	}
	sent, errno := 0, syscall.Errno(0)
	if c.kept == 0 {
		sent, errno = d.push(c, b)
	}
	switch {
	case sent == b.bytes:
	case errno == 0 || errno == unix.EAGAIN || errno == unix.EINTR:
		d.keep(id, c, b, sent)
	default:
		d.breakUp(id, c, errno)
	}
}

// push offers the batch to the socket and returns how much of it was taken.
func (d *Driver) push(c *conn, b *batch) (int, syscall.Errno) {
	switch {
	case b.first == b.last:
		return d.send(c, d.out.ops[b.first].Data)
	case b.bytes <= joinLimit:
		return d.send(c, d.out.join(b))
	}
	return d.sendVector(c, b)
}

func (d *Driver) send(c *conn, p []byte) (int, syscall.Errno) {
	n, errno := send(c.fd, p)
	d.stats.Sends++
	d.stats.BytesSent += uint64(n)
	return n, errno
}

// join copies the batch together.
func (o *outbox) join(b *batch) []byte {
	o.joined = o.joined[:0]
	for i := b.first; i >= 0; i = o.next[i] {
		o.joined = append(o.joined, o.ops[i].Data...)
	}
	return o.joined
}

// sendVector sends the slices of the batch where they are, vectorLength at a time.
func (d *Driver) sendVector(c *conn, b *batch) (int, syscall.Errno) {
	total := 0
	for i := b.first; i >= 0; {
		var offered int
		offered, i = d.out.fill(i)
		n, errno := sendmsg(c.fd, &d.out.header)
		d.stats.Sends++
		d.stats.BytesSent += uint64(n)
		total += n
		if n < offered {
			d.out.vector = d.out.vector[:0]
			return total, errno
		}
	}
	clear(d.out.vector)
	return total, 0
}

// fill points the vector at the Sends from i on; it returns their bytes and the first that found no place.
func (o *outbox) fill(i int32) (int, int32) {
	if o.vector == nil {
		o.vector = make([]unix.Iovec, 0, vectorLength)
	}
	o.vector = o.vector[:0]
	bytes := 0
	for ; i >= 0 && len(o.vector) < vectorLength; i = o.next[i] {
		data := o.ops[i].Data
		v := unix.Iovec{Base: unsafe.SliceData(data)}
		v.SetLen(len(data))
		o.vector = append(o.vector, v)
		bytes += len(data)
	}
	o.header = unix.Msghdr{Iov: unsafe.SliceData(o.vector)}
	o.header.SetIovlen(len(o.vector))
	return bytes, i
}

// keep copies what of the batch was not sent. The first time, the connection becomes congested.
func (d *Driver) keep(id loop.ID, c *conn, b *batch, sent int) {
	if c.kept == 0 {
		c.kept = d.kept.keep()
		d.register(id, c, interest|unix.EPOLLOUT)
		d.tell(loop.Event{Kind: loop.Congested, Conn: id})
	}
	r := d.kept.at(c.kept)
	for i := b.first; i >= 0; i = d.out.next[i] {
		data := d.out.ops[i].Data
		skip := min(sent, len(data))
		sent -= skip
		r.add(data[skip:])
	}
}

// resend goes on with what is kept, as long as the socket takes all it is offered.
func (d *Driver) resend(id loop.ID, c *conn) {
	r := d.kept.at(c.kept)
	n, errno := d.send(c, r.unsent())
	r.sent += n
	switch {
	case len(r.unsent()) == 0:
		d.drained(id, c)
	case errno == 0 || errno == unix.EAGAIN || errno == unix.EINTR:
		// A socket that took less than offered, or was interrupted, tells when it has room: its space was
		// exhausted after the edge, or the registration is renewed.
		if errno == unix.EINTR {
			d.register(id, c, interest|unix.EPOLLOUT)
		}
	default:
		d.breakUp(id, c, errno)
	}
}

// drained is reached when nothing is kept any more.
func (d *Driver) drained(id loop.ID, c *conn) {
	d.unkeep(c)
	d.register(id, c, interest)
	switch {
	case c.is(finishing):
		d.sayGoodbye(id, c)
	case c.is(detaching):
		d.giveBack(id, c)
	default:
		d.tell(loop.Event{Kind: loop.Drained, Conn: id})
	}
}

// breakUp is reached when a send fails. What the peer said before it went is received first.
func (d *Driver) breakUp(id loop.ID, c *conn, errno syscall.Errno) {
	d.unkeep(c)
	switch {
	case c.is(finishing):
		d.close(id, c)
	case c.is(detaching):
		d.giveBack(id, c)
	default:
		c.state |= broken
		c.errno = uint16(errno)
		d.queue(id, c)
	}
}
