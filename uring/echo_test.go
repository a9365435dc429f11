//go:build linux

package uring

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// echoCore sends back what it receives. Two of them, facing each other, play ping-pong with every message that was
// thrown in.
type echoCore struct {
	ops   []loop.Op
	spent int // messages seen
	stop  atomic.Bool
	limit int // stop after so many; 0: never
}

func (c *echoCore) Stopped() bool   { return c.stop.Load() || c.limit > 0 && c.spent >= c.limit }
func (c *echoCore) Deadline() int64 { return loop.Never }
func (c *echoCore) Tick(int64)      { c.ops = c.ops[:0] }
func (c *echoCore) Ops() []loop.Op  { return c.ops }

func (c *echoCore) Step(e *loop.Event) {
	if e.Kind == loop.Received {
		c.spent++
		c.ops = append(c.ops, loop.Op{Kind: loop.Send, Conn: e.Conn, Data: e.Data})
	}
}

// game is an echoing driver under test and, on another thread, its opponent.
type game struct {
	near    *Driver
	core    echoCore
	far     *Driver
	farCore echoCore
	ended   chan struct{}
}

const ballBytes = 128

// startGame connects the two by TCP, and throws one ball in per connection.
func startGame(t testing.TB, connections int) *game {
	g := &game{ended: make(chan struct{})}
	var err error
	if g.near, err = New(Options{Connections: connections}); err != nil {
		t.Fatal(err)
	}
	if g.far, err = New(Options{Connections: connections}); err != nil {
		t.Fatal(err)
	}
	var nearOps, farOps []loop.Op
	for i := range connections {
		id := loop.MakeID(uint32(i), 1)
		near, far := tcpPair(t)
		nearOps = append(nearOps, loop.Op{Kind: loop.Attach, Conn: id, FD: near})
		farOps = append(farOps, loop.Op{Kind: loop.Attach, Conn: id, FD: dup(t, far)},
			loop.Op{Kind: loop.Send, Conn: id, Data: make([]byte, ballBytes)})
		far.Close()
	}
	go func() {
		defer close(g.ended)
		g.far.Submit(farOps)
		loop.Run(&g.farCore, g.far, func(int) {})
		g.far.Close()
	}()
	g.near.Submit(nearOps)
	return g
}

// play goes on until the near core has seen n more messages.
func (g *game) play(n int) {
	g.core.limit = g.core.spent + n
	loop.Run(&g.core, g.near, func(int) {})
}

func (g *game) end() {
	g.farCore.stop.Store(true)
	g.far.Wake()
	<-g.ended
	g.near.Close()
}

func threadTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEcho measures the driver alone: CPU time of its thread and system calls, per message received and sent.
func BenchmarkEcho(b *testing.B) {
	for _, connections := range []int{1, 8, 64, 1000} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2))
			g := startGame(b, connections)
			defer g.end()
			g.play(connections * 10)
			b.ReportAllocs()
			b.ResetTimer()
			cpu, stats := threadTime(b), g.near.Stats()
			g.play(b.N)
			after := g.near.Stats()
			b.ReportMetric(float64(threadTime(b)-cpu)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(after.Enters-stats.Enters)/float64(b.N), "enters/op")
			b.ReportMetric(float64(after.Blocked-stats.Blocked)/float64(b.N), "sleeps/op")
		})
	}
}

func TestNoAllocationPerMessage(t *testing.T) {
	g := startGame(t, 64)
	defer g.end()
	g.play(10_000)
	if n := testing.AllocsPerRun(10, func() { g.play(1000) }); n > 0 {
		t.Errorf("%v allocations per 1,000 messages", n)
	}
}

// Under load, with many messages a turn, what happens is told by the call that submits.
func TestFewEntersUnderLoad(t *testing.T) {
	const connections, rounds = 256, 20
	d, err := New(Options{Connections: connections})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var ops []loop.Op
	var far []net.Conn
	for i := range connections {
		fd, f := tcpPair(t)
		defer f.Close()
		far = append(far, f)
		ops = append(ops, loop.Op{Kind: loop.Attach, Conn: loop.MakeID(uint32(i), 1), FD: fd})
	}
	d.Submit(ops)
	ball, core := make([]byte, ballBytes), echoCore{}
	enters := func() uint64 { d.Submit(nil); return d.Stats().Enters }
	var took uint64
	for range rounds {
		for _, f := range far {
			if _, err := f.Write(ball); err != nil {
				t.Fatal(err)
			}
		}
		before := enters()
		core.limit = core.spent + connections
		loop.Run(&core, d, func(int) {})
		took += enters() - before
		for _, f := range far {
			if _, err := io.ReadFull(f, ball); err != nil {
				t.Fatal(err)
			}
		}
	}
	if per := float64(took) / (connections * rounds); per > 0.2 {
		t.Errorf("%.3f system calls per message, want at most 0.2", per)
	} else {
		t.Logf("%.4f system calls per message", per)
	}
}
