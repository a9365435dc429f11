package poolhandler

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// heardEvent is an event as its handlers see it.
type heardEvent struct {
	name string
	data map[string]any
}

// hearing is a plan with an events app, one handler of which hears everything, when it is let.
func hearing(t *testing.T, let chan struct{}) (*plan, chan heardEvent) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	app := new(caddyevents.App)
	if err := app.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	heard := make(chan heardEvent, 2*maxEvents)
	err := app.On("", handlerFunc(func(e caddy.Event) {
		if let != nil {
			<-let
		}
		heard <- heardEvent{e.Name(), e.Data}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	return &plan{announcer: &announcer{ctx: ctx, app: app}, logger: zap.NewNop()}, heard
}

type handlerFunc func(caddy.Event)

func (f handlerFunc) Handle(_ context.Context, e caddy.Event) error { f(e); return nil }

func next[T any](t *testing.T, from <-chan T) (out T) {
	t.Helper()
	select {
	case out = <-from:
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	return out
}

// What becomes of upstreams and pools is told to Caddy's events app, with what it is about; other lines are not.
func TestEvents(t *testing.T) {
	p, heard := hearing(t, nil)
	e := newEmitter(func() *plan { return p })
	e.add(engine.Notice{Message: "a line", Pool: "app"})
	e.add(engine.Notice{Event: "upstream_down", Message: "upstream: is down", Pool: "app", Upstream: "db:5432"})
	e.add(engine.Notice{Event: "pool_paused", Message: "paused", Pool: "app", Database: "db"})
	if got := next(t, heard); got.name != "upstream_down" || fmt.Sprint(got.data) != "map[message:upstream: is down pool:app upstream:db:5432]" {
		t.Errorf("%+v", got)
	}
	if got := next(t, heard); got.name != "pool_paused" || fmt.Sprint(got.data) != "map[database:db message:paused pool:app]" {
		t.Errorf("%+v", got)
	}
}

// A handler that is slow costs events, and nothing else; how many is logged.
func TestEventsAreBounded(t *testing.T) {
	let := make(chan struct{})
	p, heard := hearing(t, let)
	core, logs := observer.New(zap.WarnLevel)
	p.logger = zap.New(core)
	e := newEmitter(func() *plan { return p })
	add := func() { e.add(engine.Notice{Event: "upstream_up", Pool: "app"}) }
	add()
	let <- struct{}{} // it is being handled
	next(t, heard)
	for range maxEvents + 1 {
		add()
	}
	for e.dropped.Load() == 0 {
		add() // one may have been taken out already
	}
	close(let)
	for range maxEvents {
		next(t, heard)
	}
	for deadline := time.Now().Add(time.Minute); logs.Len() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is logged of what was lost")
		}
	}
}

// An engine's order is told when it has been carried out.
func TestOrdersAreEvents(t *testing.T) {
	p, heard := hearing(t, nil)
	process := newProcess(nil)
	process.current.Store(p)
	h := newHost(process)
	e := engine.New(0, h)
	e.Apply(&engine.Config{Pools: []engine.PoolConfig{{Name: "app"}}})
	e.Order(engine.OrderPause, engine.Target{Pool: "app"})
	if got := next(t, heard); got.name != "pool_paused" || got.data["pool"] != "app" {
		t.Errorf("%+v", got)
	}
}
