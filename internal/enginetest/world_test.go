//go:build linux

package enginetest

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// patience is how long anything may take, in the time of the stage: generous, because tests share the machine.
const patience = time.Minute

// world is an engine on a stage, with the pools, servers and clients of the conversations held there one after the
// other. It is the engine's Host as well.
type world struct {
	*testing.T // of the present conversation
	stage
	engine *engine.Engine
	config engine.Config
	// postgres is the present conversation's, the last of all.
	*postgres
	all     []*postgres
	talkers []*client
	drained <-chan struct{}

	mu      sync.Mutex // of what the loops tell the Host
	dials   []engine.DialRequest
	cancels []engine.CancelRequest
	unused  []int
}

// newWorld sets a stage up. When the test ends the engine drains, and nothing may be left.
func newWorld(t *testing.T, s stage, shards int) *world {
	t.Helper()
	w := &world{T: t, stage: s, config: engine.Config{DrainTimeout: patience / 2}}
	before := descriptors(t)
	w.engine = engine.New(shards, w)
	w.run(t, w.engine)
	t.Cleanup(func() {
		w.T = t
		w.end(before)
	})
	return w
}

// begin makes room for a conversation: it has a pool of its own, of so many servers.
func (w *world) begin(t *testing.T, size int) {
	for _, c := range w.talkers {
		c.leave()
	}
	w.T, w.talkers = t, nil
	w.postgres = &postgres{pool: t.Name()}
	w.all = append(w.all, w.postgres)
	w.config.Pools = append(w.config.Pools, engine.PoolConfig{Name: w.pool, PoolSize: size,
		Upstreams: []engine.Upstream{{Address: "pg:5432"}}, ServerResetQuery: "DISCARD ALL",
		ServerLoginRetry: 10 * time.Millisecond, ServerConnectTimeout: patience, MaxPreparedStatements: 100})
	w.configure(func(*engine.PoolConfig) {})
}

// configure changes the conversation's pool.
func (w *world) configure(change func(*engine.PoolConfig)) {
	c := w.config
	c.Pools = slices.Clone(c.Pools)
	change(&c.Pools[len(c.Pools)-1])
	w.config = c
	w.engine.Apply(&c)
}

// of is the Postgres behind a pool.
func (w *world) of(pool string) *postgres {
	return w.all[slices.IndexFunc(w.all, func(p *postgres) bool { return p.pool == pool })]
}

// Dial, Cancel, Log, CloseFD and Random make a Host. The test's goroutine does what they ask for.

func (w *world) Dial(r engine.DialRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dials = append(w.dials, r)
}

func (w *world) Cancel(r engine.CancelRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancels = append(w.cancels, r)
}

func (w *world) CloseFD(fd int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unused = append(w.unused, fd)
}

func (w *world) Log(n engine.Notice) {
	if len(n.Stack) > 0 {
		w.Errorf("the engine met a bug: %s\n%s", n.Cause, n.Stack)
	}
}

func (w *world) Random() uint64 { return 0x5EC2E7 }

// asked does what the loops have asked the Host for.
func (w *world) asked() (busy bool) {
	w.mu.Lock()
	dials, cancels, unused := w.dials, w.cancels, w.unused
	w.dials, w.cancels, w.unused = nil, nil, nil
	w.mu.Unlock()
	for _, r := range dials {
		w.engine.Dialed(r.Ticket, w.of(r.Pool).connect(w.T, w.servers()))
	}
	for _, r := range cancels {
		w.of(r.Pool).cancelQuery(r.PID, r.Secret)
		w.engine.Cancelled(r.Ticket)
	}
	for _, fd := range unused {
		w.servers().Near(fd).Close()
	}
	return len(dials)+len(cancels)+len(unused) > 0
}

// until plays everybody's part until the condition holds.
func (w *world) until(what string, met func() bool) {
	w.Helper()
	for limit := w.now() + patience; !met(); {
		if b := w.broken(); b != "" {
			w.Fatalf("%s\n%s", b, w.story())
		}
		if w.now() > limit {
			w.Fatalf("in %v it has not come to pass that %s\n%s", patience, what, w.story())
		}
		busy := w.asked()
		for _, p := range w.all {
			busy = p.serve() || busy
		}
		for _, c := range w.talkers {
			busy = c.flush() || busy
		}
		w.pass(!busy)
	}
}

// waits lets so many clients come to wait for a server.
func (w *world) waits(n int) {
	w.Helper()
	w.until("as many clients wait", func() bool {
		figures := w.engine.Snapshot()
		var s engine.Snapshot
		w.until("the loops tell their figures", func() bool {
			select {
			case sum := <-figures:
				s = sum()
				return true
			default:
				return false
			}
		})
		i := slices.IndexFunc(s.Pools, func(p engine.PoolStats) bool { return p.Pool == w.pool })
		return i >= 0 && s.Pools[i].ClientsWaiting == n
	})
}

// drain begins the end, once.
func (w *world) drain() {
	if w.drained == nil {
		w.drained = w.engine.Drain()
	}
}

// end drains: the loops stop, whoever is connected notices, and no descriptor is left.
func (w *world) end(before []string) {
	if w.Failed() { // whoever waits is let go, so that the loops end all the same
		for _, c := range w.talkers {
			c.leave()
		}
		w.drain()
		return
	}
	w.drain()
	w.until("the loops stop", w.stopped)
	select {
	case <-w.drained:
	default:
		w.Error("the loops have stopped, and Drain's channel is open")
	}
	for _, c := range w.talkers {
		for c.next() != "closed" {
		}
	}
	w.until("every server is closed", func() bool {
		return !slices.ContainsFunc(w.all, func(p *postgres) bool { return p.open() > 0 })
	})
	if n := w.engine.Clients(); n != 0 {
		w.Errorf("%d clients are still counted", n)
	}
	var now []string
	defer func() {
		if w.Failed() {
			w.Logf("open before: %q, and now: %q", before, now)
		}
	}()
	w.until("every descriptor is closed", func() bool { now = descriptors(w.T); return len(now) == len(before) })
}

// descriptors is what the process has open.
func descriptors(t *testing.T) (open []string) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		target, _ := os.Readlink("/proc/self/fd/" + e.Name())
		open = append(open, e.Name()+" "+target)
	}
	return open
}

func (w *world) Classify(r engine.ClassifyRequest) { w.engine.Classified(r.Ticket, nil) }

func (w *world) ProbeSoon(string, string) {}

func (w *world) Trace(engine.Span) {}

func (w *world) Follow(string, string) {}

// Accepted is engine.Host: nobody listens.
func (w *world) Accepted(uint64, int) bool { panic("bug: a client was accepted, and nobody listens") }

func (w *world) AcceptFailed(uint64, int32) {}

func (w *world) Dismiss(c engine.Client, _ *engine.Refusal) { w.CloseFD(c.FD) }

// Share is engine.Host: there are no others.
func (w *world) Share(string, string) {}
