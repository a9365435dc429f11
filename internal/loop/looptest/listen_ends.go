package looptest

import (
	"fmt"
	"io"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// detachListening: who is accepted by then is told, Detached is last, who comes later stays in the queue, and the socket can
// be listened on again.
func detachListening(r *rig) {
	l, fd, connect := r.listen()
	var fars []Far
	for round := range 10 {
		for range 20 {
			fars = append(fars, connect())
		}
		if round%2 == 0 {
			r.turn(0)
		}
		r.do(loop.Detach, l)
		r.until("Detached", func() bool { return l.detached })
		if l.fd != loop.Taken {
			r.t.Fatalf("Detached with descriptor %d, which is not the driver's to give", l.fd)
		}
		before := l
		fars = append(fars, connect())
		r.settle()
		l = r.listenOn(fd)
		r.until("who had waited", func() bool { return len(before.accepted)+len(l.accepted) == 21 })
		r.hangUp(before)
		r.hangUp(l)
	}
	r.do(loop.Close, l)
	r.submit()
	for _, far := range fars {
		far.Close()
	}
}

// closeListening: nothing is told any more, and the socket is still the caller's.
func closeListening(r *rig) {
	l, fd, connect := r.listen()
	r.turn(0)
	first := connect()
	r.until("Accepted", func() bool { return len(l.accepted) == 1 })
	r.hangUp(l)
	second := connect()
	r.do(loop.Close, l)
	r.submit()
	r.settle()
	again := r.listenOn(fd)
	third := connect()
	r.until("the third", func() bool { return len(again.accepted) >= 1 })
	r.hangUp(again)
	for _, far := range []Far{first, second, third} {
		far.Close()
	}
}

// listenWithoutRoom: a lack of descriptors is Failed; nobody is lost by it, and later all are accepted. (io_uring goes by the
// limit of the moment when it began to listen.)
func listenWithoutRoom(r *rig) {
	fd, connect := r.net.(Listens).Listen(r.t)
	var fars []Far
	for range 20 {
		fars = append(fars, connect())
	}
	r.turn(0)
	var l *life
	forbidDescriptors(r.t, func() {
		l = r.listenOn(fd)
		r.until("Failed", func() bool { return l.failed })
	})
	if len(l.accepted) > 0 {
		r.t.Fatalf("%d were accepted without descriptors", len(l.accepted))
	}
	r.do(loop.Close, l)
	again := r.listenOn(fd)
	r.until("those who waited", func() bool { return len(again.accepted) == len(fars) })
	r.hangUp(again)
	for _, far := range fars {
		far.Close()
	}
}

// acceptStarvesNobody: while hundreds connect, another connection is answered.
func acceptStarvesNobody(r *rig) {
	c := r.attach()
	l, _, connect := r.listen()
	r.turn(0)
	var fars []Far
	for range 500 {
		fars = append(fars, connect())
	}
	r.write(c.far, []byte("amid it"))
	turns := r.turns
	r.until("what it says", func() bool { return len(c.got) == 7 })
	if took := r.turns - turns; took > 10 {
		r.t.Errorf("it was heard after %d turns, in which %d were accepted", took, len(l.accepted))
	}
	r.until("everybody", func() bool { return len(l.accepted) == 500 })
	r.hangUp(l)
	for _, far := range fars {
		far.Close()
	}
}

// listenNoLeak: drivers that close while clients connect leave no descriptor behind, and close those they had accepted.
func listenNoLeak(r *rig) {
	fd, connect := r.net.(Listens).Listen(r.t)
	r.close()
	generation := func() {
		g := newRig(r.t, r.open, r.net)
		l := g.listenOn(fd)
		g.turn(0)
		var fars []Far
		for i := range 50 {
			fars = append(fars, connect())
			if i%7 == 0 {
				g.turn(0)
			}
		}
		g.hangUp(l)
		g.close()
		queue := newRig(r.t, r.open, r.net) // for the rest of the queue
		rest := queue.listenOn(fd)
		queue.settle()
		queue.hangUp(rest)
		queue.close()
		for i, far := range fars {
			if err := ends(far); err != nil {
				r.t.Fatalf("client %d was left open: %v", i, err)
			}
			far.Close()
		}
	}
	generation()
	before, err := descriptors()
	if err != nil {
		r.t.Skipf("counting descriptors: %v", err)
	}
	for range 5 {
		generation()
	}
	after := 0
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if after, _ = descriptors(); after <= before {
			return
		}
	}
	r.t.Fatalf("%d descriptors after one generation, %d after six", before, after)
}

// ends waits for the end of a connection.
func ends(far Far) error {
	buf := make([]byte, 10)
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		switch _, err := far.Read(buf); err {
		case nil:
		case io.EOF, ErrReset:
			return nil
		default:
			return err
		}
	}
	return fmt.Errorf("no end in %v", patience)
}
