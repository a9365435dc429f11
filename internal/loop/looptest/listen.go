package looptest

import "github.com/pgmux/caddy-pgmux/internal/loop"

// listen makes a listening socket, and the driver accept from it.
func (r *rig) listen() (l *life, fd int, connect func() Far) {
	r.t.Helper()
	fd, connect = r.net.(Listens).Listen(r.t)
	return r.listenOn(fd), fd, connect
}

func (r *rig) listenOn(fd int) *life {
	slot := r.next
	r.next++
	r.gens[slot]++
	l := &life{id: loop.MakeID(slot, r.gens[slot])}
	r.lives[l.id] = l
	r.ops = append(r.ops, loop.Op{Kind: loop.Listen, Conn: l.id, FD: int32(fd)})
	return l
}

// hangUp closes what was accepted.
func (r *rig) hangUp(l *life) {
	for _, fd := range l.accepted {
		r.net.Near(int(fd)).Close()
	}
	l.accepted = nil
}

// acceptsAll: who connected before Listen is accepted, and who connects later, each once.
func acceptsAll(r *rig) {
	fd, connect := r.net.(Listens).Listen(r.t)
	var fars []Far
	for range 100 {
		fars = append(fars, connect())
	}
	l := r.listenOn(fd)
	r.until("those who waited", func() bool { return len(l.accepted) >= 100 })
	for range 100 {
		fars = append(fars, connect())
		if len(fars)%10 == 0 {
			r.turn(0)
		}
	}
	r.until("the others", func() bool { return len(l.accepted) >= 200 })
	r.settle()
	seen := map[int32]bool{}
	for _, fd := range l.accepted {
		seen[fd] = true
	}
	if len(l.accepted) != 200 || len(seen) != 200 {
		r.t.Fatalf("%d accepted, %d different ones, of 200", len(l.accepted), len(seen))
	}
	r.hangUp(l)
	for _, far := range fars {
		far.Close()
	}
}

// acceptedWorks: an accepted socket does not block, is not inherited, and can be attached.
func acceptedWorks(r *rig) {
	l, _, connect := r.listen()
	far := connect()
	r.until("Accepted", func() bool { return len(l.accepted) == 1 })
	blocks, inherited := flagsOf(r.t, int(l.accepted[0]))
	if blocks || inherited {
		r.t.Fatalf("the accepted socket blocks: %v; is inherited: %v", blocks, inherited)
	}
	c := r.adopt(int(l.accepted[0]), far, false)
	r.write(far, []byte("hello"))
	r.until("what it says", func() bool { return len(c.got) == 5 })
	r.send(c, []byte("good-bye"))
	r.turn(0)
	r.same("the far end", r.read(far, 8), []byte("good-bye"))
}

// listenersShare: of two loops that accept from one socket, each client is given to one.
func listenersShare(r *rig) {
	other := newRig(r.t, r.open, r.net)
	here, fd, connect := r.listen()
	there := other.listenOn(fd)
	var fars []Far
	for i := range 200 {
		fars = append(fars, connect())
		if i%3 == 0 {
			r.turn(0)
		}
		if i%5 == 0 {
			other.turn(0)
		}
	}
	r.until("everybody", func() bool {
		other.turn(0)
		return len(here.accepted)+len(there.accepted) >= 200
	})
	// One ends; the other goes on, alone.
	r.do(loop.Detach, here)
	r.until("Detached", func() bool { return here.detached })
	before := len(there.accepted)
	for range 20 {
		fars = append(fars, connect())
	}
	other.until("the others", func() bool { return len(there.accepted) == before+20 })
	r.hangUp(here)
	other.hangUp(there)
	for _, far := range fars {
		far.Close()
	}
}
