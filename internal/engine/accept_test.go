package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// rigDoors is the sockets that clients connect to, the loops that listen on them, and what the Host is given.
type rigDoors struct {
	doors []*rigDoor
	// accepted is what the Host was given, in order; failures what it was told.
	accepted []int
	failures []int32
	full     bool // the Host has no room
}

// rigDoor is one such socket, as one loop listens on it.
type rigDoor struct {
	fd     int
	loop   *rigLoop
	id     loop.ID
	queue  []int // descriptors of clients that have connected
	errno  int32 // to be told
	detach bool
}

// shut ends what a loop listens on.
func (d *rigDoors) shut(l *rigLoop) {
	d.doors = slices.DeleteFunc(d.doors, func(door *rigDoor) bool { return door.loop == l })
}

// listening is how many loops listen on a socket.
func (d *rigDoors) listening(fd int) (n int) {
	for _, door := range d.doors {
		if door.fd == fd {
			n++
		}
	}
	return n
}

// doorEvents is what happens on a loop's listening sockets.
func (l *rigLoop) doorEvents() (events []loop.Event) {
	for _, d := range slices.Clone(l.r.doors.doors) {
		if d.loop != l {
			continue
		}
		for _, fd := range d.queue {
			events = append(events, loop.Event{Kind: loop.Accepted, Conn: d.id, FD: int32(fd)})
		}
		d.queue = nil
		switch {
		case d.errno != 0:
			events = append(events, loop.Event{Kind: loop.Failed, Conn: d.id, Errno: d.errno})
			d.errno = 0
		case d.detach:
			events = append(events, loop.Event{Kind: loop.Detached, Conn: d.id, FD: loop.Taken})
			l.r.doors.doors = slices.DeleteFunc(l.r.doors.doors, func(x *rigDoor) bool { return x == d })
		}
	}
	return events
}

func (l *rigLoop) performDoor(op loop.Op) {
	doors := &l.r.doors
	if op.Kind == loop.Listen {
		doors.doors = append(doors.doors, &rigDoor{fd: int(op.FD), loop: l, id: op.Conn})
		return
	}
	for i, d := range doors.doors {
		if d.loop != l || d.id != op.Conn {
			continue
		}
		switch op.Kind {
		case loop.Detach:
			d.detach = true
		case loop.Close:
			doors.doors = slices.Delete(doors.doors, i, i+1)
			return
		}
	}
}

func (h *rigHost) Accepted(name uint64, fd int) bool {
	h.doors.accepted = append(h.doors.accepted, fd)
	return !h.doors.full
}

func (h *rigHost) AcceptFailed(name uint64, errno int32) {
	h.doors.failures = append(h.doors.failures, errno)
}

func (h *rigHost) Dismiss(c Client, _ *Refusal) { h.CloseFD(c.FD) }

// connect has a client connect, whom the n-th of the loops that listen accepts.
func (r *rig) connect(n, fd int) {
	r.doors.doors[n].queue = append(r.doors.doors[n].queue, fd)
}

func closed[T any](c <-chan T) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Every shard listens, and gives whom it accepts to the Host; what has been accepted when it is to end is given too.
func TestShardsAccept(t *testing.T) {
	r := newRig(t, 3, onePool(1))
	r.e.Accept(1, 1000)
	r.settle()
	if n := r.doors.listening(1000); n != 3 {
		t.Fatalf("%d of 3 shards listen", n)
	}
	r.connect(0, 7)
	r.connect(2, 8)
	r.settle()
	gone := r.e.Refrain(1)
	r.connect(1, 9)
	if closed(gone) {
		t.Fatal("it is said to be over before the loops have had a turn")
	}
	r.settle()
	if !slices.Equal(r.doors.accepted, []int{7, 8, 9}) {
		t.Errorf("the Host was given %v", r.doors.accepted)
	}
	if !closed(gone) || r.doors.listening(1000) != 0 {
		t.Errorf("over: %v; %d shards listen", closed(gone), r.doors.listening(1000))
	}
	r.e.Accept(2, 1000) // the same socket, again
	r.settle()
	if n := r.doors.listening(1000); n != 3 {
		t.Errorf("%d of 3 shards listen again", n)
	}
}

// When the Host has no room, its shard accepts nobody for acceptPause; when the system has none, likewise, as often as that
// happens. Refrain is heard meanwhile.
func TestAcceptingRests(t *testing.T) {
	for name, trouble := range map[string]func(*rig){
		"the Host":   func(r *rig) { r.doors.full = true; r.connect(0, 7) },
		"the system": func(r *rig) { r.doors.doors[0].errno = 24 },
	} {
		r := newRig(t, 2, onePool(1))
		r.e.Accept(1, 1000)
		for range 3 {
			r.settle()
			if n := r.doors.listening(1000); n != 2 {
				t.Fatalf("%s: %d of 2 shards listen", name, n)
			}
			trouble(r)
			r.settle()
			if n := r.doors.listening(1000); n != 1 {
				t.Errorf("%s: %d of 2 shards listen after one had no room", name, n)
			}
			r.now += int64(acceptPause) - 1
			r.settle()
			if n := r.doors.listening(1000); n != 1 {
				t.Errorf("%s: %d of 2 shards listen before the pause is over", name, n)
			}
			r.now++
		}
		r.settle()
		trouble(r)
		r.settle()
		gone := r.e.Refrain(1)
		r.settle()
		if !closed(gone) {
			t.Errorf("%s: a shard that rests does not let go", name)
		}
		r.now += int64(acceptPause)
		r.settle()
		if n := r.doors.listening(1000); n != 0 {
			t.Errorf("%s: %d shards listen after the end", name, n)
		}
		if name == "the system" && len(r.doors.failures) != 4 {
			t.Errorf("the Host was told of %d failures", len(r.doors.failures))
		}
	}
}

// A shard that has met a bug listens again; if it was to end meanwhile, it does.
func TestAcceptingAfterACrash(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	r.e.Accept(1, 1000)
	r.e.Accept(2, 2000)
	r.settle()
	gone := r.e.Refrain(2)
	r.loops[0].crash()
	r.settle()
	if n := r.doors.listening(1000); n != 2 {
		t.Errorf("%d of 2 shards listen after a crash", n)
	}
	if !closed(gone) || r.doors.listening(2000) != 0 {
		t.Errorf("over: %v; %d shards listen where it has ended", closed(gone), r.doors.listening(2000))
	}
}

// While clients drain, others are accepted, to be told; then every shard lets go before it stops.
func TestAcceptingDuringTheDrain(t *testing.T) {
	r := newRig(t, 2, onePool(2))
	r.quiet = true
	r.e.Accept(1, 1000)
	busy := []*rigSocket{r.client("a"), r.client("b")} // one on each shard
	for _, c := range busy {
		r.says(c, "begin")
	}
	drained := r.e.Drain()
	r.settle()
	if n := r.doors.listening(1000); n != 2 {
		t.Fatalf("%d of 2 shards listen while clients are busy", n)
	}
	r.connect(0, 7)
	r.settle()
	if !slices.Equal(r.doors.accepted, []int{7}) {
		t.Errorf("the Host was given %v", r.doors.accepted)
	}
	r.pass(11 * time.Second)
	r.pass(11 * time.Second)
	if !closed(drained) || r.doors.listening(1000) != 0 {
		t.Errorf("drained: %v; %d shards listen", closed(drained), r.doors.listening(1000))
	}
	if !closed(r.e.Refrain(1)) {
		t.Error("shards that have stopped have not let go")
	}
}
