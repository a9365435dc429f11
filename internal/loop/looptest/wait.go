package looptest

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

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

// clog sends until the connection is congested for good, more than the buffers of both sockets may grow to if nobody
// reads; it returns how much.
func (r *rig) clog(l *life) (sent int) {
	r.t.Helper()
	more := func() {
		r.send(l, pattern(1, sent, 1<<20))
		sent += 1 << 20
		r.turn(nap)
	}
	for !l.congested {
		more()
	}
	for range 24 {
		more()
	}
	if !l.congested {
		r.t.Fatalf("%d bytes vanished in buffers", sent)
	}
	return sent
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
