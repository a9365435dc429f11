package looptest

import "github.com/pgmux/caddy-pgmux/internal/loop"

// detach: the descriptor comes back usable, in both directions, and no byte is lost on the way.
func detach(r *rig) {
	random := r.random()
	for range 30 {
		fd, far := r.net.Pair(r.t)
		l := r.adopt(fd, far, true)
		written := random.IntN(100_000)
		r.write(far, pattern(1, 0, written))
		for range random.IntN(4) {
			r.turn(0)
		}
		r.send(l, []byte("first"))
		r.do(loop.Detach, l)
		more, err := far.Write(pattern(1, written, random.IntN(10_000)))
		if err != nil {
			r.t.Fatalf("writing: %v", err)
		}
		r.until("Detached", func() bool { return l.detached })
		near := r.net.Near(int(l.fd))
		if n, err := near.Write([]byte("second")); n != 6 || err != nil {
			r.t.Fatalf("writing to the detached socket: %d, %v", n, err)
		}
		r.same("the far end", r.read(far, 11), []byte("firstsecond"))
		rest := r.read(near, written+more-len(l.got))
		r.same("both owners together", append(l.got, rest...), pattern(1, 0, written+more))
		near.Close()
		far.Close()
	}
}

// detachMoves: a socket goes from one driver to another and back, with its stream of bytes under way.
func detachMoves(r *rig) {
	random := r.random()
	other := newRig(r.t, r.open, r.net)
	fd, far := r.net.Pair(r.t)
	here, there := r, other
	var got []byte
	written := 0
	for range 40 {
		l := here.adopt(fd, far, true)
		n, err := far.Write(pattern(1, written, random.IntN(20_000)))
		if err != nil {
			r.t.Fatalf("writing: %v", err)
		}
		written += n
		for range random.IntN(3) {
			here.turn(0)
		}
		here.do(loop.Detach, l)
		here.until("Detached", func() bool { return l.detached })
		got = append(got, l.got...)
		fd = int(l.fd)
		here, there = there, here
	}
	l := here.adopt(fd, far, true)
	here.until("the rest", func() bool { return len(got)+len(l.got) >= written })
	r.same("all owners together", append(got, l.got...), pattern(1, 0, written))
}

// detachAfterEnd: if the peer goes meanwhile, the descriptor still comes, and its new owner notices.
func detachAfterEnd(r *rig) {
	for _, seen := range []bool{false, true} {
		fd, far := r.net.Pair(r.t)
		l := r.adopt(fd, far, true)
		r.turn(nap)
		far.Close()
		if seen {
			r.until("Ended", func() bool { return l.ended || l.failed })
		}
		r.do(loop.Detach, l)
		r.until("Detached", func() bool { return l.detached })
		near := r.net.Near(int(l.fd))
		if rest, _ := r.readEnd(near); len(rest) != 0 {
			r.t.Fatalf("read %d bytes that nobody sent", len(rest))
		}
		near.Close()
	}
}
