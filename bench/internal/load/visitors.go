package load

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Visitors are clients that connect, log in, ask one query and go, again and again: so many at a time, on one loop. All
// fields but faults are the loop's.
type Visitors struct {
	rig     *rig.Rig
	who     wire.Identity
	address netip.AddrPort
	visits  []loopVisit // by slot
	number  uint64      // of visits ever begun

	running   bool
	measuring bool
	latencies Histogram
	settled   sync.WaitGroup // a count for every visitor that is there

	faults faults
}

// loopVisit is one connection.
type loopVisit struct {
	visit
	beganAt int64 // before it was connected
}

// NewVisitors makes visitors of what listens at address, an IPv4 and a port.
func NewVisitors(r *rig.Rig, address string, who wire.Identity) (*Visitors, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("visiting: %w", err)
	}
	return &Visitors{rig: r, who: who, address: to, visits: make([]loopVisit, r.Capacity())}, nil
}

// Start has n come at a time.
func (g *Visitors) Start(n int) {
	g.settled.Add(n)
	g.rig.Call(func() {
		g.running = true
		for range n {
			g.come()
		}
	})
}

// come begins a visit, unless there are to be no more.
func (g *Visitors) come() {
	if !g.running {
		g.settled.Done()
		return
	}
	g.number++
	if err := g.rig.Connect(g.address, rig.Source(g.number), g); err != nil {
		g.faults.note(err)
		g.settled.Done()
	}
}

// Opened says what is said first.
func (g *Visitors) Opened(id loop.ID) {
	v := &g.visits[id.Slot()]
	v.beganAt = g.rig.Now()
	b := v.begin(g.rig.Scratch(), g.who)
	g.rig.Keep(b)
	g.rig.Send(id, b)
}

// Step takes what came to a visitor.
func (g *Visitors) Step(e *loop.Event) {
	switch e.Kind {
	case loop.Received:
		g.received(e.Conn, e.Data)
	case loop.Ended:
		g.lost(errors.New("a visitor's connection was closed"))
	case loop.Failed:
		g.lost(fmt.Errorf("a visitor's connection broke: errno %d", e.Errno))
	}
}

// received answers, and ends a visit that is over.
func (g *Visitors) received(id loop.ID, data []byte) {
	v := &g.visits[id.Slot()]
	b, over, err := v.received(data, g.rig.Scratch())
	g.rig.Keep(b)
	if len(b) > 0 {
		g.rig.Send(id, b)
	}
	switch {
	case err != nil:
		g.rig.Close(id)
		g.lost(err)
	case over:
		if g.measuring {
			g.latencies.Add(g.rig.Now()-v.beganAt, 1)
		}
		g.rig.Close(id)
		g.come()
	}
}

// lost gives a visitor up; nobody comes in its place.
func (g *Visitors) lost(err error) {
	g.faults.note(err)
	g.settled.Done()
}

// Measure begins or ends the measured window, and returns how long the visits took that ended in it.
func (g *Visitors) Measure(on bool) (h Histogram) {
	g.rig.Call(func() {
		if on {
			g.latencies = Histogram{}
		}
		g.measuring = on
		h = g.latencies
	})
	return h
}

// Finish lets every visit come to its end.
func (g *Visitors) Finish() error {
	g.rig.Call(func() { g.running = false })
	return awaitAll(&g.settled, &g.faults)
}

// awaitAll waits until nobody is there any more.
func awaitAll(settled *sync.WaitGroup, f *faults) error {
	done := make(chan struct{})
	go func() { settled.Wait(); close(done) }()
	select {
	case <-done:
		return f.err()
	case <-time.After(patience):
		return errors.Join(f.err(), fmt.Errorf("visitors still wait for replies after %v: the pooler hangs", patience))
	}
}
