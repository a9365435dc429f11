package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// closing is the ID of a server of fakeWorld that is to close when it is given back.
const closing = 4098

// fakeWorld is two pools, which have a database of the same name.
type fakeWorld struct {
	pools    []engine.PoolStats
	totals   map[engine.Target]engine.Totals
	clients  []engine.ClientRow
	sampler  Sampler
	standing []engine.Standing
	config   []Pool          // nil: the two pools
	refused  *engine.Refusal // of orders
	reload   error
	instant  bool // orders are done at once
	progress []*fakeProgress

	mu      sync.Mutex
	told    []string // orders, and what was logged
	servers []engine.ServerRow
	looks   int // at them
}

var noon = time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)

func newFakeWorld() *fakeWorld {
	w := &fakeWorld{standing: []engine.Standing{{Target: engine.Target{Pool: "app"}}, {Target: engine.Target{Pool: "orders"}}}}
	w.pools = []engine.PoolStats{
		{
			Pool: "app", Database: "shop", User: "alice", ClientsIdle: 5, ClientsActive: 2, ClientsWaiting: 1,
			ServersActive: 2, ServersIdle: 3, ServersChecking: 1, ServersResetting: 1, ServersConnecting: 1, ServersDraining: 1,
			ServersBeingCanceled: 1, MaxWait: 1500 * time.Millisecond, Listeners: 1,
			Counts: engine.Counts{
				Prepares: engine.Prepares{ByClients: 180, OnServers: 60, Binds: 540},
				Queries:  600, Transactions: 300, BytesReceived: 6000, BytesSent: 60_000, QuerySumNanos: 1_200_000_000,
				AcquireSumNanos: 30_000_000, Acquire: engine.Histogram{100, 200},
			},
		},
		{Pool: "app", Database: "shop", User: "bob", ClientsIdle: 1},
		{Pool: "orders", Database: "shop", User: "owner", ServersIdle: 1},
		{Pool: "orders", Database: "ledger", User: "owner", ServersIdle: 2},
	}
	w.clients = []engine.ClientRow{
		{
			ID: 17, Pool: "app", Database: "shop", User: "alice", Login: "alice", Application: "psql", Address: "10.0.0.7:40001",
			State: "active", Since: time.Second, Age: time.Minute, Server: 4096, Prepared: 3, TLS: true,
		},
		{ID: 18, Pool: "app", Database: "shop", User: "alice", State: "waiting", Since: 2500 * time.Microsecond, Age: time.Hour, Address: "unix//run/s:6432"},
		{ID: 19, Pool: "orders", Database: "ledger", User: "owner", Login: "carol", State: "idle", Address: "[::1]:5", Age: time.Second},
		{ID: 1 << 40, Pool: "orders", Database: "ledger", User: "owner", Login: "dave", State: "closing", Age: time.Second},
	}
	w.servers = []engine.ServerRow{
		{ID: 4096, Pool: "app", Database: "shop", User: "alice", Address: "10.0.0.2:5432", State: "active", PID: 4711, Client: 17, Application: "psql"},
		{ID: 4097, Pool: "app", Database: "shop", User: "alice", Address: "unix//run/postgresql:5433", State: "checking", PID: 4712},
		{ID: closing, Pool: "orders", Database: "ledger", User: "owner", Address: "db:5432", State: "draining"},
		{ID: 4099, Pool: "orders", Database: "ledger", User: "owner", Address: "db:5432", State: "listening"},
	}
	w.sampler.Add(noon.Add(-time.Minute), engine.Snapshot{})
	return w
}

