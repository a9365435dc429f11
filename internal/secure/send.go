package secure

import "github.com/pgmux/caddy-pgmux/internal/loop"

// Submit performs the operations, with what is sent encrypted.
func (d *driver) Submit(ops []loop.Op) {
	if d.count == 0 && len(d.opened) == 0 && !attachesLayer(ops) {
		d.Driver.Submit(ops)
		return
	}
	d.sendOwn()
	for i := 0; i < len(ops); i++ {
		c := d.of(ops[i].Conn)
		switch {
		case ops[i].Kind == loop.Attach:
			d.attach(&ops[i])
		case c == nil:
			d.ops = append(d.ops, ops[i])
		case ops[i].Kind == loop.Send:
			n := sendsInARow(ops[i:])
			d.sendAll(c, ops[i:i+n])
			i += n - 1
		default:
			d.perform(c, &ops[i])
		}
	}
	d.Driver.Submit(d.ops)
	clear(d.ops)
	d.ops = d.ops[:0]
	d.plain.reset()
	d.cipher.reset()
}

func attachesLayer(ops []loop.Op) bool {
	for i := range ops {
		if ops[i].Layer != nil {
			return true
		}
	}
	return false
}

// attach remembers the layer. Whoever had the slot before was closed, and is forgotten if not yet.
func (d *driver) attach(op *loop.Op) {
	if slot := int(op.Conn.Slot()); slot < len(d.conns) && d.conns[slot] != nil {
		d.forget(d.conns[slot])
	}
	d.ops = append(d.ops, *op)
	if op.Layer != nil {
		c := d.remember(op.Conn, op.Layer)
		d.sendOf(c, op.Layer.Own(d.cipher.room(0)))
		d.unasked = append(d.unasked, c)
	}
}

// perform does with a connection what is not sending.
func (d *driver) perform(c *conn, op *loop.Op) {
	switch op.Kind {
	case loop.Pause, loop.Resume:
		if c.failed {
			return // paused for good
		}
	case loop.Finish:
		if !c.failed {
			d.sendOf(c, c.layer.End(d.cipher.room(0)))
		}
		c.finish()
	case loop.Close:
		d.forget(c)
	case loop.Detach:
		c.detaching = true
	}
	d.ops = append(d.ops, *op)
}

// sendOwn sends what layers say by themselves of what was opened in this turn. Who has failed shall hear no more.
func (d *driver) sendOwn() {
	for _, c := range d.opened {
		c.opened = false
		if d.of(c.id) != c || c.detaching {
			continue
		}
		d.sendOf(c, c.layer.Own(d.cipher.room(0)))
		if c.failed {
			d.ops = append(d.ops, loop.Op{Kind: loop.Pause, Conn: c.id})
		}
	}
	clear(d.opened)
	d.opened = d.opened[:0]
}

// sendOf sends what a layer has made of the arena's room.
func (d *driver) sendOf(c *conn, cipher []byte) {
	if data := d.cipher.take(cipher); len(data) > 0 {
		d.ops = append(d.ops, loop.Op{Kind: loop.Send, Conn: c.id, Data: data})
	}
}

// sendsInARow counts the Sends at the front that are to one connection.
func sendsInARow(ops []loop.Op) int {
	n := 1
	for n < len(ops) && ops[n].Kind == loop.Send && ops[n].Conn == ops[0].Conn {
		n++
	}
	return n
}

// sendAll seals Sends to one connection in as few records as they need. What fills records is sealed where it lies, the
// rest is put together first.
func (d *driver) sendAll(c *conn, sends []loop.Op) {
	for i := range sends {
		b := sends[i].Data
		for len(b) > 0 {
			full := len(b)
			if i+1 < len(sends) {
				full -= len(b) % maxPayload
			}
			if len(d.joined) == 0 && full > 0 {
				d.seal(c, b[:full])
				b = b[full:]
				continue
			}
			n := min(len(b), maxPayload-len(d.joined))
			d.joined = append(d.joined, b[:n]...)
			b = b[n:]
			if len(d.joined) == maxPayload {
				d.sealJoined(c)
			}
		}
	}
	d.sealJoined(c)
}

func (d *driver) sealJoined(c *conn) {
	if len(d.joined) > 0 {
		d.seal(c, d.joined)
		d.joined = d.joined[:0]
	}
}

// seal sends one slice. If that fails, the next Wait tells. What nobody would send is not sealed: the peer of a layer that
// moves on would miss it.
func (d *driver) seal(c *conn, b []byte) {
	if c.failed || c.detaching {
		return
	}
	records := (len(b) + maxPayload - 1) / maxPayload
	cipher, err := c.layer.Seal(d.cipher.room(len(b)+records*maxOverhead), b)
	d.sendOf(c, cipher)
	if err != nil {
		c.failed = true
		d.broken = append(d.broken, c)
	}
}
