package poolhandler

import (
	"fmt"
	"strings"
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
	move      *engine.Move // of Moves
	admitted  int
	attached  chan engine.Client
	cancelled chan string
	refuse    *engine.Refusal // of Admit
	unwilling *engine.Refusal // of Attach
	snapshot  engine.Snapshot
	orders    []string
	progress  func(engine.Order, engine.Target) *engine.Progress // nil: of an engine without loops
	asked     []engine.Filter
	clients   []engine.ClientRow
	servers   []engine.ServerRow
	closed    []uint64
	queries   []engine.QueryStats
	drained   chan struct{}

	marks      atomic.Uint64
	probed     []probed
	topologies map[string]*routing.Topology

	caches []engine.CacheStatus
	tables map[string][]engine.CacheTable // by pool
	forms  map[string][]engine.CacheForm
	looks  []string // at tables and forms, of which pool
	purges []string // pool and table

	accepting []int // descriptors
	refrained int
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

func (f *fakePooler) Moves(*engine.Config) *engine.Move { return f.move }

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

func (f *fakePooler) Snapshot() <-chan func() engine.Snapshot {
	c := make(chan func() engine.Snapshot, 1)
	c <- func() engine.Snapshot { return f.snapshot }
	return c
}

func (f *fakePooler) Order(o engine.Order, t engine.Target) *engine.Progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orders = append(f.orders, strings.TrimRight(o.String()+" "+t.Pool+" "+t.Database, " "))
	if f.progress != nil {
		return f.progress(o, t)
	}
	return engine.New(0, newHost(newProcess(nil))).Order(o, t)
}

func (f *fakePooler) Status(string, string) string { return "active" }

func (f *fakePooler) Standing() []engine.Standing { return nil }

func (f *fakePooler) ClientRows(filter engine.Filter) <-chan []engine.ClientRow {
	f.asked = append(f.asked, filter)
	out := make(chan []engine.ClientRow, 1)
	out <- f.clients[:min(len(f.clients), filter.Limit)]
	return out
}

func (f *fakePooler) ServerRows(filter engine.Filter) <-chan []engine.ServerRow {
	f.asked = append(f.asked, filter)
	out := make(chan []engine.ServerRow, 1)
	out <- f.servers[:min(len(f.servers), filter.Limit)]
	return out
}

func (f *fakePooler) CloseClient(id uint64) <-chan bool {
	f.closed = append(f.closed, id)
	out := make(chan bool, 1)
	out <- id == 7
	return out
}

func (f *fakePooler) Queries() <-chan func() []engine.QueryStats {
	c := make(chan func() []engine.QueryStats, 1)
	c <- func() []engine.QueryStats { return f.queries }
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

func (f *fakePooler) CacheTables(pool string) []engine.CacheTable {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks = append(f.looks, "tables of "+pool)
	return f.tables[pool]
}

func (f *fakePooler) CacheForms(pool string) []engine.CacheForm {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks = append(f.looks, "forms of "+pool)
	return f.forms[pool]
}

// PurgeCache drops seven replies.
func (f *fakePooler) PurgeCache(pool, table string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.purges = append(f.purges, pool+"/"+table)
	return 7
}

// Accept notes who is accepted from; nobody is.
func (f *fakePooler) Accept(name uint64, fd int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accepting = append(f.accepting, fd)
}

// Refrain forgets it.
func (f *fakePooler) Refrain(uint64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refrained++
	gone := make(chan struct{})
	close(gone)
	return gone
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
