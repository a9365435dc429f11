package looptest

import (
	"math/rand/v2"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// randomLives: many connections that talk in both directions, pause, end, finish, move and die at random; every byte that
// is received is the right one, and every orderly stream is complete. The rig checks the rest.
func randomLives(r *rig) {
	random := r.random()
	var all []*talker
	for n := range 60 {
		all = append(all, newTalker(r, random, n))
	}
	for range 400 {
		for range 10 {
			all[random.IntN(len(all))].act()
		}
		r.turn(0)
		for _, t := range all {
			t.check()
		}
	}
	for _, t := range all {
		t.finish()
	}
	r.until("every stream to be complete", func() bool {
		for _, t := range all {
			if !t.complete() {
				return false
			}
		}
		return true
	})
}

// talker is one connection with a stream each way.
type talker struct {
	r      *rig
	random *rand.Rand
	life   *life
	number int

	told, heard   int // the far end's stream: written there, received here
	sent, arrived int // ours: sent here, read there
	paused        bool
	finished      bool // our stream ends with sent
	closed        bool
	farEnded      bool
	seenEnd       bool
}

func newTalker(r *rig, random *rand.Rand, number int) *talker {
	fd, far := r.net.Pair(r.t)
	return &talker{r: r, random: random, number: number, life: r.adopt(fd, far, true)}
}

// act does one random thing.
func (t *talker) act() {
	if t.closed || t.finished {
		t.read()
		return
	}
	switch k := t.random.IntN(100); {
	case k < 30:
		t.write()
	case k < 60:
		if !t.life.failed && !t.life.congested {
			p := pattern(2*t.number, t.sent, t.random.IntN(30_000))
			t.sent += len(p)
			t.r.send(t.life, p)
		}
	case k < 85:
		t.read()
	case k < 92:
		t.paused = !t.paused
		t.r.do(map[bool]loop.OpKind{true: loop.Pause, false: loop.Resume}[t.paused], t.life)
	case k < 96:
		t.move()
	case k < 97 && !t.farEnded:
		t.farEnded = true
		_ = t.life.far.CloseWrite()
	case k < 98:
		t.closed = true
		t.r.do(loop.Close, t.life)
	}
}

func (t *talker) write() {
	if t.farEnded {
		return
	}
	n, err := t.life.far.Write(pattern(2*t.number+1, t.told, t.random.IntN(30_000)))
	if err == nil {
		t.told += n
	}
}

func (t *talker) read() {
	buf := make([]byte, t.random.IntN(50_000)+1)
	n, err := t.life.far.Read(buf)
	if err != nil {
		t.seenEnd = true
	}
	t.r.same("at the far end", buf[:n], pattern(2*t.number, t.arrived, n))
	t.arrived += n
}

// move detaches the socket, once nothing is kept, and attaches it in another slot.
func (t *talker) move() {
	if t.life.congested || t.life.failed {
		return
	}
	old := t.life
	t.r.do(loop.Detach, old)
	t.r.until("Detached", func() bool {
		if t.arrived < t.sent { // what was sent in this turn may have been too much for the socket
			t.read()
		}
		return old.detached
	})
	t.check()
	t.life = t.r.adopt(int(old.fd), old.far, true)
	t.paused = false
}

// check compares what was received.
func (t *talker) check() {
	got := t.life.got
	t.life.got = got[:0]
	t.r.same("received", got, pattern(2*t.number+1, t.heard, len(got)))
	t.heard += len(got)
}

// finish ends the stream of ours.
func (t *talker) finish() {
	if t.closed || t.finished {
		return
	}
	t.finished = true
	t.r.do(loop.Finish, t.life)
}

func (t *talker) complete() bool {
	for range 4 {
		if !t.seenEnd {
			t.read()
		}
	}
	if t.seenEnd && t.finished && !t.life.failed && t.arrived != t.sent {
		t.r.t.Fatalf("connection %d finished after %d bytes, %d arrived", t.number, t.sent, t.arrived)
	}
	return t.seenEnd || t.closed
}
