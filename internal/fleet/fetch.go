package fleet

import (
	"context"
	"slices"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// maxFetches bounds those that wait for the store at once. Who comes then has his reply asked of Postgres.
const maxFetches = 64

// Fetch looks for a reply that another has offered, that rests on these tables among others, and is true as far as the log was read. found is called
// exactly once, from another goroutine, within fetchTimeout if the store keeps its contexts; nil: there is none.
func (m *Member) Fetch(key querycache.SharedKey, tables []*querycache.Table, found func(*querycache.Shared)) {
	shared := m.shared.Load()
	if shared == nil || !m.mayFetch() {
		go found(nil)
		return
	}
	tables = slices.Clone(tables)
	go func() {
		s := m.fetch(shared.value(key), tables)
		<-m.fetching
		found(s)
	}()
}

func (m *Member) mayFetch() bool {
	select {
	case m.fetching <- struct{}{}:
		return true
	default:
		return false
	}
}

func (m *Member) fetch(key string, tables []*querycache.Table) *querycache.Shared {
	ctx, stop := context.WithTimeout(context.Background(), fetchTimeout)
	defer stop()
	value, left, err := m.store.Get(ctx, key)
	if err != nil || value == nil {
		return nil
	}
	s := readValue(value)
	if s == nil || left <= 0 || !m.isTrue(s, tables) {
		return nil
	}
	s.Left = min(s.Left, left)
	return s
}

// isTrue reports whether nothing that a reply rests on was written behind its position (rule 6).
func (m *Member) isTrue(s *querycache.Shared, tables []*querycache.Table) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shared.Load() == nil || !m.tables.current(s.Tables, s.Position) {
		return false
	}
	for _, t := range tables {
		if !m.tables.current([]string{t.Name}, s.Position) {
			return false
		}
	}
	return true
}
