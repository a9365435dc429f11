package poolhandler

import (
	"context"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/prober"
	"github.com/pgmux/caddy-pgmux/routing"
)

// probes asks the upstreams of the pools in force what they are. A probe outlives configurations as long as what concerns it stays:
// a reload interrupts nothing that is known of upstreams.
type probes struct {
	mu    sync.Mutex
	pools map[string]*probe
}

// probe is the Prober of one pool.
type probe struct {
	name              string
	process           *process
	interval, timeout time.Duration
	prober            *prober.Prober
	stop              context.CancelFunc
	ended             chan struct{} // closed when nothing is left of it

	mu            sync.Mutex
	learned, last identity          // who was let in last: as a client's server, and by us
	told          map[string]string // by upstream, why nobody is let in who could ask, as the log has it
}

// clockStart is when the clock began that results of probes carry.
var clockStart = time.Now()

func monotonic() int64 { return int64(time.Since(clockStart)) }

// follow has the upstreams probed that the engine has been told of.
func (s *probes) follow(c *engine.Config) {
	for i := range c.Pools {
		if p := s.find(c.Pools[i].Name); p != nil {
			p.prober.Follow(declaredOf(&c.Pools[i]))
		}
	}
}

// declaredOf is what package routing is told of the upstreams of a pool.
func declaredOf(c *engine.PoolConfig) []routing.Declared {
	out := make([]routing.Declared, len(c.Upstreams))
	for i, u := range c.Upstreams {
		out[i] = routing.Declared{Address: u.Address, Role: u.Role, Weight: max(u.Weight, 1)}
	}
	return out
}

// apply begins, changes and ends probes as the plan that has come into force says; follow says whom they are about.
func (s *probes) apply(process *process, e pooler, next *plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.pools {
		if pool := next.pools[name]; pool == nil || pool.health.interval != p.interval || pool.health.timeout != p.timeout {
			p.stop()
			delete(s.pools, name)
		}
	}
	for name, pool := range next.pools {
		switch p := s.pools[name]; {
		case p != nil:
			p.prober.Retry() // another user may ask now
		case pool.health.interval > 0:
			s.begin(newProbe(process, e, pool))
		}
	}
}

// begin begins to probe.
func (s *probes) begin(p *probe) {
	if s.pools == nil {
		s.pools = make(map[string]*probe)
	}
	s.pools[p.name] = p
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() {
		p.prober.Run(ctx)
		close(p.ended)
	}()
}

func newProbe(process *process, e pooler, pool *pool) *probe {
	p := &probe{
		name: pool.name, process: process, interval: pool.health.interval, timeout: pool.health.timeout,
		ended: make(chan struct{}), told: make(map[string]string),
	}
	p.prober = prober.New(prober.Config{
		Interval: p.interval, Timeout: p.timeout, Upstreams: pool.upstreams,
		Dial: p.dial, Reach: login.Reach, Mark: e.Mark, Now: monotonic,
		Probed: func(now int64, r routing.Report) { e.Probed(pool.name, now, r) },
	})
	return p
}

// find is the probe of a pool; nil if it is not probed.
func (s *probes) find(pool string) *probe {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pools[pool]
}

// soon asks an upstream out of turn.
func (s *probes) soon(pool, address string) {
	if p := s.find(pool); p != nil {
		p.prober.Soon(address)
	}
}

// learn says whom a server of the pool has let in.
func (s *probes) learn(pool string, who identity) {
	p := s.find(pool)
	if p == nil {
		return
	}
	p.mu.Lock()
	news := p.learned.user != who.user || p.learned.database != who.database
	p.learned = who
	p.mu.Unlock()
	if news {
		p.prober.Retry()
	}
}
