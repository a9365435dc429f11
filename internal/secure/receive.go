package secure

import (
	"syscall"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Wait returns what has happened, decrypted. It may be nothing where only a part of a record has come.
func (d *driver) Wait(deadline int64) ([]loop.Event, int64) {
	if d.count == 0 {
		return d.Driver.Wait(deadline)
	}
	d.events = d.events[:0]
	d.tellBroken()
	d.askNew()
	if len(d.events) > 0 {
		deadline = d.Driver.Now()
	}
	events, now := d.Driver.Wait(deadline)
	own := len(d.events) > 0
	for i := range events {
		c := d.of(events[i].Conn)
		if c != nil && !own {
			d.events, own = append(d.events, events[:i]...), true
		}
		switch {
		case c != nil:
			d.translate(c, &events[i])
		case own:
			d.tell(events[i])
		}
	}
	if !own {
		return events, now
	}
	return d.events, now
}

func (d *driver) tell(e loop.Event) { d.events = append(d.events, e) }

// tellBroken tells of those that could not seal in the last Submit, unless they were finished or closed in it.
func (d *driver) tellBroken() {
	for _, c := range d.broken {
		if d.of(c.id) == c && c.layer != nil {
			d.tell(loop.Event{Kind: loop.Failed, Conn: c.id, Errno: int32(syscall.EPROTO)})
		}
	}
	clear(d.broken)
	d.broken = d.broken[:0]
}

// askNew opens nothing for those that were attached in the last Submit: their layer may have come to its end with its last
// owner, who had nobody to tell.
func (d *driver) askNew() {
	for _, c := range d.unasked {
		if d.of(c.id) == c && !c.failed {
			d.open(c, nil)
		}
	}
	clear(d.unasked)
	d.unasked = d.unasked[:0]
}

// translate tells what an event of the socket means behind the layer. After Failed nothing is told but Detached.
func (d *driver) translate(c *conn, e *loop.Event) {
	switch {
	case e.Kind == loop.Detached:
		d.detached(c, *e)
	case c.failed:
	case e.Kind == loop.Received:
		d.open(c, e.Data)
	case e.Kind == loop.Ended:
		d.end(c)
	case e.Kind == loop.Failed:
		c.failed = true
		d.tell(*e)
	default:
		d.tell(*e)
	}
}

// open decrypts what came, and tells it and what the layer says of it. What comes after the end means nothing.
func (d *driver) open(c *conn, cipher []byte) {
	if c.ended {
		return
	}
	plain, ended, err := c.layer.Open(cipher, d.roomFor(cipher))
	if data := d.plain.take(plain); len(data) > 0 {
		d.tell(loop.Event{Kind: loop.Received, Conn: c.id, Data: data})
	}
	if err != nil {
		c.failed = true
		d.tell(loop.Event{Kind: loop.Failed, Conn: c.id, Errno: int32(syscall.EPROTO)})
	} else if ended {
		d.end(c)
	}
	if !c.opened {
		c.opened = true
		d.opened = append(d.opened, c)
	}
}

// roomFor is room for what such ciphertext carries, and the record that it may complete.
func (d *driver) roomFor(cipher []byte) []byte { return d.plain.room(len(cipher) + maxRecord) }

func (d *driver) end(c *conn) {
	if !c.ended {
		c.ended = true
		d.tell(loop.Event{Kind: loop.Ended, Conn: c.id})
	}
}

// detached gives the socket back. The layer keeps what it has to say and, if it has come to its end, tells its next owner.
func (d *driver) detached(c *conn, e loop.Event) {
	plain, _, _ := c.layer.Open(e.Data, d.roomFor(e.Data))
	e.Data = d.plain.take(plain)
	d.forget(c)
	d.tell(e)
}
