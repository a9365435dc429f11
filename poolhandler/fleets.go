package poolhandler

import (
	"context"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/fleet"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// fleets is the memberships of this process: one for each store and database, whatever pools share it, as long as a pool is declared so and
// the database is used.
type fleets struct {
	mu      sync.Mutex
	running map[fleetKey]*membership
	ended   sync.WaitGroup
	pace    fleet.Pace // that of a fleet, unless a test is in a hurry
}

// fleetKey is of one membership. Stores that are written alike are one.
type fleetKey struct{ store, database string }

// sharing is who shares: the engine.
type sharing interface {
	Shares(pool, database string, s *fleet.Seat)
	Unshared(pool, database string)
	Heard(database string, op querycache.Op, tables []string)
	Uses(pool, database string) bool
}

// fleetCheck is how often it is looked whether a membership is still wanted.
const fleetCheck = time.Second

// begin has a pool share what it keeps of a database.
func (s *fleets) begin(p *process, e sharing, pool, database string) {
	declared := p.pool(pool)
	if declared == nil || declared.store == nil {
		e.Unshared(pool, database)
		return
	}
	k := fleetKey{declared.store.written, database}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.running[k]
	if m == nil {
		m = s.join(p, e, k, declared.store)
	}
	m.add(pool)
}

// join begins a membership. Under fleets.mu.
func (s *fleets) join(p *process, e sharing, k fleetKey, store *sharedStore) *membership {
	m := &membership{fleetKey: k, engine: e, process: p, pools: map[string]*fleet.Seat{}}
	m.member = fleet.New(store, k.database, s.pace, m, m.log)
	var ctx context.Context
	ctx, m.stop = context.WithCancel(context.Background())
	if s.running == nil {
		s.running = map[fleetKey]*membership{}
	}
	s.running[k] = m
	s.ended.Add(1)
	go s.run(ctx, m, store.hold())
	return m
}

// close ends all memberships, and waits for a moment until they have said so: who is not heard any more, and has not, is waited for by the others.
func (s *fleets) close() {
	s.mu.Lock()
	for _, m := range s.running {
		m.stop()
	}
	clear(s.running)
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.ended.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(fleetGoodbye):
	}
}

// fleetGoodbye bounds the wait for a store when the process ends.
const fleetGoodbye = 2 * time.Second

// run is a member until no pool is any more; who still wants to be says so.
func (s *fleets) run(ctx context.Context, m *membership, release func()) {
	defer s.ended.Done()
	defer release()
	watched := make(chan struct{})
	go func() { defer close(watched); s.watch(ctx, m) }()
	m.member.Run(ctx)
	<-watched
}

// watch ends the shares of pools that do not share any more, and the membership with the last.
func (s *fleets) watch(ctx context.Context, m *membership) {
	tick := time.NewTicker(fleetCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.check(m) {
			return
		}
	}
}

// check does so once, and reports whether it was the last.
func (s *fleets) check(m *membership) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := m.gone()
	for _, pool := range gone {
		m.remove(pool)
	}
	if !m.isOver() {
		return false
	}
	delete(s.running, m.fleetKey)
	m.stop()
	return true
}
