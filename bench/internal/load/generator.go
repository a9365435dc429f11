// Package load is the clients of a benchmark: as many as wanted, on one loop, each of which sends a batch of queries,
// waits for the last ReadyForQuery, and sends the next.
package load

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// patience is how long replies may take after the load has ended, or before it begins.
const patience = 20 * time.Second

// dialers is how many clients log in at the same time.
const dialers = 16

// Generator is a number of clients. All its fields but faults are the loop's.
type Generator struct {
	rig     *rig.Rig
	mode    Mode
	clients []client // by slot
	open    []loop.ID

	running   bool
	measuring bool
	latencies Histogram
	settled   sync.WaitGroup // a count for every client that has a batch in flight

	faults faults
}

// phase is what a client is doing.
type phase uint8

const (
	idle    phase = iota // nothing in flight
	setup                // waits for the reply to the mode's setup
	loading              // waits for the replies to a batch
)

// client is one connection.
type client struct {
	scan   wire.Scanner
	phase  phase
	owed   int   // ReadyForQuery messages
	rows   int   // DataRows since the last ReadyForQuery
	sentAt int64 // when the batch was sent
}

// New makes a Generator without clients.
func New(r *rig.Rig, m Mode) *Generator {
	return &Generator{rig: r, mode: m, clients: make([]client, r.Capacity())}
}

// Connect logs n clients in, and has each say what the mode says first.
func (g *Generator) Connect(address string, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, dialers)
	for range dialers {
		go func() {
			var err error
			for err == nil && left.Add(-1) >= 0 {
				err = g.connect(address)
			}
			errs <- err
		}()
	}
	var failed error
	for range dialers {
		if err := <-errs; err != nil {
			failed = fmt.Errorf("connecting a client: %w", err)
		}
	}
	if failed != nil {
		return failed
	}
	return g.await()
}

// connect logs one client in.
func (g *Generator) connect(address string) error {
	c, err := rig.Dial(address)
	if err != nil {
		return err
	}
	if err := wire.Login(c, "bench", "bench"); err != nil {
		c.Close()
		return err
	}
	return g.rig.Adopt(c, g)
}

// Opened has a new client say what the mode says first.
func (g *Generator) Opened(id loop.ID) {
	g.open = append(g.open, id)
	c := &g.clients[id.Slot()]
	*c = client{}
	if g.mode.setup != nil {
		g.settled.Add(1)
		c.phase, c.owed = setup, 1
		g.rig.Send(id, g.mode.setup)
	}
}

// Start has every client send, again and again.
func (g *Generator) Start() {
	g.rig.Call(func() {
		g.running = true
		for _, id := range g.open {
			g.settled.Add(1)
			g.send(id, &g.clients[id.Slot()])
		}
	})
}

// Measure begins or ends the measured window, and returns the latencies of the queries that ended in it.
func (g *Generator) Measure(on bool) (h Histogram) {
	g.rig.Call(func() {
		if on {
			g.latencies = Histogram{}
		}
		g.measuring = on
		h = g.latencies
	})
	return h
}

// Finish lets every client receive its last reply, and closes it.
func (g *Generator) Finish() error {
	g.rig.Call(func() { g.running = false })
	err := g.await()
	g.rig.Call(func() {
		for _, id := range g.open {
			g.rig.Close(id)
		}
		g.open = nil
	})
	return err
}

// await waits until no client has anything in flight.
func (g *Generator) await() error {
	done := make(chan struct{})
	go func() { g.settled.Wait(); close(done) }()
	select {
	case <-done:
		return g.Err()
	case <-time.After(patience):
		return errors.Join(g.Err(), fmt.Errorf("clients still wait for replies after %v: the pooler hangs", patience))
	}
}

// Err is what went wrong first, and how many times anything did.
func (g *Generator) Err() error { return g.faults.err() }

// send writes a batch.
func (g *Generator) send(id loop.ID, c *client) {
	c.phase, c.owed = loading, g.mode.queries
	c.sentAt = g.rig.Now()
	g.rig.Send(id, g.mode.batch)
}

// Step takes what came to a client.
func (g *Generator) Step(e *loop.Event) {
	c := &g.clients[e.Conn.Slot()]
	switch e.Kind {
	case loop.Received:
		g.received(e.Conn, c, e.Data)
	case loop.Ended:
		g.lost(c, fmt.Errorf("a client's connection was closed"))
	case loop.Failed:
		g.lost(c, fmt.Errorf("a client's connection broke: errno %d", e.Errno))
	}
}

// received counts the replies, and sends the next batch after the last.
func (g *Generator) received(id loop.ID, c *client, data []byte) {
	for len(data) > 0 {
		f, n := c.scan.Next(data)
		data = data[n:]
		switch f.Tag {
		case wire.DataRow:
			c.rows++
		case wire.ErrorResponse:
			g.fail(fmt.Errorf("a query failed: %s", wire.ErrorText(f.Body)))
		case wire.ReadyForQuery:
			g.ready(c, f.First)
		}
	}
	if c.scan.Bad() {
		g.fail(fmt.Errorf("a client received what is not the protocol"))
	}
	switch {
	case c.owed > 0 || c.phase == idle:
	case c.phase == loading && g.running:
		g.send(id, c)
	default:
		g.settle(c)
	}
}

// settle ends what a client does.
func (g *Generator) settle(c *client) {
	if c.phase != idle {
		c.phase = idle
		g.settled.Done()
	}
}

// ready takes one ReadyForQuery.
func (g *Generator) ready(c *client, status byte) {
	c.owed--
	rows := c.rows
	c.rows = 0
	if c.phase == setup {
		return
	}
	if c.owed < 0 || rows != 1 || status != 'I' {
		g.fail(fmt.Errorf("a reply with %d rows and status %q, %d more owed", rows, status, c.owed))
		return
	}
	if g.measuring {
		g.latencies.Add(g.rig.Now()-c.sentAt, 1)
	}
}

// lost gives a client up.
func (g *Generator) lost(c *client, err error) {
	g.fail(err)
	g.settle(c)
}

// fail notes an error.
func (g *Generator) fail(err error) { g.faults.note(err) }
