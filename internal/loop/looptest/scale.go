package looptest

import (
	"errors"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// manyConnections: 2,000 connections, each with its own bytes, several times over.
func manyConnections(r *rig) {
	n := min(2000, r.d.Capacity()/3)
	r.echoes()
	lives := make([]*life, n)
	for i := range lives {
		lives[i] = r.attach()
		lives[i].discard = true
	}
	for round := range 5 {
		for i, l := range lives {
			r.write(l.far, pattern(i, round, 40))
		}
		for i, l := range lives {
			r.same("the echo", r.read(l.far, 40), pattern(i, round, 40))
		}
	}
}

// noAllocation: an echoed message allocates nothing once the driver has grown to its size.
func noAllocation(r *rig) {
	if raceEnabled {
		r.t.Skip("the race detector allocates")
	}
	const connections = 16
	lives := make([]*life, connections)
	for i := range lives {
		lives[i] = r.attach()
	}
	r.turn(nap)
	message, buf := pattern(1, 0, 100), make([]byte, 200)
	var ops []loop.Op
	turn := func() {
		events, _ := r.d.Wait(r.d.Now() + nap)
		ops = ops[:0]
		for i := range events {
			if e := &events[i]; e.Kind == loop.Received {
				ops = append(ops, loop.Op{Kind: loop.Send, Conn: e.Conn, Data: e.Data[:50]},
					loop.Op{Kind: loop.Send, Conn: e.Conn, Data: e.Data[50:]})
			}
		}
		r.d.Submit(ops)
	}
	round := func() {
		for _, l := range lives {
			if _, err := l.far.Write(message); err != nil {
				panic(err)
			}
		}
		for _, l := range lives {
			for got := 0; got < len(message); {
				n, err := l.far.Read(buf)
				if err != nil {
					panic(err)
				}
				if got += n; n == 0 {
					turn()
				}
			}
		}
	}
	for range 50 {
		round()
	}
	// The runtime allocates now and then on its own: take the best of a few.
	least := 1e9
	for range 5 {
		least = min(least, testing.AllocsPerRun(100, round))
	}
	if least > 0 {
		r.t.Fatalf("%v allocations for %d echoed messages", least, connections)
	}
}

// closeDriver: Close of the driver closes every connection, also those that are on their way back to their owners.
func closeDriver(r *rig) {
	var lives []*life
	for range 10 {
		lives = append(lives, r.attach())
	}
	for range 10 {
		fd, far := r.net.Pair(r.t)
		lives = append(lives, r.adopt(fd, far, true))
	}
	r.turn(nap)
	for _, l := range lives[10:] {
		r.do(loop.Detach, l)
	}
	r.submit()
	if err := r.d.Close(); err != nil {
		r.t.Fatalf("closing: %v", err)
	}
	r.d = nil
	buf := make([]byte, 10)
	for i, l := range lives {
		_, err := l.far.Read(buf)
		for tries := 0; err == nil && tries < 1e6; tries++ { // the kernel may take a moment
			runtime.Gosched()
			_, err = l.far.Read(buf)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, ErrReset) {
			r.t.Fatalf("connection %d was left open: %v", i, err)
		}
		l.far.Close()
	}
}

// noLeak: ten generations of drivers, with connections that end in every way, leave no descriptor behind.
func noLeak(r *rig) {
	open, err := descriptors()
	if err != nil {
		r.t.Skipf("counting descriptors: %v", err)
	}
	r.close()
	generation := func() {
		g := newRig(r.t, r.open, r.net)
		for i := range 40 {
			fd, far := g.net.Pair(g.t)
			l := g.adopt(fd, far, i%8 == 7)
			g.turn(0)
			g.send(l, pattern(1, 0, 100_000*(i%3)))
			switch i % 8 {
			case 0:
				g.do(loop.Close, l)
			case 1:
				g.do(loop.Finish, l)
			case 2:
				far.Reset()
			case 3:
				_ = far.CloseWrite()
			case 4:
				g.do(loop.Pause, l)
			case 7:
				g.do(loop.Detach, l)
				g.until("Detached", func() bool {
					_, _ = far.Read(make([]byte, 100_000))
					return l.detached
				})
				g.net.Near(int(l.fd)).Close()
			}
			g.turn(0)
		}
		g.close()
	}
	generation()
	before, _ := descriptors()
	for range 10 {
		generation()
	}
	after := 0
	for range 200 { // a ring's descriptors may be released a little later
		if after, _ = descriptors(); after <= before {
			break
		}
		runtime.Gosched()
	}
	if after > before {
		r.t.Fatalf("%d descriptors after one generation, %d after eleven; %d at the start", before, after, open)
	}
}

// descriptors counts the open ones of this process.
func descriptors() (int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	return len(entries), err
}
