package looptest

import "github.com/pgmux/caddy-pgmux/internal/loop"

// slotReuse: a slot closed and attached again, even in one turn and with bytes of the old connection on their way, is a
// new connection, and of the old one nothing is ever told (the rig checks that at every event).
func slotReuse(r *rig) {
	random := r.random()
	const slots = 8
	old := make([]*life, slots)
	for i := range old {
		fd, far := r.net.Pair(r.t)
		old[i] = r.adoptAt(uint32(i), fd, far, false)
	}
	r.turn(0)
	for round := range 150 {
		i := random.IntN(slots)
		l := old[i]
		_, _ = l.far.Write(pattern(99, 0, 1+random.IntN(20_000)))
		switch random.IntN(4) {
		case 0:
			_ = l.far.CloseWrite()
		case 1:
			r.send(l, pattern(98, 0, random.IntN(600_000)))
		case 2:
			r.do(loop.Pause, l)
		}
		if random.IntN(2) == 0 {
			r.turn(0)
		}
		if random.IntN(3) == 0 {
			r.ops = append(r.ops, loop.Op{Kind: loop.Finish, Conn: l.id})
			if random.IntN(2) == 0 {
				r.turn(0)
			}
		}
		r.ops = append(r.ops, loop.Op{Kind: loop.Close, Conn: l.id})
		fd, far := r.net.Pair(r.t)
		successor := r.adoptAt(uint32(i), fd, far, false)
		old[i] = successor
		want := pattern(round, 0, 1+random.IntN(5000))
		r.write(far, want)
		r.send(successor, want)
		r.same("the successor's far end", r.read(far, len(want)), want)
		r.until("the successor's bytes", func() bool { return len(successor.got) >= len(want) })
		r.same("the successor", successor.got, want)
		l.far.Close()
		delete(r.lives, l.id)
		r.lives[l.id] = l // closed, but still known: an event for it is a failure with a name
	}
}

// slotAtCapacity: the last slot is as good as the first.
func slotAtCapacity(r *rig) {
	if r.d.Capacity() < 1 {
		r.t.Fatalf("capacity %d", r.d.Capacity())
	}
	r.echoes()
	fd, far := r.net.Pair(r.t)
	r.gens[uint32(r.d.Capacity()-1)] = loop.MaxGen - 1
	r.adoptAt(uint32(r.d.Capacity()-1), fd, far, false)
	r.write(far, []byte("hello"))
	r.same("the echo", r.read(far, 5), []byte("hello"))
}
