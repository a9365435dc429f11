//go:build linux

package enginetest

import (
	"cmp"
	"flag"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/epoll"
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
	"github.com/pgmux/caddy-pgmux/internal/sim"
	"github.com/pgmux/caddy-pgmux/uring"
)

// stage is what a conversation is held on: loops, connections and a clock.
type stage interface {
	// run binds the shards to drivers and sets their loops going.
	run(t *testing.T, e *engine.Engine)
	// pass lets the loops work for a moment; idle tells that nobody else has anything to do meanwhile.
	pass(idle bool)
	// stopped reports that all loops have ended, and their drivers are closed.
	stopped() bool
	now() time.Duration
	// clients and servers are what connects them.
	clients() looptest.Net
	servers() looptest.Net
	// story is what to know of a failure.
	story() string
	broken() string
}

// stages are the drivers, by name.
var stages = []struct {
	name string
	open func() stage
}{
	{"io_uring", func() stage {
		return &sockets{open: func() (loop.Driver, error) { return uring.New(uring.Options{}) }}
	}},
	{"epoll", func() stage {
		return &sockets{open: func() (loop.Driver, error) { return epoll.New(epoll.Options{}) }}
	}},
	{"simulated", func() stage { return newSimulation() }},
}

// sockets is a stage of real loops over real sockets.
type sockets struct {
	open  func() (loop.Driver, error)
	began time.Time
	loops sync.WaitGroup
	ended chan struct{}
}

func (s *sockets) run(t *testing.T, e *engine.Engine) {
	s.began, s.ended = time.Now(), make(chan struct{})
	var drivers []loop.Driver
	for i := range e.Shards() {
		d, err := s.open()
		if err != nil {
			t.Fatalf("opening the driver: %v", err)
		}
		e.Shard(i).Bind(d)
		drivers = append(drivers, d)
	}
	for i, d := range drivers {
		s.loops.Go(func() {
			runtime.LockOSThread() // a ring belongs to the thread that first waited on it
			loop.Run(e.Shard(i), d, func(fd int) { syscall.Close(fd) })
			if err := d.Close(); err != nil {
				t.Errorf("closing the driver of shard %d: %v", i, err)
			}
		})
	}
	go func() {
		s.loops.Wait()
		close(s.ended)
	}()
}

// pass leaves the processor to the loops.
func (s *sockets) pass(idle bool) {
	if idle {
		time.Sleep(20 * time.Microsecond)
	}
}

func (s *sockets) stopped() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *sockets) now() time.Duration    { return time.Since(s.began) }
func (s *sockets) clients() looptest.Net { return looptest.Loopback{} }
func (s *sockets) servers() looptest.Net { return looptest.SocketPairs{} }
func (s *sockets) story() string         { return "" }
func (s *sockets) broken() string        { return "" }

// simulation is a stage in a simulated world; its loops turn when they are told to.
type simulation struct {
	world   *sim.World
	clock   *sim.Driver // has no connections: waiting on it lets time pass
	engine  *engine.Engine
	drivers []*sim.Driver
	closed  []bool
}

// seed repeats a failure in the simulated world.
var seed = flag.Uint64("enginetest.seed", 0, "seed of the simulated driver; 0 takes one from the clock")

func newSimulation() *simulation {
	w := sim.NewWorld(cmp.Or(*seed, uint64(time.Now().UnixNano())))
	return &simulation{world: w, clock: w.NewDriver(-1, 1, true)}
}

func (s *simulation) run(_ *testing.T, e *engine.Engine) {
	s.engine = e
	for i := range e.Shards() {
		d := s.world.NewDriver(i, 4096, false)
		e.Shard(i).Bind(d)
		s.drivers = append(s.drivers, d)
	}
	s.closed = make([]bool, len(s.drivers))
}

// pass is one turn of each loop, and a moment of virtual time.
func (s *simulation) pass(bool) {
	for i, d := range s.drivers {
		core := s.engine.Shard(i)
		if core.Stopped() {
			if !s.closed[i] {
				s.closed[i] = true
				d.Close()
			}
			continue
		}
		events, now := d.Wait(core.Deadline())
		core.Tick(now)
		for j := range events {
			core.Step(&events[j])
		}
		d.Submit(core.Ops())
	}
	s.clock.Wait(s.world.Now() + 50*sim.Microsecond)
}

func (s *simulation) stopped() bool {
	for _, c := range s.closed {
		if !c {
			return false
		}
	}
	return true
}

func (s *simulation) now() time.Duration    { return time.Duration(s.world.Now()) }
func (s *simulation) clients() looptest.Net { return sim.Pairs{W: s.world} }
func (s *simulation) servers() looptest.Net { return sim.Pairs{W: s.world} }
func (s *simulation) story() string         { return s.world.Story(60) }
func (s *simulation) broken() string        { return s.world.Broken() }
