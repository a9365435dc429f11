package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// memory is a Store in memory, whose troubles a test makes.
type memory struct {
	mu         sync.Mutex
	generation string
	logs       map[string]*memoryLog
	values     map[string]memoryValue
	more       chan struct{} // closed when something is appended
	broken     error
	// begun: a log that begins anew begins behind all positions there were.
	begun uint64
	// held: nothing is read, though it is appended.
	held bool
}

type memoryLog struct {
	records [][]byte
	first   uint64 // the position of records[0]
}

type memoryValue struct {
	value []byte
	until time.Time
}

func newMemory() *memory {
	return &memory{generation: "one", logs: map[string]*memoryLog{}, values: map[string]memoryValue{}, more: make(chan struct{})}
}

// do changes the store as a test wants it.
func (m *memory) do(f func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
	close(m.more)
	m.more = make(chan struct{})
}

func (m *memory) Generation(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.generation, m.broken
}

func (m *memory) log(name string) *memoryLog {
	l := m.logs[name]
	if l == nil {
		m.begun += 1 << 20
		l = &memoryLog{first: m.begun}
		m.logs[name] = l
	}
	return l
}

func (l *memoryLog) last() uint64 { return l.first + uint64(len(l.records)) - 1 }

func (m *memory) Append(_ context.Context, log string, record []byte) (position uint64, err error) {
	m.do(func(m *memory) {
		if err = m.broken; err == nil {
			l := m.log(log)
			l.records = append(l.records, record)
			position = l.last()
		}
	})
	return position, err
}

var errNothing = errors.New("nothing yet")

func (m *memory) Read(ctx context.Context, log string, behind uint64) ([][]byte, uint64, error) {
	for {
		m.mu.Lock()
		records, last, err := m.read(log, behind)
		more := m.more
		m.mu.Unlock()
		if !errors.Is(err, errNothing) {
			return records, last, err
		}
		select {
		case <-more:
		case <-time.After(time.Second):
			return nil, behind, nil
		case <-ctx.Done():
			return nil, behind, ctx.Err()
		}
	}
}

func (m *memory) read(log string, behind uint64) ([][]byte, uint64, error) {
	l := m.logs[log]
	switch {
	case m.broken != nil:
		return nil, 0, m.broken
	case m.held || l == nil || behind >= l.last():
		return nil, 0, errNothing
	case behind == 0:
		return l.records, l.last(), nil
	case behind+1 < l.first:
		return nil, 0, querycache.ErrForgotten
	}
	return l.records[behind+1-l.first:], l.last(), nil
}

func (m *memory) Last(_ context.Context, log string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs[log] == nil {
		return 0, m.broken
	}
	return m.log(log).last(), m.broken
}

func (m *memory) Get(_ context.Context, key string) ([]byte, time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.values[key]
	return v.value, time.Until(v.until), m.broken
}

func (m *memory) Set(_ context.Context, key string, value []byte, lasts time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = memoryValue{append([]byte(nil), value...), time.Now().Add(lasts)}
	return m.broken
}

var _ querycache.Store = (*memory)(nil)
