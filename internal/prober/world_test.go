package prober

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// world is the upstreams of a test, in virtual time.
type world struct {
	mu      sync.Mutex
	began   time.Time
	servers map[string]*fakeServer
	asked   []string // what was asked, in order: address@milliseconds
	reports []routing.Report
	dials   int
	open    int
	marks   atomic.Uint64
}

// fakeServer is what an upstream says.
type fakeServer struct {
	world   *world
	name    string
	takes   time.Duration
	report  routing.Report
	refused error // a login
	broken  error // each question
	unreach error
}

type fakeConnection struct{ *fakeServer }

func (w *world) dial(ctx context.Context, address string) (server, error) {
	w.mu.Lock()
	s := w.servers[address]
	w.dials++
	refused, takes := s.refused, s.takes
	w.mu.Unlock()
	if takes > time.Minute && !pause(ctx, takes) {
		return nil, ctx.Err()
	}
	if refused != nil {
		return nil, refused
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	return &fakeConnection{s}, nil
}

func (w *world) reach(_ context.Context, address string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[address].unreach
}

func (c *fakeConnection) ask(ctx context.Context, mark func() uint64) (routing.Report, error) {
	m := mark()
	c.world.mu.Lock()
	c.world.asked = append(c.world.asked, fmt.Sprintf("%s@%d", c.name, time.Since(c.world.began).Milliseconds()))
	takes := c.takes
	c.world.mu.Unlock()
	if !pause(ctx, takes) {
		return routing.Report{}, ctx.Err()
	}
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if c.broken != nil {
		return routing.Report{}, c.broken
	}
	r := c.report
	if !r.InRecovery {
		r.Mark = m
	}
	return r, nil
}

func (c *fakeConnection) close() {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.world.open--
}

func (w *world) probed(_ int64, r routing.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
}

// change changes what is.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// take returns what was asked and reported since it was called last.
func (w *world) take() (asked []string, reports []routing.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, reports = w.asked, w.reports
	w.asked, w.reports = nil, nil
	return asked, reports
}

func (w *world) count() (dials, open int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials, w.open
}

const (
	testInterval = 2 * time.Second
	testTimeout  = time.Second
)

// primaryAt and replicaAt are reports.
func primaryAt(p routing.LSN) routing.Report { return routing.Report{Position: p, Timeline: 1} }
func replicaAt(p routing.LSN) routing.Report { return routing.Report{InRecovery: true, Position: p} }

// probing runs a Prober over upstreams a, b, c…, as many as there are reports, and checks that nothing is left of it.
func probing(t *testing.T, test func(*testing.T, *world, *Prober), reports ...routing.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{began: time.Now(), servers: map[string]*fakeServer{}}
		var declared []routing.Declared
		for i, r := range reports {
			name := string(rune('a' + i))
			w.servers[name] = &fakeServer{world: w, name: name, report: r}
			declared = append(declared, routing.Declared{Address: name})
		}
		p := New(Config{
			Interval: testInterval, Timeout: testTimeout, Upstreams: declared,
			Reach:  w.reach,
			Mark:   func() uint64 { return w.marks.Add(1) },
			Now:    func() int64 { return int64(time.Since(w.began)) },
			Probed: w.probed,
		})
		p.dial = w.dial
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		test(t, w, p)
		cancel()
		<-ended
		_, before := w.take()
		time.Sleep(time.Hour)
		if _, open := w.count(); open != 0 {
			t.Errorf("%d connections are left", open)
		}
		if _, after := w.take(); len(after) != 0 {
			t.Errorf("after %v it was told %v", before, after)
		}
	})
}

// settle lets a round or two pass, so that the primary is known, and forgets them.
func settle(w *world) {
	time.Sleep(5 * testInterval / 2)
	synctest.Wait()
	w.take()
}

// nextRound waits for the first question of the next round and lets it go on for a while.
func nextRound(w *world, d time.Duration) {
	for {
		w.mu.Lock()
		n := len(w.asked)
		w.mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(d)
	synctest.Wait()
}

func names(asked []string) (out []string) {
	for _, a := range asked {
		out = append(out, a[:1])
	}
	return out
}
