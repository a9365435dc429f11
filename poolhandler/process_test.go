package poolhandler

import (
	"errors"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// size is the pool size that the engine was told last, 0 for no pools.
func (f *fakePooler) size() int {
	c := f.last()
	if len(c.Pools) == 0 {
		return 0
	}
	return c.Pools[0].PoolSize
}

func TestReloadPutsTheNewPlanInForceAndKeepsIt(t *testing.T) {
	p, f := fakeProcess()
	old, next := testPlan(t, onePool("app", 1)), testPlan(t, onePool("app", 2))
	start(t, p, old)
	start(t, p, next) // Caddy starts the new configuration
	if last := p.remove(old); last {
		t.Error("the old one was said to be the last")
	}
	if f.size() != 2 || p.current.Load() != next {
		t.Errorf("size %d is in force, not 2", f.size())
	}
	if n := len(f.applied); n != 2 {
		t.Errorf("the engine was told %d times, not twice", n)
	}
}

func TestFailedReloadRestoresTheOldPlan(t *testing.T) {
	p, f := fakeProcess()
	old, next := testPlan(t, onePool("app", 1)), testPlan(t, onePool("app", 2))
	start(t, p, old)
	start(t, p, next)
	p.remove(next) // a sibling's Start failed
	if f.size() != 1 || p.current.Load() != old {
		t.Errorf("size %d is in force, not 1", f.size())
	}
	p.remove(next) // and its Cleanup
	if n := len(f.applied); n != 3 {
		t.Errorf("the engine was told %d times, not 3", n)
	}
}

func TestRemovedAppLeavesNoPools(t *testing.T) {
	p, f := fakeProcess()
	only := testPlan(t, onePool("app", 1))
	start(t, p, only)
	if last := p.remove(only); !last {
		t.Error("the only plan was not the last")
	}
	if f.size() != 0 || f.last().DrainTimeout != only.drainTimeout {
		t.Errorf("pools are left: %+v", f.last())
	}
	if p.pool("app") == nil {
		t.Error("a draining pool may not dial")
	}
	start(t, p, testPlan(t, onePool("app", 3))) // and the app comes back
	if f.size() != 3 {
		t.Errorf("size %d is in force, not 3", f.size())
	}
}

func TestFailedStartChangesNothing(t *testing.T) {
	broken := errors.New("no drivers")
	p := newProcess(func(*plan, *process) (*running, error) { return nil, broken })
	if err := p.push(testPlan(t, onePool("app", 1))); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if len(p.stack) != 0 || p.current.Load() != nil {
		t.Error("the plan is in force")
	}
}

func TestPoolsInUseAreNotMovedToAnotherDatabase(t *testing.T) {
	p, f := fakeProcess()
	old := testPlan(t, onePool("app", 1))
	start(t, p, old)
	f.move = &engine.Move{Pool: "app", Database: "a", From: "x", To: "y"}
	err := p.push(testPlan(t, onePool("app", 2)))
	const want = `pools.app.server_database: database "a" of the clients is "x" on the servers now, and would be "y"`
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if f.size() != 1 || p.current.Load() != old {
		t.Error("the plan is in force")
	}
}

func TestExitDrains(t *testing.T) {
	p, _ := fakeProcess()
	only := testPlan(t, onePool("app", 1))
	start(t, p, only)
	p.remove(only)
	p.exit(only)
	if p.running.Load() != nil {
		t.Error("the engine is still there")
	}
}

func start(t *testing.T, p *process, next *plan) {
	t.Helper()
	if err := p.push(next); err != nil {
		t.Fatal(err)
	}
}