func (w *fakeWorld) Now() time.Time                     { return noon }
func (w *fakeWorld) Snapshot() (engine.Snapshot, error) { return w.figures(), nil }
func (w *fakeWorld) Before() Sample                     { return w.sampler.Before() }
func (w *fakeWorld) Standing() []engine.Standing        { return w.standing }
func (w *fakeWorld) Sessions() int                      { return 1 }
func (w *fakeWorld) LoggingIn() int                     { return 2 }
func (w *fakeWorld) Settings() []Setting {
	return []Setting{{"max_client_conn", "5000", "1048576", false}}
}
func (w *fakeWorld) Reload(context.Context) error { w.note("reload"); return w.reload }
func (w *fakeWorld) CloseClient(id uint64) (bool, error) {
	w.note("close %d", id)
	return id == 17, nil
}
func (w *fakeWorld) Given(user, command string)            { w.note("%s: %s", user, command) }
func (w *fakeWorld) Ended(user, command string, err error) { w.note("%s: %s: %v", user, command, err) }

// figures is the snapshot; what a database had counted whose users have been forgotten, its pool has, too.
func (w *fakeWorld) figures() engine.Snapshot {
	s := engine.Snapshot{Pools: w.pools, ForgottenTotals: w.totals, Forgotten: map[string]*engine.Counts{}}
	for of, t := range w.totals {
		if s.Forgotten[of.Pool] == nil {
			s.Forgotten[of.Pool] = &engine.Counts{}
		}
		s.Forgotten[of.Pool].Queries += t.Queries
	}
	return s
}

func (w *fakeWorld) Clients(limit int) ([]engine.ClientRow, error) {
	return w.clients[:min(limit, len(w.clients))], nil
}

func (w *fakeWorld) Servers(limit int) ([]engine.ServerRow, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	return w.servers[:min(limit, len(w.servers))], nil
}

func (w *fakeWorld) Pools() []Pool {
	if w.config != nil {
		return w.config
	}
	app := &engine.PoolConfig{
		Name: "app", PoolSize: 20, MaxServerConnections: 1000, QueryWaitTimeout: 30 * time.Second, ServerLifetime: 30 * time.Minute,
		Upstreams: []engine.Upstream{{Address: "10.0.0.2:5432"}, {Address: "10.0.0.3:5432"}},
	}
	orders := &engine.PoolConfig{
		Name: "orders", PoolSize: 5, MinPoolSize: 1, MaxServerConnections: 1000, QueryWaitTimeout: 1500 * time.Millisecond, Mode: engine.Session, ServerDatabase: "main",
		Upstreams: []engine.Upstream{{Address: "unix//run/postgresql:5433"}},
	}
	return []Pool{
		{PoolConfig: app, Policy: "least_conn", Accepts: func(string) bool { return true }},
		{
			PoolConfig: orders, Databases: []string{"ledger", "archive"}, ForceUser: "owner",
			Accepts: func(name string) bool { return slices.Contains([]string{"ledger", "archive", "shop"}, name) },
		},
	}
}

func (w *fakeWorld) Order(o engine.Order, t engine.Target) (Progress, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf("order %d pool=%q database=%q", o, t.Pool, t.Database))
	p := &fakeProgress{done: make(chan struct{}), refused: w.refused}
	if o != engine.OrderPause && o != engine.OrderReconnect || w.instant {
		close(p.done)
	}
	w.progress = append(w.progress, p)
	return p, nil
}

func (w *fakeWorld) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// heard is what the world has been told, and forgets.
func (w *fakeWorld) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.told = nil }()
	return strings.Join(w.told, "\n")
}

// last is the order that was given last, once there are n.
func (w *fakeWorld) last(n int) (*fakeProgress, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.progress) < n {
		return nil, errors.New("the order has not been given yet")
	}
	return w.progress[n-1], nil
}

// fakeProgress is done when the test says so.
type fakeProgress struct {
	done    chan struct{}
	refused *engine.Refusal

	mu                sync.Mutex
	undone, abandoned bool
}

func (p *fakeProgress) Done() <-chan struct{}    { return p.done }
func (p *fakeProgress) Refused() *engine.Refusal { return p.refused }
func (p *fakeProgress) Left() int                { return 3 }

func (p *fakeProgress) Undone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.undone
}

func (p *fakeProgress) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = true
}

func (p *fakeProgress) wasAbandoned() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.abandoned
}
