// Package relay is the bare relay: what a pooler costs that has no features. One loop, a fixed number of servers, frames
// found by their length, a server lent to a client from its first byte to the ReadyForQuery that ends its
// transaction, clients waiting in line. No prepared statements, settings, cancel, timeouts, limits or errors of its own.
// What the real pooler costs more than this is the price of its features.
package relay

import (
	"fmt"
	"net"

	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Relay is all of it, on one loop.
type Relay struct {
	rig     *rig.Rig
	servers []server // by slot
	clients []client // by slot
	idle    []loop.ID
	waiting []loop.ID // from first on
	first   int
}

// client is an application's connection.
type client struct {
	id      loop.ID
	server  loop.ID // 0: none
	scan    wire.Scanner
	owed    int    // replies that end with ReadyForQuery, of what has been sent to the server
	waiting bool   // in line
	pending []byte // what came meanwhile
}

// server is a connection to Postgres.
type server struct {
	client loop.ID // 0: idle
	scan   wire.Scanner
}

// The two ends are told apart by their handlers.
type (
	clientEnd struct{ *Relay }
	serverEnd struct{ *Relay }
)

// New makes a relay without servers.
func New(r *rig.Rig) *Relay {
	return &Relay{rig: r, servers: make([]server, r.Capacity()), clients: make([]client, r.Capacity())}
}

// Connect logs in to n servers.
func (r *Relay) Connect(address string, n int) error {
	for range n {
		c, err := rig.Dial(address)
		if err != nil {
			return fmt.Errorf("connecting to the server: %w", err)
		}
		if err := wire.Login(c, "bench", "bench"); err != nil {
			c.Close()
			return fmt.Errorf("logging in to the server: %w", err)
		}
		if err := r.rig.Adopt(c, serverEnd{r}); err != nil {
			return err
		}
	}
	return nil
}

// Serve accepts clients until the listener closes.
func (r *Relay) Serve(l net.Listener) {
	r.rig.Serve(l, clientEnd{r}, func(c net.Conn, number uint32) error { return wire.Welcome(c, number, number) })
}

// Opened takes a new client.
func (r clientEnd) Opened(id loop.ID) { r.clients[id.Slot()] = client{id: id} }

// Step passes what a client says to its server.
func (r clientEnd) Step(e *loop.Event) {
	c := &r.clients[e.Conn.Slot()]
	switch e.Kind {
	case loop.Received:
		r.fromClient(e.Conn, c, e.Data)
	case loop.Congested:
		if c.server != 0 {
			r.rig.Pause(c.server)
		}
	case loop.Drained:
		if c.server != 0 {
			r.rig.Resume(c.server)
		}
	case loop.Ended, loop.Failed:
		r.clientGone(c)
	}
}

// fromClient sends data on, after a server has been found for it.
func (r *Relay) fromClient(id loop.ID, c *client, data []byte) {
	if c.server == 0 {
		if c.waiting || !r.link(id, c) {
			c.pending = append(c.pending, data...)
			if !c.waiting {
				c.waiting = true
				r.waiting = append(r.waiting, id)
			}
			return
		}
	}
	c.count(data)
	r.rig.Send(c.server, data)
}

// count counts the messages that are answered with a ReadyForQuery.
func (c *client) count(data []byte) {
	for len(data) > 0 {
		f, n := c.scan.Next(data)
		data = data[n:]
		if f.Tag == wire.Query || f.Tag == wire.Sync {
			c.owed++
		}
	}
}

// link lends a client an idle server, the one used last.
func (r *Relay) link(id loop.ID, c *client) bool {
	if len(r.idle) == 0 {
		return false
	}
	c.server = r.idle[len(r.idle)-1]
	r.idle = r.idle[:len(r.idle)-1]
	r.servers[c.server.Slot()].client = id
	return true
}

// clientGone gives its server up with it, as nothing here could bring it back into a known state.
func (r *Relay) clientGone(c *client) {
	if c.server != 0 {
		r.rig.Close(c.server)
	}
	*c = client{}
}

// Opened takes a new server.
func (r serverEnd) Opened(id loop.ID) {
	r.servers[id.Slot()] = server{}
	r.release(id)
}

// Step passes what a server says to its client.
func (r serverEnd) Step(e *loop.Event) {
	s := &r.servers[e.Conn.Slot()]
	switch e.Kind {
	case loop.Received:
		r.fromServer(e.Conn, s, e.Data)
	case loop.Congested:
		if s.client != 0 {
			r.rig.Pause(s.client)
		}
	case loop.Drained:
		if s.client != 0 {
			r.rig.Resume(s.client)
		}
	case loop.Ended, loop.Failed:
		r.serverGone(e.Conn, s)
	}
}

// fromServer sends data on, and releases the server at the end of the transaction.
func (r *Relay) fromServer(id loop.ID, s *server, data []byte) {
	if s.client == 0 {
		return
	}
	c := &r.clients[s.client.Slot()]
	r.rig.Send(s.client, data)
	status := byte(0)
	for len(data) > 0 {
		f, n := s.scan.Next(data)
		data = data[n:]
		if f.Tag == wire.ReadyForQuery {
			c.owed--
			status = f.First
		}
	}
	if status == 'I' && c.owed == 0 && c.scan.Between() && s.scan.Between() {
		c.server, s.client = 0, 0
		r.release(id)
	}
}

// release gives a server to the client that has waited longest, or puts it aside.
func (r *Relay) release(id loop.ID) {
	r.idle = append(r.idle, id)
	for r.first < len(r.waiting) {
		next := r.waiting[r.first]
		r.first++
		c := &r.clients[next.Slot()]
		if c.id != next || !c.waiting {
			continue // it has gone
		}
		r.link(next, c)
		c.waiting = false
		c.count(c.pending)
		r.rig.Send(c.server, c.pending)
		c.pending = c.pending[:0] // nothing is appended to it before the turn ends: the client has a server
		break
	}
	if r.first == len(r.waiting) {
		r.waiting, r.first = r.waiting[:0], 0
	} else if r.first > cap(r.waiting)/2 {
		r.waiting = r.waiting[:copy(r.waiting, r.waiting[r.first:])]
		r.first = 0
	}
}

// serverGone closes the client that used it.
func (r *Relay) serverGone(id loop.ID, s *server) {
	if s.client != 0 {
		r.rig.Close(s.client)
		r.clients[s.client.Slot()] = client{}
	}
	for i, other := range r.idle {
		if other == id {
			r.idle = append(r.idle[:i], r.idle[i+1:]...)
			break
		}
	}
	*s = server{}
}
