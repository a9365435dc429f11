package prober

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// Config is what a Prober needs to know of its pool. The functions are called by several goroutines at once.
type Config struct {
	// Interval is how often each upstream is asked, and Timeout how long it may take to answer, dialing included.
	Interval, Timeout time.Duration
	// Upstreams are those to begin with; see Follow.
	Upstreams []routing.Declared
	// Dial logs in to an upstream; see ErrNobody.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Reach finds out whether there is anybody at the address, where a login is of no use now.
	Reach func(ctx context.Context, address string) error
	// Mark takes a mark; see package routing.
	Mark func() uint64
	// Now is the time that Probed is told: any clock that does not go backwards, in nanoseconds.
	Now func() int64
	// Probed takes a result.
	Probed func(now int64, r routing.Report)
}

// Prober asks the upstreams of one pool.
type Prober struct {
	cfg  Config
	dial func(context.Context, string) (server, error)
	// again asks for a round ahead of its time.
	again chan struct{}
	group sync.WaitGroup

	mu        sync.Mutex
	ctx       context.Context // of Run; nil before and after
	upstreams []*upstream     // in the order in which they were declared
}

// server is a connection to ask over; see connection.
type server interface {
	ask(ctx context.Context, mark func() uint64) (routing.Report, error)
	close()
}

// New makes a Prober, which does nothing before Run.
func New(cfg Config) *Prober {
	p := &Prober{cfg: cfg, again: make(chan struct{}, 1)}
	p.dial = func(ctx context.Context, address string) (server, error) {
		conn, err := cfg.Dial(ctx, address)
		if err != nil {
			return nil, err
		}
		return newConnection(ctx, conn)
	}
	p.Follow(cfg.Upstreams)
	return p
}

// Run probes until the context ends. When it returns every connection is closed, and Probed is not called any more.
func (p *Prober) Run(ctx context.Context) {
	p.begin(ctx)
	p.rounds(ctx)
	p.end()
}

func (p *Prober) begin(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx = ctx
	for _, u := range p.upstreams {
		p.start(u)
	}
}

func (p *Prober) end() {
	p.mu.Lock()
	p.ctx = nil
	p.mu.Unlock()
	p.group.Wait()
}

// start begins an upstream's goroutine.
func (p *Prober) start(u *upstream) {
	var ctx context.Context
	ctx, u.stop = context.WithCancel(p.ctx)
	p.group.Go(func() { u.run(ctx) })
}

// Follow makes these the upstreams. Those that were there go on as they are; of those that are gone nothing is told any more, a result
// that is just being told aside.
func (p *Prober) Follow(declared []routing.Declared) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var next []*upstream
	for _, d := range declared {
		u := p.find(d.Address)
		if u == nil {
			u = newUpstream(p, d.Address)
			if p.ctx != nil {
				p.start(u)
				p.hurry()
			}
		}
		u.declared = d.Role
		next = append(next, u)
	}
	for _, u := range p.upstreams {
		if !slices.Contains(next, u) && u.stop != nil {
			u.stop()
		}
	}
	p.upstreams = next
}

// find is the upstream at an address; nil if there is none.
func (p *Prober) find(address string) *upstream {
	for _, u := range p.upstreams {
		if u.address == address {
			return u
		}
	}
	return nil
}

// Soon asks an upstream out of turn, at once, or soonPause after it was asked last. It does not wait. Of several that come
// meanwhile one counts.
func (p *Prober) Soon(address string) {
	p.mu.Lock()
	u := p.find(address)
	p.mu.Unlock()
	if u != nil {
		u.hurry()
	}
}

// Retry says that there may be another user to log in as: upstreams that have refused us are asked again at once.
func (p *Prober) Retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.upstreams {
		if u.unwelcome.Swap(0) > 0 {
			u.hurry()
		}
	}
}

// hurry asks for a round ahead of its time.
func (p *Prober) hurry() {
	select {
	case p.again <- struct{}{}:
	default:
	}
}
