package poolhandler

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/routing"
)

// exitGrace is what loops get beyond drain_timeout to close what is left.
const exitGrace = 2 * time.Second

// pooler is what the engine does for us; tests have another one.
type pooler interface {
	Apply(*engine.Config)
	Moves(*engine.Config) *engine.Move
	Admit(pool, address string) *engine.Refusal
	Leave(pool, address string)
	Attach(engine.Client) *engine.Refusal
	Cancel(pid uint32, secret []byte) <-chan struct{}
	Snapshot() <-chan func() engine.Snapshot
	Queries() <-chan func() []engine.QueryStats
	Drain() <-chan struct{}
	Accept(name uint64, fd int)
	Refrain(name uint64) <-chan struct{}
	Mark() uint64
	Probed(pool string, now int64, r routing.Report)
	Topology(pool string) *routing.Topology
	CacheStatus() []engine.CacheStatus
	CacheTables(pool string) []engine.CacheTable
	CacheForms(pool string) []engine.CacheForm
	PurgeCache(pool, table string) int
	Order(engine.Order, engine.Target) *engine.Progress
	Status(pool, database string) string
	Standing() []engine.Standing
	ClientRows(engine.Filter) <-chan []engine.ClientRow
	ServerRows(engine.Filter) <-chan []engine.ServerRow
	CloseClient(id uint64) <-chan bool
}

// running is an engine whose loops run.
type running struct {
	pooler
	notices *notices
	prepare func() // gets the grammar ready; nil: there is none
	loops   int
	driver  string // io_uring or epoll
	asked   string // io_driver, as it was when the loops were started
	wished  int    // event_loops, as it was then
	ended   sync.WaitGroup
}

// startRunning begins the engine and its loops, one locked thread each.
func startRunning(first *plan, p *process) (*running, error) {
	cpus := runtime.GOMAXPROCS(0)
	r := &running{loops: first.eventLoops, wished: first.eventLoops, asked: first.ioDriver}
	if r.loops == 0 {
		r.loops = cpus
	}
	drivers, choice, err := openDrivers(r.loops, first.ioDriver)
	if err != nil {
		return nil, fmt.Errorf("starting event loops: %w", err)
	}
	r.driver = choice.driver
	h := newHost(p)
	e := engine.New(r.loops, h)
	h.engine = e
	r.pooler, r.notices, r.prepare = e, h.notices, h.prepare

	// A loop that wakes while every P is busy waits 15 to 40 ms for one, and 25 µs with one to spare (measured).
	runtime.GOMAXPROCS(cpus + r.loops)
	for i, d := range drivers {
		e.Shard(i).Bind(d)
	}
	r.ended.Add(r.loops)
	for i, d := range drivers {
		go r.runLoop(e.Shard(i), d, p)
	}
	first.logger.Info("event loops started", append(choice.fields(),
		zap.Int("event_loops", r.loops),
		zap.Int("connections_per_loop", drivers[0].Capacity()),
		zap.Int("gomaxprocs", cpus+r.loops),
	)...)
	return r, nil
}

// crashPause keeps a bug that comes back at once from filling the log. It doubles, up to maxCrashPause, while no driver
// can be opened.
const (
	crashPause    = 100 * time.Millisecond
	maxCrashPause = 5 * time.Second
)

// runLoop drives one shard until it stops. A bug costs the connections of this loop, which goes on with a new
// driver, and nothing else of Caddy.
func (r *running) runLoop(s *engine.Shard, d loop.Driver, p *process) {
	runtime.LockOSThread() // a ring belongs to the thread that first waited on it
	defer r.ended.Done()
	for {
		bug, stack := drive(s, d)
		d.Close()
		if bug == nil {
			return
		}
		s.Crash(fmt.Sprint(bug), stack)
		d = r.reopen(p)
		s.Bind(d)
	}
}

// reopen opens a driver for a loop that has lost its own.
func (r *running) reopen(p *process) loop.Driver {
	for pause := crashPause; ; pause = min(2*pause, maxCrashPause) {
		time.Sleep(pause)
		drivers, _, err := openDrivers(1, r.asked)
		if err == nil {
			return drivers[0]
		}
		p.logger().Error("an event loop cannot go on; new clients go to the others, and it is tried again", zap.Error(err))
	}
}

// drive runs a loop to its end, and returns the bug that ended it, if one did.
func drive(s *engine.Shard, d loop.Driver) (bug any, stack []byte) {
	defer func() {
		if bug = recover(); bug != nil {
			stack = debug.Stack()
		}
	}()
	loop.Run(s, d, closeFD)
	return nil, nil
}

// warnOfRestart says what of a new plan a reload cannot change.
func (r *running) warnOfRestart(next *plan) {
	if next.eventLoops != r.wished {
		next.logger.Warn("event_loops has changed; it applies when Caddy is restarted",
			zap.Int("running", r.loops), zap.Int("configured", next.eventLoops))
	}
	if next.ioDriver != r.asked {
		next.logger.Warn("io_driver has changed; it applies when Caddy is restarted",
			zap.String("running", r.driver), zap.String("configured", next.ioDriver))
	}
}

// drain ends the engine and waits until it has ended; it reports whether every client could finish.
func (r *running) drain(patience time.Duration) (finished bool) {
	end := time.After(patience + exitGrace)
	stopped := make(chan struct{})
	go func() {
		<-r.Drain()
		finished = true
		r.ended.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		r.notices.flush()
		return finished
	case <-end:
		return false
	}
}
