package poolhandler

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// However many look, and however often, the loops are asked once a second.
func TestManyViewersCostAsMuchAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sharedView
		taken := 0
		take := func() ([]byte, error) {
			taken++ // the view's mutex is held
			return []byte{byte(taken)}, nil
		}
		const viewers, seconds = 100, 10
		var all sync.WaitGroup
		for range viewers {
			all.Go(func() {
				for began := time.Now(); time.Since(began) < seconds*time.Second; time.Sleep(70 * time.Millisecond) {
					if view, err := s.get(take); err != nil || len(view) != 1 {
						t.Errorf("%v, %v", view, err)
					}
				}
			})
		}
		all.Wait()
		if taken < seconds-1 || taken > seconds+1 {
			t.Errorf("%d viewers have had %d views taken in %d seconds", viewers, taken, seconds)
		}
	})
}

// A view is as old as viewInterval at most: at the limit it is taken anew.
func TestAViewIsNotOlderThanItMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sharedView
		taken := 0
		take := func() ([]byte, error) { taken++; return nil, nil }
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 1}, {viewInterval - 1, 1}, {1, 2}, {0, 2}, {time.Hour, 3}} {
			time.Sleep(step.wait)
			if s.get(take); taken != step.want {
				t.Errorf("after %v more: taken %d times, want %d", step.wait, taken, step.want)
			}
		}
	})
}

// A failure takes seconds to come about: it is shared too, and forgotten as soon.
func TestAFailureIsSharedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sharedView
		fails, taken := errors.New("the loops are away"), 0
		take := func() ([]byte, error) { taken++; return nil, fails }
		for range 10 {
			if _, err := s.get(take); !errors.Is(err, fails) {
				t.Errorf("got %v", err)
			}
		}
		time.Sleep(viewInterval)
		if view, err := s.get(func() ([]byte, error) { taken++; return []byte("{}"), nil }); err != nil || string(view) != "{}" || taken != 2 {
			t.Errorf("%s, %v, taken %d times", view, err, taken)
		}
	})
}

// countingPooler counts how often it is asked.
type countingPooler struct {
	*fakePooler
	snapshots, queries atomic.Int64
	stats              []engine.QueryStats
}

func (c *countingPooler) Snapshot() <-chan func() engine.Snapshot {
	c.snapshots.Add(1)
	return c.fakePooler.Snapshot()
}

// Queries counts, too.
func (c *countingPooler) Queries() <-chan func() []engine.QueryStats {
	c.queries.Add(1)
	out := make(chan func() []engine.QueryStats, 1)
	out <- func() []engine.QueryStats { return c.stats }
	return out
}

// countingProcess is busyProcess, whose engine counts.
func countingProcess(t *testing.T) (*process, *countingPooler) {
	t.Helper()
	p := busyProcess(t)
	r := p.running.Load()
	c := &countingPooler{fakePooler: r.pooler.(*fakePooler)}
	p.running.Store(&running{pooler: c, notices: r.notices})
	return p, c
}

// The same through the handler: a crowd that comes at once is answered by one snapshot.
func TestACrowdIsAnsweredByOneSnapshot(t *testing.T) {
	p, c := countingProcess(t)
	began := time.Now()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if w, err := look(p, "GET", "/data", ""); err != nil || w.Code != 200 {
				t.Errorf("%d, %v", w.Code, err)
			}
		})
	}
	all.Wait()
	most := 1 + int64(time.Since(began)/viewInterval)
	if n := c.snapshots.Load(); n < 1 || n > most || c.queries.Load() != n {
		t.Errorf("%d snapshots, %d lists of queries, want at most %d", n, c.queries.Load(), most)
	}
}
