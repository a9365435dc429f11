package poolhandler

import (
	"context"
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pgmux/caddy-pgmux/internal/fleet"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// membership is that of this process in one store and database.
type membership struct {
	fleetKey
	member *fleet.Member
	engine sharing
	// process tells whether its pools are still declared so.
	process *process
	stop    context.CancelFunc

	mu     sync.Mutex
	joined bool
	pools  map[string]*fleet.Seat // the seats of those that share it; nil while it is out of touch
}

// gone is the pools that do not share any more.
func (m *membership) gone() (gone []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for pool := range m.pools {
		p := m.process.pool(pool)
		if p == nil || p.store == nil || p.store.written != m.store || !m.engine.Uses(pool, m.database) {
			gone = append(gone, pool)
		}
	}
	return gone
}

func (m *membership) isOver() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pools) == 0
}

// add has a pool share, at once if we have joined.
func (m *membership) add(pool string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seat, there := m.pools[pool]; there && (seat != nil || !m.joined) {
		return
	}
	m.pools[pool] = nil
	if m.joined {
		m.seat(pool)
	}
}

// seat has a pool take part. Under mu.
func (m *membership) seat(pool string) {
	m.pools[pool] = m.member.Seat()
	m.engine.Shares(pool, m.database, m.pools[pool])
}

// remove has a pool share no more.
func (m *membership) remove(pool string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.engine.Unshared(pool, m.database)
	if seat := m.pools[pool]; seat != nil {
		seat.Close()
	}
	delete(m.pools, pool)
}

// Joined implements fleet.Sink.
func (m *membership) Joined() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined = true
	for pool := range m.pools {
		m.seat(pool)
	}
}

// Lost implements fleet.Sink.
func (m *membership) Lost(error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined = false
	for pool, seat := range m.pools {
		m.engine.Shares(pool, m.database, nil)
		seat.Close()
		m.pools[pool] = nil
	}
}

// Heard implements fleet.Sink.
func (m *membership) Heard(op querycache.Op, table string) {
	var tables []string // nil: the whole database
	if table != "" {
		tables = []string{table}
	}
	m.engine.Heard(m.database, op, tables)
}

// names is the pools that share, sorted.
func (m *membership) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.pools))
}

func (m *membership) log(level, message, cause string) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		at = zapcore.WarnLevel
	}
	m.process.logger().Log(at, message, zap.String("database", m.database), zap.Strings("pools", m.names()), zap.String("cause", cause))
}
