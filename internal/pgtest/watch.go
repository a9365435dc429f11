package pgtest

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Watch polls how many connections a database has, and remembers the most; the proof that a pool keeps its limit,
// taken by Postgres itself.
type Watch struct {
	mu      sync.Mutex
	most    int
	samples int
	stop    context.CancelFunc
	done    chan struct{}
}

// watchInterval is how often the count is taken: one connection of the watch's own asks, so this costs little.
const watchInterval = 10 * time.Millisecond

// Watch starts to watch; the test's end stops it. While Postgres is down there is nothing to count.
func (s *Server) Watch(t testing.TB, database string) *Watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &Watch{stop: stop, done: make(chan struct{})}
	go w.run(ctx, s, database)
	t.Cleanup(func() { w.Most() })
	return w
}

func (w *Watch) run(ctx context.Context, s *Server, database string) {
	defer close(w.done)
	for ctx.Err() == nil {
		w.follow(ctx, s, database)
		pause(ctx)
	}
}

// follow counts over one connection until it breaks.
func (w *Watch) follow(ctx context.Context, s *Server, database string) {
	conn, err := s.Super(ctx, "postgres")
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	for ctx.Err() == nil {
		var n int
		err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "+
			"AND pid <> pg_backend_pid() AND datname = $1", database).Scan(&n)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.samples++
		w.most = max(w.most, n)
		w.mu.Unlock()
		pause(ctx)
	}
}

// Samples is how many counts have been taken so far.
func (w *Watch) Samples() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.samples
}

// Most stops the watch and returns the largest count seen and the number of samples.
func (w *Watch) Most() (most, samples int) {
	w.stop()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most, w.samples
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(watchInterval):
	}
}
