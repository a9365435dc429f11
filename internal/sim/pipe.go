package sim

import "syscall"

// pipe is one direction of a connection. Bytes take their time, and never overtake each other.
type pipe struct {
	limit   int    // as many bytes are under way or unread at most: the socket buffers of both ends
	flying  int    // bytes under way
	arrived []byte // to be read
	last    int64  // when the last thing sent arrives
	ended   bool   // the end of file has arrived
}

func (p *pipe) free() int { return p.limit - p.flying - len(p.arrived) }

// end is one end of a connection: a socket.
type end struct {
	w       *World
	fd      int
	in, out *pipe
	peer    *end

	closed bool
	shut   bool          // our end of file is sent
	broken syscall.Errno // a reset has arrived
	// changed is told when there is something to read, or room to write.
	changed func()
	// served is the backend behind the far end, if there is one: what we write goes to Postgres.
	served *Backend
}

// connect makes a connection, with room for at least so many bytes in each direction.
func (w *World) connect(least int) (a, b *end) {
	ab := &pipe{limit: w.Between(least, 200_000)}
	ba := &pipe{limit: w.Between(least, 200_000)}
	a = &end{w: w, in: ba, out: ab}
	b = &end{w: w, in: ab, out: ba}
	a.peer, b.peer = b, a
	return a, b
}

// descriptor gives an end a number, so that it can be attached.
func (e *end) descriptor() int {
	e.w.lastFD++
	e.fd = e.w.lastFD
	e.w.ends[e.fd] = e
	return e.fd
}

func (e *end) tell() {
	if e.changed != nil && !e.closed {
		e.changed()
	}
}

// latency is how long something takes to arrive: mostly little, sometimes long.
func (w *World) latency() int64 {
	if w.Chance(0.02) {
		return int64(w.random.IntN(int(3 * Millisecond)))
	}
	return int64(w.random.IntN(int(80 * Microsecond)))
}

// arrives does something at the far end, after everything sent before.
func (e *end) arrives(what func()) {
	at := max(e.w.now+e.w.latency(), e.out.last)
	e.out.last = at
	e.w.After(at-e.w.now, what)
}

// write takes what there is room for.
func (e *end) write(p []byte) (int, syscall.Errno) {
	switch {
	case e.closed || e.shut:
		panic("bug: writing to an end that is closed")
	case e.broken != 0:
		return 0, syscall.EPIPE
	case e.peer.closed:
		// The kernel takes it, and learns that nobody is there; after what was said before.
		e.peer.arrives(e.reset)
		return len(p), 0
	}
	n := min(len(p), e.out.free())
	if n <= 0 {
		return 0, syscall.EAGAIN
	}
	data := append([]byte(nil), p[:n]...)
	e.out.flying += n
	peer := e.peer
	e.arrives(func() {
		peer.in.flying -= n
		if peer.closed {
			peer.arrives(e.reset)
			return
		}
		peer.in.arrived = append(peer.in.arrived, data...)
		peer.tell()
	})
	return n, 0
}

// reset is the arrival of one.
func (e *end) reset() {
	if e.broken == 0 && !e.closed {
		e.broken = syscall.ECONNRESET
		e.tell()
	}
}

// read returns what is there: EAGAIN if nothing is, 0 without an error at the end.
func (e *end) read(p []byte) (int, syscall.Errno) {
	n := copy(p, e.in.arrived)
	switch {
	case n > 0:
		e.in.arrived = e.in.arrived[n:]
		if len(e.in.arrived) == 0 {
			e.in.arrived = nil
		}
		e.peer.tell() // there is room again
		return n, 0
	case e.broken != 0:
		return 0, e.broken
	case e.in.ended:
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

// readable reports whether read would not say EAGAIN.
func (e *end) readable() bool { return len(e.in.arrived) > 0 || e.broken != 0 || e.in.ended }

// shutdown sends the end of file.
func (e *end) shutdown() {
	if e.shut || e.closed {
		return
	}
	e.shut = true
	peer := e.peer
	e.arrives(func() {
		peer.in.ended = true
		peer.tell()
	})
}

// close is close(2): unread bytes make it a reset.
func (e *end) close() {
	if e.closed {
		return
	}
	if len(e.in.arrived) > 0 {
		e.abort()
		return
	}
	e.shutdown()
	e.gone()
}

// abort closes with a reset.
func (e *end) abort() {
	if e.closed {
		return
	}
	peer := e.peer
	e.arrives(func() { peer.reset() })
	e.gone()
}

func (e *end) gone() {
	e.closed = true
	e.w.census++
	e.changed = nil
	if e.served != nil {
		e.served.hearsNoMore()
	}
	delete(e.w.ends, e.fd)
}
