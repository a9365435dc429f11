//go:build linux

package uring

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// Submit implements loop.Driver.
func (d *Driver) Submit(ops []loop.Op) {
	d.bind()
	d.turnPage()
	d.turn.begin(ops)
	for i := range ops {
		d.perform(int32(i), &ops[i])
	}
	for i := range d.turn.runs {
		id := d.turn.runs[i].conn
		if c := d.conn(id); c != nil {
			d.flushSends(id, c)
		}
	}
	d.submit()
	d.reap()
	d.turn.taken = true
	for _, id := range d.turn.settle {
		d.settle(id)
	}
	// The kernel knew the bytes by address only.
	runtime.KeepAlive(ops)
	d.recyclePast()
	d.feed()
	d.turn.end()
	d.arena.reset()
	d.count.publish(d.ring.Enters())
}

func (d *Driver) perform(i int32, op *loop.Op) {
	switch op.Kind {
	case loop.Send:
		d.send(i, op)
		return
	case loop.Attach:
		d.attach(op)
		return
	case loop.Listen:
		d.listen(op)
		return
	}
	c := d.conn(op.Conn)
	if c == nil || c.is(finishing) && op.Kind != loop.Close {
		return
	}
	if c.is(listening) {
		d.performListening(op, c)
		return
	}
	switch op.Kind {
	case loop.Pause:
		d.disarm(op.Conn, c)
	case loop.Resume:
		c.set(wanted)
		d.rearm(op.Conn, c)
	case loop.Finish:
		d.flushSends(op.Conn, c)
		d.finish(op.Conn, c)
	case loop.Close:
		d.flushSends(op.Conn, c)
		d.close(op.Conn, c)
	case loop.Detach:
		d.flushSends(op.Conn, c)
		d.detach(op.Conn, c)
	default:
		panic(fmt.Sprintf("bug: operation %d", op.Kind))
	}
}

// turnPage puts the events of the last turn aside: they, and their buffers, are still the core's, while new ones come.
// Events that were not reported yet stay.
func (d *Driver) turnPage() {
	if !d.reported {
		return
	}
	d.events, d.pastEvents = d.pastEvents[:0], d.events
	d.lent, d.pastLent = d.pastLent[:0], d.lent
	d.reported = false
}

// recyclePast gives the buffers of the last turn to the kernel.
func (d *Driver) recyclePast() {
	if len(d.pastLent) == 0 {
		return
	}
	for _, b := range d.pastLent {
		d.buffers.Recycle(b)
	}
	d.pastLent = d.pastLent[:0]
	d.buffers.Publish()
}

// recycle gives back a buffer that nobody will read.
func (d *Driver) recycle(b uint16) {
	d.buffers.Recycle(b)
	d.buffers.Publish()
}

// entry returns an entry to prepare, and makes room for it if need be.
func (d *Driver) entry(k kind, id loop.ID) *ring.Entry {
	e := d.ring.Entry()
	if e == nil {
		d.flush()
		e = d.ring.Entry()
	}
	e.UserData = userData(k, id)
	d.count.submitted++
	return e
}

// reserve makes room in the arena. To be called before entry, which may empty the arena.
func (d *Driver) reserve(bytes int) {
	if !d.arena.fits(bytes) {
		d.flush()
	}
}

// flush hands what is prepared to the kernel amid a turn.
func (d *Driver) flush() {
	d.push(d.ring.Flush)
	d.arena.reset()
}

// submit hands what is prepared to the kernel, and lets it receive.
func (d *Driver) submit() {
	if d.ring.Unsubmitted() > 0 {
		d.push(d.ring.Poll)
	}
}

// shortageNap is how long the loop waits when the kernel lacks memory for requests. Nothing else could go on either.
const shortageNap = time.Millisecond

// push enters until everything is submitted.
func (d *Driver) push(enter func() error) {
	for {
		err := enter()
		if err != nil && !errors.Is(err, ring.ErrBusy) {
			panic(fmt.Sprintf("bug: %v", err))
		}
		if d.ring.Unsubmitted() == 0 {
			return
		}
		if err != nil {
			time.Sleep(shortageNap)
		}
	}
}
