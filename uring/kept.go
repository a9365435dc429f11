//go:build linux

package uring

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// kept is what a connection was sent and its socket has not taken. One part of it is with the kernel, in one send that
// completes when all of it is gone; what comes meanwhile waits, in a second buffer, since the first must not move.
type kept struct {
	conn    loop.ID // zero: nobody's any more; free as soon as the kernel has let go
	flying  []byte
	sent    int // of flying
	busy    bool
	waiting []byte
}

// keptTable is all of them. Few connections ever have one.
type keptTable struct {
	all  []*kept
	free []int32
}

// keptReuseBytes bounds the buffer that stays for the next to need one.
const keptReuseBytes = 64 << 10

// keep makes room for what id has unsent, and tells.
func (d *Driver) keep(id loop.ID, c *conn) *kept {
	t := &d.kept
	if len(t.free) == 0 {
		t.all = append(t.all, &kept{})
		t.free = append(t.free, int32(len(t.all)-1))
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	c.kept = i + 1
	k := t.all[i]
	k.conn = id
	if !c.is(finishing) {
		d.tellCongested(id)
	}
	return k
}

// tellCongested tells, unless the core has not even been told yet that the connection had drained.
func (d *Driver) tellCongested(id loop.ID) {
	for i := range d.events {
		if e := &d.events[i]; e.Conn == id && e.Kind == loop.Drained {
			d.events = slices.Delete(d.events, i, i+1)
			return
		}
	}
	d.tell(loop.Event{Kind: loop.Congested, Conn: id})
}

// discard makes a kept free for another. The kernel must have let go of it.
func (d *Driver) discard(i int32) {
	k := d.kept.all[i]
	*k = kept{flying: reusable(k.flying), waiting: reusable(k.waiting)}
	d.kept.free = append(d.kept.free, i)
}

func reusable(b []byte) []byte {
	if cap(b) > keptReuseBytes {
		return nil
	}
	return b[:0]
}

// abandonKept forgets what a connection has unsent.
func (d *Driver) abandonKept(c *conn) {
	if c.kept == 0 {
		return
	}
	i := c.kept - 1
	c.kept = 0
	k := d.kept.all[i]
	k.conn = 0
	if k.busy {
		d.cancel(userData(ofKept, loop.ID(i)))
		return
	}
	d.discard(i)
}

// sendKept hands what flies to the kernel.
func (d *Driver) sendKept(i int32, c *conn) {
	k := d.kept.all[i]
	rest := k.flying[k.sent:]
	e := d.entry(ofKept, loop.ID(i))
	e.SendAll(d.file(k.conn, c), unsafe.Pointer(unsafe.SliceData(rest)), len(rest))
	k.busy = true
}

// keptSent takes a completion of such a send.
func (d *Driver) keptSent(i int32, r *ring.Completion) {
	k := d.kept.all[i]
	k.busy = false
	c := d.conn(k.conn)
	if c == nil {
		d.discard(i)
		return
	}
	id := k.conn
	if errno := unix.Errno(-r.Res); r.Res < 0 && !passing(errno) {
		d.fail(id, c, errno)
		d.settle(id)
		return
	}
	k.sent += int(max(r.Res, 0))
	if k.sent == len(k.flying) {
		k.flying, k.waiting, k.sent = k.waiting, k.flying[:0], 0
	}
	if len(k.flying) > 0 {
		d.sendKept(i, c)
		return
	}
	d.drained(id, c)
}

func (d *Driver) drained(id loop.ID, c *conn) {
	d.discard(c.kept - 1)
	c.kept = 0
	if !c.is(finishing | detaching) {
		d.tell(loop.Event{Kind: loop.Drained, Conn: id})
	}
	d.settle(id)
}

// sendLater keeps data behind what is kept already.
func (d *Driver) sendLater(c *conn, data []byte) {
	k := d.kept.all[c.kept-1]
	k.waiting = append(k.waiting, data...)
}

// keepRest keeps a turn's sends to a connection, but for the bytes that were taken.
func (d *Driver) keepRest(id loop.ID, c *conn, r *run, taken int) {
	k := d.keep(id, c)
	k.flying = slices.Grow(k.flying, r.bytes-taken)
	for i := r.first; i >= 0; i = d.turn.next[i] {
		data := d.turn.ops[i].Data
		skip := min(taken, len(data))
		taken -= skip
		k.flying = append(k.flying, data[skip:]...)
	}
	d.sendKept(c.kept-1, c)
}
