// Package load is the clients of a benchmark: as many as wanted, on one loop, each of which sends a batch of queries,
// waits for the last ReadyForQuery, and sends the next.
package load

import (
	"encoding/binary"
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
const patience = time.Minute

// dialers is how many clients log in at the same time.
const dialers = 16

// Generator is a number of clients. All its fields but faults are the loop's.
type Generator struct {
	rig     *rig.Rig
	mode    Mode
	clients []client // by slot
	open    []loop.ID

	number    uint64 // the last that was said of those that are others each time
	running   bool
	measuring bool
	latencies Histogram
	settled   sync.WaitGroup // a count for every client that has something in flight

	faults faults
}

// phase is what a client is doing.
type phase uint8

const (
	idle    phase = iota // nothing in flight
	setup                // says its script's setup
	loading              // says one of its script's units
)

// client is one connection.
type client struct {
	scan   wire.Scanner
	script *script
	phase  phase
	unit   unit
	turn   int // of its script's units
	step   int
	had    int    // replies to that step
	rows   int    // DataRows since the last ReadyForQuery
	value  string // of the last row's column, if that was looked at
	sentAt int64  // when the unit was begun
}

// expected is what the next reply must be; nil if none is due.
func (c *client) expected() *reply {
	if c.phase == idle || c.answered() {
		return nil
	}
	return &c.unit[c.step].replies[c.had]
}

// answered reports whether all replies to the step have come.
func (c *client) answered() bool { return c.had == len(c.unit[c.step].replies) }

// last reports whether the step is the unit's last.
func (c *client) last() bool { return c.step == len(c.unit)-1 }

// generators counts them: no two say the same numbers.
var generators atomic.Uint64

// New makes a Generator without clients.
func New(r *rig.Rig, m Mode) *Generator {
	return &Generator{rig: r, mode: m, clients: make([]client, r.Capacity()), number: generators.Add(1) << 40}
}

// Connect logs n clients in, and has each say what the mode says first.
func (g *Generator) Connect(address string, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, dialers)
	for range dialers {
		go func() {
			var err error
			for err == nil {
				i := left.Add(-1)
				if i < 0 {
					break
				}
				err = g.connect(address, &g.mode.scripts[int(i)%len(g.mode.scripts)])
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

// connect logs one client in that has a script.
func (g *Generator) connect(address string, s *script) error {
	c, err := rig.Dial(address)
	if err != nil {
		return err
	}
	if err := wire.Enter(c, wire.Identity{User: "bench", Database: "bench", Settings: s.startup}); err != nil {
		c.Close()
		return err
	}
	return g.rig.Adopt(c, newcomer{g, s})
}

// newcomer is the generator as the handler of a new client.
type newcomer struct {
	*Generator
	script *script
}

// Opened has a new client say what its script says first.
func (g newcomer) Opened(id loop.ID) {
	c := &g.clients[id.Slot()]
	*c = client{script: g.script}
	g.open = append(g.open, id)
	if c.script.setup != nil {
		g.settled.Add(1)
		g.begin(id, c, setup, c.script.setup)
	}
}

// Start has every client send, again and again.
func (g *Generator) Start() {
	g.rig.Call(func() {
		g.running = true
		for _, id := range g.open {
			g.settled.Add(1)
			g.next(id, &g.clients[id.Slot()])
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

// next has a client say the next unit of its script.
func (g *Generator) next(id loop.ID, c *client) {
	u := c.script.units[c.turn]
	c.turn = (c.turn + 1) % len(c.script.units)
	g.begin(id, c, loading, u)
}

// begin has a client say a unit.
func (g *Generator) begin(id loop.ID, c *client, p phase, u unit) {
	c.phase, c.unit, c.step, c.had = p, u, 0, 0
	c.sentAt = g.rig.Now()
	g.say(id, &u[0])
}

// say sends what a step says.
func (g *Generator) say(id loop.ID, s *step) {
	if s.number == 0 {
		g.rig.Send(id, s.say)
		return
	}
	g.number++
	b := append(g.rig.Scratch(), s.say...)
	binary.BigEndian.PutUint64(b[s.number:], g.number)
	g.rig.Keep(b)
	g.rig.Send(id, b)
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

// received counts the replies, and says what comes after the last of them.
func (g *Generator) received(id loop.ID, c *client, data []byte) {
	for len(data) > 0 {
		f, n := c.scan.Next(data)
		data = data[n:]
		switch f.Tag {
		case wire.DataRow:
			c.rows++
			if want := c.expected(); want != nil {
				c.value = valueIn(f.Body, want.value)
			}
		case wire.ErrorResponse:
			g.fail(fmt.Errorf("a query failed: %s", wire.ErrorText(f.Body)))
		case wire.ReadyForQuery:
			g.ready(c, f.First)
		}
	}
	if c.scan.Bad() {
		g.fail(fmt.Errorf("a client received what is not the protocol"))
	}
	if c.phase != idle && c.answered() {
		g.goOn(id, c)
	}
}

// valueIn is the value of a row of one column, without an allocation where it is the one that is wanted, or any will do. A row
// that came in pieces is taken for that.
func valueIn(row []byte, want string) string {
	const head = 2 + 4 // the number of columns, and the length
	if want == "" || len(row) < head || string(row[head:]) == want {
		return want
	}
	return string(row[head:])
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
	rows, want := c.rows, c.expected()
	c.rows = 0
	switch {
	case want == nil:
		g.fail(fmt.Errorf("a reply to nothing, with %d rows and status %q", rows, status))
		return
	case rows != want.rows || status != want.status:
		g.fail(fmt.Errorf("a reply with %d rows and status %q, where %d and %q are due", rows, status, want.rows, want.status))
	case rows > 0 && want.value != "" && c.value != want.value:
		g.fail(fmt.Errorf("a query has run under the settings of another: %q, not %q", c.value, want.value))
	case g.measuring && c.phase == loading && c.last():
		g.latencies.Add(g.rig.Now()-c.sentAt, 1)
	}
	c.had++
}

// goOn has a client say what follows a step that is answered.
func (g *Generator) goOn(id loop.ID, c *client) {
	switch {
	case !c.last():
		c.step, c.had = c.step+1, 0
		g.say(id, &c.unit[c.step])
	case c.phase == loading && g.running:
		g.next(id, c)
	default:
		g.settle(c)
	}
}

// lost gives a client up.
func (g *Generator) lost(c *client, err error) {
	g.fail(err)
	g.settle(c)
}

// fail notes an error.
func (g *Generator) fail(err error) { g.faults.note(err) }
