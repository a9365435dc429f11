package console

import (
	"context"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// waitClose waits until the servers of a database, or of all, are gone that were there when RECONNECT was last said of it; and those that are to
// close when they are given back, for whatever reason: a configuration that has come since they were dialed, mostly.
func (s *session) waitClose(ctx context.Context, stmt *statement) (answer, error) {
	target, err := s.target(stmt)
	if err != nil {
		return answer{}, err
	}
	waited := s.shared.of(target)
	leaving, err := s.leaving(target)
	if err != nil {
		return answer{}, err
	}
	if len(leaving.ids) > 0 {
		waited = append(waited, leaving)
	}
	for _, p := range waited {
		if err := s.await(ctx, stmt, p); err != nil {
			return answer{}, err
		}
	}
	return answer{tag: stmt.tag()}, nil
}

// leavingInterval is how often it is looked whether servers are gone: a look asks every event loop for all of its servers.
const leavingInterval = 200 * time.Millisecond

// leaving is servers that are waited for until they are gone; a Progress, which looks for them from when it is first asked.
type leaving struct {
	world World
	begin sync.Once
	done  chan struct{}
	end   chan struct{} // closed by Abandon

	mu  sync.Mutex
	ids map[uint64]bool
}

// leaving is the servers of a target that are to close.
func (s *session) leaving(target engine.Target) (*leaving, error) {
	servers, err := s.world.Servers(math.MaxInt)
	if err != nil {
		return nil, err
	}
	l := &leaving{world: s.world, done: make(chan struct{}), end: make(chan struct{}), ids: map[uint64]bool{}}
	for i := range servers {
		if r := &servers[i]; r.State == "draining" && meets(target, engine.Target{Pool: r.Pool, Database: r.Database}) {
			l.ids[r.ID] = true
		}
	}
	return l, nil
}

// Refused implements Progress.
func (l *leaving) Refused() *engine.Refusal { return nil }

// Undone implements Progress.
func (l *leaving) Undone() bool { return false }

// Left implements Progress.
func (l *leaving) Left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

// Abandon implements Progress: nobody looks any more.
func (l *leaving) Abandon() { close(l.end) }

// Done implements Progress.
func (l *leaving) Done() <-chan struct{} {
	l.begin.Do(func() { go l.watch() })
	return l.done
}

func (l *leaving) watch() {
	look := time.NewTicker(leavingInterval)
	defer look.Stop()
	for l.look() > 0 {
		select {
		case <-look.C:
		case <-l.end:
			return
		}
	}
	close(l.done)
}

// look finds out how many are still there. Where nobody can be asked, that is as before.
func (l *leaving) look() (left int) {
	servers, err := l.world.Servers(math.MaxInt)
	if err != nil {
		return l.Left()
	}
	there := make(map[uint64]bool, len(servers))
	for i := range servers {
		there[servers[i].ID] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.ids, func(id uint64, _ bool) bool { return !there[id] })
	return len(l.ids)
}
