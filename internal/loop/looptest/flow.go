package looptest

import "github.com/pgmux/caddy-pgmux/internal/loop"

// slowReader: a socket that takes less than was sent is Congested once; what is sent on is queued behind; when all
// is out it is Drained once; every byte arrives in order. Twice, as the state must be left behind.
func slowReader(r *rig) {
	random := r.random()
	l := r.attach()
	other := r.attach()
	sent := 0
	for round := 1; round <= 2; round++ {
		var want []byte
		push := func(n int) {
			p := pattern(1, sent, n)
			sent += n
			want = append(want, p...)
			r.send(l, p)
		}
		for !l.congested && len(want) < 64<<20 {
			push(100_000)
			push(10)
			r.turn(nap)
		}
		if !l.congested {
			r.t.Fatalf("took %d bytes and was never Congested", len(want))
		}
		for range 20 { // behind what is kept
			push(1 + random.IntN(50_000))
			r.turn(0)
		}
		r.send(other, []byte("slow only itself"))
		r.same("another connection meanwhile", r.read(other.far, 16), []byte("slow only itself"))
		var got []byte
		for l.congested && len(got) < len(want) { // while it drains
			got = append(got, r.read(l.far, min(1+random.IntN(200_000), len(want)-len(got)))...)
			if len(want) < 32<<20 {
				push(1 + random.IntN(100_000))
			}
			r.turn(0)
		}
		got = append(got, r.read(l.far, len(want)-len(got))...)
		r.same("the slow reader", got, want)
		r.until("Drained", func() bool { return !l.congested })
		if l.congestions < round || l.drains != l.congestions {
			r.t.Fatalf("Congested %d times and Drained %d times in %d rounds", l.congestions, l.drains, round)
		}
	}
}

// pausedAtMost is what may still come up after Pause: what was on its way when the turn ended.
const pausedAtMost = 4 << 20

// pauseBounds: after Pause a driver receives a bounded amount, however much is sent, and after Resume everything.
func pauseBounds(r *rig) {
	l := r.attach()
	r.do(loop.Pause, l)
	r.turn(0)
	written := 0
	for full := 0; full < 20; { // until the far end's kernel takes no more
		n, err := l.far.Write(pattern(1, written, 64<<10))
		if err != nil {
			r.t.Fatalf("writing: %v", err)
		}
		written += n
		if n == 0 {
			full++
		}
		r.turn(nap / 4)
		if l.received > pausedAtMost || written > 256<<20 {
			r.t.Fatalf("received %d of %d bytes while paused", l.received, written)
		}
	}
	before := l.received
	r.settle()
	if l.received != before {
		r.t.Fatalf("%d bytes more came long after Pause", l.received-before)
	}
	r.do(loop.Resume, l)
	r.until("the rest", func() bool { return l.received >= written })
	r.same("what was received", l.got, pattern(1, 0, written))
}

// pauseResume: however often a connection is paused and resumed, in one turn or in many, nothing is lost or doubled, and
// the end comes through too.
func pauseResume(r *rig) {
	random := r.random()
	l := r.attach()
	const total = 3 << 20
	written, paused := 0, false
	for written < total {
		n, err := l.far.Write(pattern(1, written, min(1+random.IntN(40_000), total-written)))
		if err != nil {
			r.t.Fatalf("writing: %v", err)
		}
		written += n
		for range random.IntN(3) {
			paused = !paused
			r.do(map[bool]loop.OpKind{true: loop.Pause, false: loop.Resume}[paused], l)
		}
		if n == 0 && paused {
			paused = false
			r.do(loop.Resume, l)
		}
		r.turn(0)
	}
	if err := l.far.CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	r.do(loop.Pause, l)
	r.turn(0)
	r.do(loop.Resume, l)
	r.until("Ended", func() bool { return l.ended })
	r.same("what was received", l.got, pattern(1, 0, total))
}

// fairness: connections that always have bytes do not keep those of another waiting.
func fairness(r *rig) {
	var busy []*life
	for range 40 {
		l := r.attach()
		l.discard = true
		busy = append(busy, l)
	}
	quiet := r.attach()
	flood := pattern(1, 0, 256<<10)
	fill := func() {
		for _, l := range busy {
			if _, err := l.far.Write(flood); err != nil {
				r.t.Fatalf("writing: %v", err)
			}
		}
	}
	fill()
	r.turn(nap)
	for round := range 20 {
		fill()
		if n, err := quiet.far.Write([]byte("me too")); n != 6 || err != nil {
			r.t.Fatalf("writing: %d, %v", n, err)
		}
		for turns := 0; quiet.received < 6*(round+1); turns++ {
			if turns > 50 {
				r.t.Fatalf("waited %d turns behind busy connections", turns)
			}
			fill()
			r.turn(nap)
		}
	}
}
