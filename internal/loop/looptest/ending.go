package looptest

import "github.com/pgmux/caddy-pgmux/internal/loop"

// endedComesLast: all bytes, then Ended, once.
func endedComesLast(r *rig) {
	for _, n := range []int{0, 1, 1000, 300_000} {
		l := r.attach()
		want := pattern(n, 0, n)
		r.write(l.far, want)
		if err := l.far.CloseWrite(); err != nil {
			r.t.Fatal(err)
		}
		r.until("Ended", func() bool { return l.ended })
		r.same("what came before the end", l.got, want)
		r.settle()
		if l.failed {
			r.t.Fatalf("Failed with error %d after an orderly end", l.errno)
		}
	}
}

// halfClosedSends: the end of file ends one direction only.
func halfClosedSends(r *rig) {
	l := r.attach()
	if err := l.far.CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	r.until("Ended", func() bool { return l.ended })
	want := pattern(1, 0, 2<<20) // more than a socket takes at once
	r.send(l, want)
	r.turn(0)
	r.same("what was sent after the end", r.read(l.far, len(want)), want)
	r.do(loop.Finish, l)
	if rest, reset := r.readEnd(l.far); len(rest) != 0 || reset {
		r.t.Fatalf("the far end read %d bytes more, reset: %v", len(rest), reset)
	}
}

// broken makes a connection whose far end goes away with a reset, in every Net.
func broken(r *rig, lastWords []byte) *life {
	l := r.attach()
	r.send(l, []byte("never read")) // closed with these unread, a Unix socket resets its peer
	r.settle()
	if n, err := l.far.Write(lastWords); n != len(lastWords) || err != nil {
		r.t.Fatalf("writing: %d, %v", n, err)
	}
	l.far.Reset()
	return l
}

// resetFails: a reset is told as Failed, after everything that came before it. An end may come between.
func resetFails(r *rig) {
	l := broken(r, []byte("bye"))
	r.until("Failed", func() bool { return l.failed })
	r.same("what came before", l.got, []byte("bye"))
	r.send(l, []byte("into the void"))
	r.do(loop.Pause, l)
	r.do(loop.Resume, l)
	r.settle()
	r.do(loop.Close, l)
	r.settle()
}

// sendToGone: a Send to a peer that has gone leads to Failed, also if an orderly end came first.
func sendToGone(r *rig) {
	l := r.attach()
	l.far.Close()
	r.until("the end", func() bool { return l.ended || l.failed })
	r.until("Failed", func() bool {
		r.send(l, []byte("are you there?"))
		return l.failed
	})
}

// lastWords: bytes that came before the connection broke are heard, even if it was our Send that found out.
func lastWords(r *rig) {
	l := broken(r, []byte("FATAL: I am going"))
	r.send(l, []byte("one more query"))
	r.until("Failed", func() bool { return l.failed })
	r.same("the last words", l.got, []byte("FATAL: I am going"))
}

// congestedFails: a connection that breaks while it is congested fails, also while it is paused, and is never Drained.
func congestedFails(r *rig) {
	for _, pause := range []bool{false, true} {
		l := r.attach()
		r.clog(l)
		drains := l.drains
		if pause {
			r.do(loop.Pause, l)
			r.turn(nap)
		}
		l.far.Reset()
		r.until("Failed", func() bool { return l.failed })
		if l.drains != drains {
			r.t.Fatal("Drained, though the peer read nothing")
		}
	}
}

// finishFlushes: Finish sends what is kept to a slow reader, then the end; nothing is told of it.
func finishFlushes(r *rig) {
	l := r.attach()
	var want []byte
	for !l.congested {
		p := pattern(1, len(want), 1<<20)
		want = append(want, p...)
		r.send(l, p)
		r.turn(nap)
	}
	last := pattern(2, 0, 100)
	want = append(want, last...)
	r.send(l, last)
	r.do(loop.Finish, l)
	r.turn(nap)
	got, reset := r.readEnd(l.far)
	r.same("what was flushed", got, want)
	if reset {
		r.t.Fatal("reset instead of an end")
	}
	l.far.Close()
	r.settle()
	r.do(loop.Close, l)
	r.settle()
}

// finishAtOnce: with nothing kept, the end comes at once; what was sent in the same turn comes before it.
func finishAtOnce(r *rig) {
	l := r.attach()
	r.send(l, []byte("goodbye"))
	r.do(loop.Finish, l)
	r.turn(nap)
	got, reset := r.readEnd(l.far)
	r.same("before the end", got, []byte("goodbye"))
	if reset {
		r.t.Fatal("reset instead of an end")
	}
}

// finishUnreadInput: what is kept arrives even though the peer has sent what nobody read, and goes on: closing a
// socket with unread bytes would reset the connection and destroy what is on its way.
func finishUnreadInput(r *rig) {
	l := r.attach()
	r.do(loop.Pause, l)
	r.turn(nap)
	for range 10 {
		if _, err := l.far.Write(pattern(1, 0, 50_000)); err != nil {
			r.t.Fatalf("writing: %v", err)
		}
	}
	want := pattern(2, 0, 3<<20)
	r.send(l, want)
	r.do(loop.Finish, l)
	r.turn(nap)
	_, _ = l.far.Write([]byte("and another thing"))
	got, reset := r.readEnd(l.far)
	r.same("what was flushed", got, want)
	if reset {
		r.t.Fatal("reset instead of an end")
	}
}

// closeAtOnce: Close forgets what is kept, tells nothing, and the peer learns of it.
func closeAtOnce(r *rig) {
	l := r.attach()
	sent := r.clog(l)
	r.do(loop.Close, l)
	r.turn(nap)
	got, _ := r.readEnd(l.far)
	if len(got) >= sent {
		r.t.Fatalf("all %d bytes arrived after Close", sent)
	}
	r.same("what had left before", got, pattern(1, 0, len(got)))
	r.settle()
}

// closeEndsFinish: the core's Close ends a Finish whose peer does not read.
func closeEndsFinish(r *rig) {
	l := r.attach()
	sent := r.clog(l)
	r.do(loop.Finish, l)
	r.turn(nap)
	r.do(loop.Close, l)
	r.turn(nap)
	if got, _ := r.readEnd(l.far); len(got) >= sent {
		r.t.Fatalf("all %d bytes arrived after Close", sent)
	}
}

// closeClosed: closing what is closed, or never was, does nothing; nor does anything else said to it.
func closeClosed(r *rig) {
	l, neighbour := r.attach(), r.attach()
	r.do(loop.Close, l)
	r.turn(nap)
	stranger := &life{id: loop.MakeID(l.id.Slot()+100, 3), over: true}
	for _, gone := range []*life{l, stranger} {
		for _, kind := range []loop.OpKind{loop.Close, loop.Finish, loop.Pause, loop.Resume, loop.Close} {
			r.ops = append(r.ops, loop.Op{Kind: kind, Conn: gone.id})
			r.send(gone, []byte("hello?"))
		}
	}
	r.settle()
	r.send(neighbour, []byte("still here"))
	r.same("a neighbour", r.read(neighbour.far, 10), []byte("still here"))
}
