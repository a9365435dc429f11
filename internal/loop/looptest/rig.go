package looptest

import (
	"bytes"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// patience is how long a test waits for what must happen: generous, because tests share the machine.
const patience = 60 * time.Second

// nap is how long one turn waits for events while a test polls its far ends: 1 ms of the driver's clock.
const nap = int64(time.Millisecond)

// rig is a core in the hands of a test, and the driver under it.
type rig struct {
	t    *testing.T
	d    loop.Driver
	open Open
	net  Net

	ops     []loop.Op
	scratch [][]byte // copies of the Sends' bytes, scribbled over after Submit
	lives   map[loop.ID]*life
	gens    map[uint32]uint32
	next    uint32
	free    []uint32
	clock   int64
	woken   int
	turns   int

	// on, if set, is told every event after it was checked.
	on func(*loop.Event)
}

// life is what was told of one connection.
type life struct {
	id       loop.ID
	far      Far
	got      []byte
	received int // bytes, also those not in got
	discard  bool

	ended, failed, congested bool
	errno                    int32
	congestions, drains      int
	detached                 bool
	fd                       int32
	accepted                 []int32 // by a listening socket; the test's

	// over: no events may follow, as it was closed, finished or detached. closed: that was asked for.
	over, closed bool
}

func newRig(t *testing.T, open Open, net Net) *rig {
	r := &rig{t: t, open: open, net: net, d: open(t), lives: map[loop.ID]*life{}, gens: map[uint32]uint32{}}
	t.Cleanup(r.close)
	return r
}

// close ends the driver and the far ends; it may be called twice.
func (r *rig) close() {
	if r.d == nil {
		return
	}
	if err := r.d.Close(); err != nil {
		r.t.Errorf("closing the driver: %v", err)
	}
	for _, l := range r.lives {
		if l.far != nil {
			l.far.Close()
		}
	}
	r.d = nil
}

// attach makes a connection and attaches it.
func (r *rig) attach() *life {
	r.t.Helper()
	fd, far := r.net.Pair(r.t)
	return r.adopt(fd, far, false)
}

// adopt attaches a socket in a slot that is free, with the slot's next generation.
func (r *rig) adopt(fd int, far Far, keepFD bool) *life {
	var slot uint32
	if n := len(r.free); n > 0 {
		slot, r.free = r.free[n-1], r.free[:n-1]
	} else {
		slot = r.next
		r.next++
	}
	return r.adoptAt(slot, fd, far, keepFD)
}

func (r *rig) adoptAt(slot uint32, fd int, far Far, keepFD bool) *life {
	r.gens[slot]++
	l := &life{id: loop.MakeID(slot, r.gens[slot]), far: far}
	r.lives[l.id] = l
	r.ops = append(r.ops, loop.Op{Kind: loop.Attach, Conn: l.id, FD: int32(fd), KeepFD: keepFD})
	return l
}

// send queues p. The driver gets a copy, which is destroyed after the Submit.
func (r *rig) send(l *life, p []byte) {
	p = bytes.Clone(p)
	r.scratch = append(r.scratch, p)
	r.ops = append(r.ops, loop.Op{Kind: loop.Send, Conn: l.id, Data: p})
}

func (r *rig) do(kind loop.OpKind, l *life) {
	r.ops = append(r.ops, loop.Op{Kind: kind, Conn: l.id})
	if kind == loop.Close && !l.closed && !l.detached {
		r.free = append(r.free, l.id.Slot())
		l.closed = true
	}
}

// submit performs what was queued, then destroys what the driver may no longer read.
func (r *rig) submit() {
	r.d.Submit(r.ops)
	for i := range r.ops {
		op := &r.ops[i]
		if l := r.lives[op.Conn]; l != nil && (op.Kind == loop.Finish || op.Kind == loop.Close) {
			l.over = true
		}
	}
	clear(r.ops)
	r.ops = r.ops[:0]
	for _, p := range r.scratch {
		for i := range p {
			p[i] = 0xDD
		}
	}
	r.scratch = r.scratch[:0]
}

// turn submits what is queued outside of a turn, waits at most so long, checks the events and performs what they led to.
func (r *rig) turn(wait int64) {
	r.t.Helper()
	if len(r.ops) > 0 {
		r.pass(0) // Wait and Submit take turns
	}
	r.pass(wait)
}

func (r *rig) pass(wait int64) {
	r.t.Helper()
	events, now := r.d.Wait(r.d.Now() + wait)
	if now < r.clock {
		r.t.Fatalf("the clock went back from %d to %d", r.clock, now)
	}
	r.clock = now
	r.turns++
	for i := range events {
		r.step(&events[i])
	}
	r.submit()
}

// step checks what must hold for every event, and notes it.
func (r *rig) step(e *loop.Event) {
	r.t.Helper()
	if e.Kind == loop.Woken {
		if e.Conn != 0 {
			r.t.Fatalf("Woken with connection %#x", uint64(e.Conn))
		}
		r.woken++
	} else {
		r.note(e)
	}
	if r.on != nil {
		r.on(e)
	}
}

func (r *rig) note(e *loop.Event) {
	r.t.Helper()
	l := r.lives[e.Conn]
	switch {
	case l == nil:
		r.t.Fatalf("%s for connection %#x, which never was", name(e.Kind), uint64(e.Conn))
	case l.over && e.Kind != loop.Detached:
		r.t.Fatalf("%s for connection %#x, which is over", name(e.Kind), uint64(e.Conn))
	case l.failed && e.Kind != loop.Detached:
		r.t.Fatalf("%s after Failed", name(e.Kind))
	}
	switch e.Kind {
	case loop.Received:
		if len(e.Data) == 0 || l.ended {
			r.t.Fatalf("Received %d bytes, after Ended: %v", len(e.Data), l.ended)
		}
		l.received += len(e.Data)
		if !l.discard {
			l.got = append(l.got, e.Data...)
		}
	case loop.Ended:
		if l.ended {
			r.t.Fatal("Ended twice")
		}
		l.ended = true
	case loop.Failed:
		if e.Errno == 0 {
			r.t.Fatal("Failed without an error number")
		}
		l.failed, l.errno = true, e.Errno
	case loop.Congested:
		if l.congested {
			r.t.Fatal("Congested twice without Drained between")
		}
		l.congested = true
		l.congestions++
	case loop.Drained:
		if !l.congested {
			r.t.Fatal("Drained without Congested")
		}
		l.congested = false
		l.drains++
	case loop.Detached:
		if l.detached {
			r.t.Fatal("Detached twice")
		}
		l.detached, l.over, l.fd = true, true, e.FD
		l.got = append(l.got, e.Data...)
		r.free = append(r.free, e.Conn.Slot())
	case loop.Accepted:
		l.accepted = append(l.accepted, e.FD)
		e.FD = loop.Taken
	default:
		r.t.Fatalf("event of unknown kind %d", e.Kind)
	}
}

func name(k loop.EventKind) string {
	names := [...]string{"?", "Received", "Ended", "Failed", "Congested", "Drained", "Detached", "Woken", "Accepted"}
	if int(k) < len(names) {
		return names[k]
	}
	return "?"
}
