package looptest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

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

	// over: no events may follow, as it was closed, finished or detached.
	over bool
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
		l.far.Close()
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
	switch kind {
	case loop.Finish:
		l.over = true
	case loop.Close:
		if !l.over || !l.detached {
			r.free = append(r.free, l.id.Slot())
		}
		l.over = true
	}
}

// submit performs what was queued, then destroys what the driver may no longer read.
func (r *rig) submit() {
	r.d.Submit(r.ops)
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
		r.submit()
	}
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
	default:
		r.t.Fatalf("event of unknown kind %d", e.Kind)
	}
}

func name(k loop.EventKind) string {
	names := [...]string{"?", "Received", "Ended", "Failed", "Congested", "Drained", "Detached", "Woken"}
	if int(k) < len(names) {
		return names[k]
	}
	return "?"
}

// until takes turns until the condition holds.
func (r *rig) until(what string, met func() bool) {
	r.t.Helper()
	limit := time.Now().Add(patience)
	for !met() {
		if time.Now().After(limit) {
			r.t.Fatalf("waited %v in vain for: %s", patience, what)
		}
		r.turn(nap)
	}
}

// settle takes turns until the driver has had nothing to tell for a while.
func (r *rig) settle() {
	r.t.Helper()
	for quiet := 0; quiet < 20; quiet++ {
		heard := false
		old := r.on
		r.on = func(e *loop.Event) {
			heard = true
			if old != nil {
				old(e)
			}
		}
		r.turn(nap)
		r.on = old
		if heard {
			quiet = 0
		}
	}
}

// write writes p to the far end, taking turns while it is full.
func (r *rig) write(far Far, p []byte) {
	r.t.Helper()
	r.until("the far end to take bytes", func() bool {
		n, err := far.Write(p)
		if err != nil {
			r.t.Fatalf("writing at the far end: %v", err)
		}
		p = p[n:]
		return len(p) == 0
	})
}

// read reads n bytes at the far end, taking turns while there are too few.
func (r *rig) read(far Far, n int) []byte {
	r.t.Helper()
	p := make([]byte, 0, n)
	if n == 0 {
		return p
	}
	r.until("bytes at the far end", func() bool {
		m, err := far.Read(p[len(p):n])
		if err != nil {
			r.t.Fatalf("reading at the far end, after %d of %d bytes: %v", len(p), n, err)
		}
		p = p[:len(p)+m]
		return len(p) == n
	})
	return p
}

// readEnd reads until the far end is told the end of file or of a reset; it returns the bytes before.
func (r *rig) readEnd(far Far) (p []byte, reset bool) {
	r.t.Helper()
	buf := make([]byte, 64<<10)
	r.until("the end at the far end", func() bool {
		n, err := far.Read(buf)
		p = append(p, buf[:n]...)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrReset) {
			r.t.Fatalf("reading at the far end: %v", err)
		}
		reset = errors.Is(err, ErrReset)
		return err != nil
	})
	return p, reset
}

// echoes makes the rig send back every byte, by reference.
func (r *rig) echoes() {
	r.on = func(e *loop.Event) {
		if e.Kind == loop.Received {
			r.ops = append(r.ops, loop.Op{Kind: loop.Send, Conn: e.Conn, Data: e.Data})
		}
	}
}

// same fails unless the bytes are the expected ones, and tells where they part.
func (r *rig) same(what string, got, want []byte) {
	r.t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	r.t.Fatalf("%s: %d bytes instead of %d, different from byte %d on", what, len(got), len(want), at)
}

// pattern returns n bytes that tell their stream and their place in it.
func pattern(stream, from, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		x := uint32(from+i)*2654435761 + uint32(stream)*40503
		p[i] = byte(x>>24) ^ byte(x>>9)
	}
	return p
}
