package poolhandler

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/routing"
)

// fakePooler is an engine that remembers what it was told.
type fakePooler struct {
	mu        sync.Mutex
	applied   []*engine.Config
	admitted  int
	attached  chan engine.Client
	cancelled chan string
	refuse    *engine.Refusal // of Admit
	unwilling *engine.Refusal // of Attach
	snapshot  engine.Snapshot
	drained   chan struct{}

	marks      atomic.Uint64
	probed     []probed
	topologies map[string]*routing.Topology

	caches []engine.CacheStatus
	purges []string // pool and table
}

// probed is what the engine was told of a probe.
type probed struct {
	pool string
	routing.Report
}

func newFakePooler() *fakePooler {
	drained := make(chan struct{})
	close(drained)
	return &fakePooler{attached: make(chan engine.Client, 10), cancelled: make(chan string, 10), drained: drained}
}

func (f *fakePooler) Apply(c *engine.Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied = append(f.applied, c)
}

func (f *fakePooler) Admit(_, _ string) *engine.Refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse == nil {
		f.admitted++
	}
	return f.refuse
}

func (f *fakePooler) Leave(_, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.admitted--
}

func (f *fakePooler) Attach(c engine.Client) *engine.Refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unwilling == nil {
		f.attached <- c
	}
	return f.unwilling
}

// refuseWith makes Admit and Attach refuse.
func (f *fakePooler) refuseWith(admit, attach *engine.Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse, f.unwilling = admit, attach
}

func (f *fakePooler) Cancel(pid uint32, secret []byte) <-chan struct{} {
	f.cancelled <- fmt.Sprintf("%d %x", pid, secret)
	done := make(chan struct{})
	close(done)
	return done
}

func (f *fakePooler) Snapshot() <-chan engine.Snapshot {
	c := make(chan engine.Snapshot, 1)
	c <- f.snapshot
	return c
}

func (f *fakePooler) Mark() uint64 { return f.marks.Add(1) }

func (f *fakePooler) Probed(pool string, _ int64, r routing.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probed = append(f.probed, probed{pool, r})
}

func (f *fakePooler) Topology(pool string) *routing.Topology { return f.topologies[pool] }

func (f *fakePooler) CacheStatus() []engine.CacheStatus { return f.caches }

// PurgeCache drops seven replies.
func (f *fakePooler) PurgeCache(pool, table string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.purges = append(f.purges, pool+"/"+table)
	return 7
}

func (f *fakePooler) Drain() <-chan struct{} { return f.drained }

func (f *fakePooler) in() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.admitted
}

func (f *fakePooler) last() *engine.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied[len(f.applied)-1]
}

// fakeProcess is a process whose engine is a fake.
func fakeProcess() (*process, *fakePooler) {
	f := newFakePooler()
	return newProcess(func(first *plan, p *process) (*running, error) {
		return &running{pooler: f, notices: newNotices(p.logger), asked: first.ioDriver}, nil
	}), f
}

// testPlan is the plan of a configuration.
func testPlan(t *testing.T, app *config.App) *plan {
	t.Helper()
	if err := config.Check(app); err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(app, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// onePool is a configuration with a pool of this name, of this size.
func onePool(name string, size int) *config.App {
	return &config.App{Pools: map[string]*config.Pool{name: {
		Databases: []string{"app", "tenant_*"},
		Upstream:  []*config.Upstream{{Address: "127.0.0.1:5432"}},
		PoolSize:  (*config.PoolSize)(&size),
		Auth:      &config.Auth{User: map[string]string{"alice": "wonderland"}},
	}}}
}
