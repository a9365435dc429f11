package poolhandler

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// process is what outlives configurations.
//
//	stack       []            [old]          [old new]            [new]
//	            │  old starts   │  new starts   │     old stops     │
//	            └──────────────▶└──────────────▶└──────────────────▶
//	                                             new stops: [old]   a sibling's Start failed: old is applied again
//	                            old stops: []    the app is removed: no pools, clients drain; or the process exits
type process struct {
	mu    sync.Mutex // held by everything that starts, applies and stops
	stack []*plan    // started and not stopped, the one in force last

	current atomic.Pointer[plan]    // the plan in force; nil if none
	retired atomic.Pointer[plan]    // the one before it, whose removed pools may still dial while they drain
	running atomic.Pointer[running] // nil before the first start and after the end

	discoveries discoveries
	// entrances is the sockets that clients connect to, besides those of layer4.
	entrances entrances

	// start begins an engine; startRunning, or a test's.
	start func(*plan, *process) (*running, error)
	// exiting tells whether the program ends; a test's, or Caddy's.
	exiting func() bool
	// logins counts and bounds the clients that log in.
	logins logins
	// probes asks the upstreams of the pools in force what they are.
	probes probes
	// feeds follow the changes of databases whose replies are cached.
	feeds feeds
	// fleets share replies, and what is written, with other processes.
	fleets fleets
	// consoles are the sessions of the console.
	consoles consoles
	// spans is transactions on their way to who collects traces.
	spans spans
	// counts is what the metrics show of the control plane.
	counts controlCounts
	// view is what dashboards show.
	view sharedView
}

// theProcess is the one of this program.
var theProcess = newProcess(startRunning)

func newProcess(start func(*plan, *process) (*running, error)) *process {
	p := &process{start: start, exiting: caddy.Exiting, discoveries: discoveries{lists: make(map[sourceID][]config.Upstream)}}
	p.logins.init()
	p.spans.queue = make(chan engine.Span, maxSpans)
	p.counts.init()
	p.consoles.init(p)
	return p
}

// push puts a plan in force. On an error nothing has changed.
func (p *process) push(next *plan) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(next.engine.Pools, func(c engine.PoolConfig) bool { return c.Tracing }) {
		if err := p.spans.begin(p.logger); err != nil {
			return err
		}
	}
	opened, err := p.entrances.openFor(next)
	if err != nil {
		return err
	}
	r := p.running.Load()
	if r == nil {
		if r, err = p.start(next, p); err != nil {
			abandonEntrances(opened)
			return err
		}
		p.running.Store(r)
	} else if err := moved(r.Moves(next.engine)); err != nil {
		abandonEntrances(opened)
		return err
	} else {
		r.warnOfRestart(next)
	}
	p.stack = append(p.stack, next)
	p.apply(r, next)
	p.entrances.add(r, opened)
	return nil
}

// remove takes a plan out; what is then on top is in force, if it was not already. Removing what is not there does
// nothing. It reports whether the last plan has gone.
func (p *process) remove(old *plan) (last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.stack, old)
	if i < 0 {
		return false
	}
	p.stack = slices.Delete(p.stack, i, i+1)
	p.forget()
	r := p.running.Load()
	if len(p.stack) == 0 && p.exiting() {
		p.yieldEntrances(r)
		r.Drain() // first: who comes now is told of the end, and not that there is no such pool
	}
	if len(p.stack) == 0 {
		p.apply(r, old.withoutPools())
	} else if top := p.stack[len(p.stack)-1]; top != p.current.Load() {
		p.apply(r, top)
	}
	if !p.exiting() {
		p.closeEntrances(r, p.entrances.unused(p.stack))
	}
	return len(p.stack) == 0
}

// apply tells the engine. Pools are known to dialing before the engine can ask for servers, and removed ones
// for one plan longer.
func (p *process) apply(r *running, next *plan) {
	before := p.retired.Swap(p.current.Load())
	p.current.Store(next)
	p.tell(r, next) // first: clients may come as soon as the plan is in force
	p.probes.apply(p, r.pooler, next)
	p.probes.follow(p.discoveries.inForce.Load())
	if r.prepare != nil && slices.ContainsFunc(next.engine.Pools, needsGrammar) {
		r.prepare()
	}
	p.discover(next)
	p.consoles.apply(next.console)
	if before != nil && before != next && !slices.Contains(p.stack, before) {
		before.close()
	}
}

// withoutPools is the plan of a process whose app has been removed.
func (p *plan) withoutPools() *plan {
	return &plan{
		loginTimeout: p.loginTimeout,
		drainTimeout: p.drainTimeout,
		engine:       &engine.Config{DrainTimeout: p.drainTimeout},
		logger:       p.logger,
	}
}

// pool returns what is known of a pool, also of one that was removed last.
func (p *process) pool(name string) *pool {
	for _, plan := range []*plan{p.current.Load(), p.retired.Load()} {
		if plan != nil && plan.pools[name] != nil {
			return plan.pools[name]
		}
	}
	return nil
}

// logger is that of the plan in force: Caddy closes the outputs of loggers of earlier configurations.
func (p *process) logger() *zap.Logger {
	if plan := p.current.Load(); plan != nil {
		return plan.logger
	}
	return zap.NewNop()
}

// exit ends the engine: clients may finish what they do for drain_timeout, then every loop has stopped.
func (p *process) exit(drained *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.running.Load(); r != nil {
		if !r.drain(drained.drainTimeout) {
			drained.logger.Warn("clients were still busy when drain_timeout ended; their connections are closed")
		}
		p.closeEntrances(r, p.entrances.unused(nil))
		p.entrances.awaitAnswers()
		p.consoles.awaitEnd()
		p.fleets.close()
		p.spans.flush()
		p.running.Store(nil)
	}
}
