package poolhandler

import (
	"fmt"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Caddy's events app is told what becomes of upstreams and pools, so that people can have something done about it:
//
//	upstream_up, upstream_down              an upstream gets new transactions, or does not any more
//	upstream_role                           what it is has changed
//	upstream_primary                        writes go there from now on
//	upstream_doubted, upstream_stranger     it claims to be primary and is not believed; it is of another cluster
//	breaker_opened, breaker_closed          connections to it are not tried for a while, or again
//	pool_paused, pool_resumed, pool_reconnected, pool_drained, pool_killed, pool_disabled, pool_enabled
//	                                        an operator's order has been carried out
//
// Their data is `pool`, `database` or `upstream` where it is about one, and `message`, the line in the log.

// maxEvents bounds the events that wait: handlers run one after the other, and may be slow. Beyond, events are lost, which the log tells.
const maxEvents = 256

// emitter passes events on, beside the loops and the log.
type emitter struct {
	queue   chan engine.Notice
	dropped atomic.Uint64
	plan    func() *plan
}

func newEmitter(plan func() *plan) *emitter {
	e := &emitter{queue: make(chan engine.Notice, maxEvents), plan: plan}
	go e.run()
	return e
}

func (e *emitter) add(n engine.Notice) {
	if n.Event == "" {
		return
	}
	select {
	case e.queue <- n:
	default:
		e.dropped.Add(1)
	}
}

func (e *emitter) run() {
	for n := range e.queue {
		p := e.plan()
		if p == nil {
			continue
		}
		p.emit(n)
		if dropped := e.dropped.Swap(0); dropped > 0 {
			p.logger.Warn("handlers of events were too slow; events are lost", zap.Uint64("events", dropped))
		}
	}
}

// announcer is where the events of a configuration go.
type announcer struct {
	ctx caddy.Context
	app *caddyevents.App
}

func newAnnouncer(ctx caddy.Context) (*announcer, error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("getting the events app: %w", err)
	}
	return &announcer{ctx: ctx, app: app.(*caddyevents.App)}, nil
}

// emit tells Caddy's events app of the configuration in force.
func (p *plan) emit(n engine.Notice) {
	if p.announcer == nil {
		return
	}
	data := map[string]any{"pool": n.Pool, "message": n.Message}
	for key, value := range map[string]string{"database": n.Database, "upstream": n.Upstream} {
		if value != "" {
			data[key] = value
		}
	}
	p.announcer.app.Emit(p.announcer.ctx, n.Event, data)
}
