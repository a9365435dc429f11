package looptest

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// echo: what is sent back by reference, in the turn in which it came, arrives.
func echo(r *rig) {
	random := r.random()
	r.echoes()
	lives := []*life{r.attach(), r.attach(), r.attach()}
	for range 200 {
		i := random.IntN(len(lives))
		message := pattern(i, random.IntN(1000), 1+random.IntN(3000))
		r.write(lives[i].far, message)
		r.same("the echo", r.read(lives[i].far, len(message)), message)
	}
}

// bytesSplitAnywhere: the stream is the same however it was cut.
func bytesSplitAnywhere(r *rig) {
	random := r.random()
	l := r.attach()
	want := pattern(1, 0, 20_000)
	for at := 0; at < len(want); {
		n := min(1+random.IntN(1+random.IntN(400)), len(want)-at)
		r.write(l.far, want[at:at+n])
		at += n
		if random.IntN(3) == 0 {
			r.turn(0)
		}
	}
	r.until("all bytes", func() bool { return len(l.got) >= len(want) })
	r.same("what was received", l.got, want)
}

// bytesBeforeAttach: a socket may have bytes when it is attached, and its end too.
func bytesBeforeAttach(r *rig) {
	fd, far := r.net.Pair(r.t)
	want := pattern(1, 0, 1000)
	if n, err := far.Write(want); n != len(want) || err != nil {
		r.t.Fatalf("writing before attaching: %d, %v", n, err)
	}
	if err := far.CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	l := r.adopt(fd, far, false)
	r.until("Ended", func() bool { return l.ended })
	r.same("what was received", l.got, want)
}

// sendsInOrder: several Sends to one connection in one turn arrive in order, also between those to others.
func sendsInOrder(r *rig) {
	random := r.random()
	lives := []*life{r.attach(), r.attach()}
	want := make([][]byte, len(lives))
	for range 50 {
		for range random.IntN(300) {
			i := random.IntN(len(lives))
			p := pattern(i, len(want[i]), random.IntN(50))
			want[i] = append(want[i], p...)
			r.send(lives[i], p)
		}
		r.turn(0)
		for i, l := range lives {
			r.same("the far end", r.read(l.far, len(want[i])), want[i])
			want[i] = want[i][:0]
		}
	}
}

// largeSendsInOrder: the same with slices too large to be put together, more of them than one system call takes.
func largeSendsInOrder(r *rig) {
	random := r.random()
	l := r.attach()
	for _, n := range []int{2, 300, 1500} {
		var want []byte
		for range n {
			p := pattern(1, len(want), 200+random.IntN(5000))
			want = append(want, p...)
			r.send(l, p)
		}
		r.submit()
		r.same("the far end", r.read(l.far, len(want)), want)
	}
}

// dataValidUntilSubmit: the Data of every event of a turn stays as it was until Submit.
func dataValidUntilSubmit(r *rig) {
	var lives []*life
	for range 20 {
		lives = append(lives, r.attach())
	}
	for round := range 100 {
		for i, l := range lives {
			r.write(l.far, pattern(i, round, 500+i))
		}
		events, _ := r.d.Wait(r.d.Now() + nap)
		var copies [][]byte
		for i := range events {
			copies = append(copies, bytes.Clone(events[i].Data))
			r.step(&events[i])
		}
		for i := range events {
			r.same("Data at the end of the turn", events[i].Data, copies[i])
		}
		r.submit()
	}
	r.until("all bytes", func() bool {
		for i, l := range lives {
			if l.received < 100*(500+i) {
				return false
			}
		}
		return true
	})
}

// emptySend: a Send of nothing is nothing, certainly not an end.
func emptySend(r *rig) {
	l := r.attach()
	r.send(l, nil)
	r.ops = append(r.ops, loop.Op{Kind: loop.Send, Conn: l.id, Data: []byte{}})
	r.send(l, []byte("x"))
	r.settle()
	r.same("the far end", r.read(l.far, 1), []byte("x"))
	if n, err := l.far.Read(make([]byte, 10)); n != 0 || err != nil {
		r.t.Fatalf("the far end then read %d bytes, error %v", n, err)
	}
}
