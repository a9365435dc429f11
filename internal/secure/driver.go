package secure

import "github.com/pgmux/caddy-pgmux/internal/loop"

// Wrap makes a driver that respects the layers of Attach of one that does not. A connection with a layer keeps the contract
// of package loop as one without does, and so much more:
//
//   - The end that the layer tells is Ended; the socket's own is then not told again. A socket that ends without that is
//     Ended too: whether something is missing, Postgres's own messages say.
//   - An error of the layer is Failed with EPROTO. What the layer says of it, an alert, is sent before the core's Close.
//   - What a layer has to say by itself goes out with the next Submit.
//   - Sends to one connection that follow each other in a Submit are sealed together.
//
// Connections without a layer cost a look-up; if there is no other, events and operations pass as they are.
func Wrap(d loop.Driver) loop.Driver { return &driver{Driver: d} }

type driver struct {
	loop.Driver
	conns []*conn // by slot; nil: no layer
	count int     // of those that are not nil

	// opened and unasked and broken are for the other half of the turn: whose layers may have something to say; who was
	// attached and may have something to tell already; and who could not seal.
	opened, unasked, broken []*conn

	events        []loop.Event
	ops           []loop.Op
	plain, cipher arena
	joined        []byte // Sends put together
}

// conn is a connection that has a layer.
type conn struct {
	id    loop.ID
	layer loop.Layer // nil after Finish
	// ended and failed were told, or are about to be; after Failed and Finish nothing is told or sent. detaching: the socket takes nothing any more, what the layer has to
	// say is for its next owner.
	ended, failed, detaching bool
	// opened: it is in the driver's list of that name.
	opened bool
}

// finish keeps the connection only so that nothing is sent to it in clear. Close forgets it, or whoever has its slot next.
func (c *conn) finish() { c.layer, c.failed = nil, true }

// of is the connection if it has a layer.
func (d *driver) of(id loop.ID) *conn {
	if slot := int(id.Slot()); slot < len(d.conns) {
		if c := d.conns[slot]; c != nil && c.id == id {
			return c
		}
	}
	return nil
}

// remember registers a connection and its layer.
func (d *driver) remember(id loop.ID, layer loop.Layer) *conn {
	slot := int(id.Slot())
	if slot >= len(d.conns) {
		d.conns = append(d.conns, make([]*conn, slot+1-len(d.conns))...)
	}
	c := &conn{id: id, layer: layer}
	d.conns[slot] = c
	d.count++
	return c
}

// forget makes of the connection one without a layer.
func (d *driver) forget(c *conn) {
	d.conns[c.id.Slot()] = nil
	d.count--
}

// Close closes the driver below and forgets all layers.
func (d *driver) Close() error {
	d.conns, d.count = nil, 0
	d.opened, d.unasked, d.broken = nil, nil, nil
	return d.Driver.Close()
}
