package poolhandler

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/grammar"
	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

const (
	// maxDialsPerUpstream bounds the logins to one upstream that run at once: enough to fill a pool in a few round
	// trips, few enough not to be the storm that keeps a Postgres from starting. The others wait, within their
	// server_connect_timeout; there are no more of them than servers allowed.
	maxDialsPerUpstream = 32
	// maxCancels bounds the cancels on their way at once. The others wait; there are no more than busy servers.
	maxCancels = 64
)

// host is the world around the engine: what blocks runs on goroutines of its own.
type host struct {
	process *process
	engine  answered
	notices *notices
	events  *emitter
	cancels chan struct{} // holds one for each cancel on its way
	texts   *classifier

	mu    sync.Mutex
	dials map[string]*dialSlots // by upstream, while somebody dials it
}

// answered is who asked: the engine.
type answered interface {
	Dialed(engine.Ticket, engine.DialResult)
	Cancelled(engine.Ticket)
	Classified(engine.Ticket, *sql.Facts)
	followed
	fleeted
}

// dialSlots bounds the dials to one upstream.
type dialSlots struct {
	slots chan struct{}
	users int // that wait or dial; the last one removes the entry
}

var _ engine.Host = (*host)(nil)

func newHost(p *process) *host {
	return &host{
		process: p,
		notices: newNotices(p.logger),
		events:  newEmitter(p.current.Load),
		cancels: make(chan struct{}, maxCancels),
		texts:   newClassifier(grammar.Classify, p.logger),
		dials:   make(map[string]*dialSlots),
	}
}

// Dial implements engine.Host.
func (h *host) Dial(req engine.DialRequest) {
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), req.Timeout)
		defer stop()
		h.engine.Dialed(req.Ticket, h.dial(ctx, req))
	}()
}

func (h *host) dial(ctx context.Context, req engine.DialRequest) engine.DialResult {
	pool := h.process.pool(req.Pool)
	if pool == nil {
		return engine.DialResult{Refused: removedPool(req.Pool)}
	}
	leave, err := h.enter(ctx, req.Upstream)
	if err != nil {
		return h.refused(req, err)
	}
	defer leave()
	target, err := pool.server.target(ctx, req)
	if err != nil {
		return h.refused(req, err)
	}
	server, err := login.Dial(ctx, target)
	if err != nil {
		return h.refused(req, err)
	}
	if err := theLimit.fits(server.FD, forServers); err != nil {
		closeFD(server.FD)
		return h.refused(req, err)
	}
	setOptions(server.FD)
	h.process.counts.connects.count("ok")
	if req.Replication == "" {
		h.process.probes.learn(req.Pool, identity{user: target.User, database: target.Database, secret: target.Secret})
	}
	result := engine.DialResult{FD: server.FD, PID: server.PID, Secret: server.Secret, Params: settings(server.Params)}
	if server.Layer != nil {
		result.Layer = server.Layer
	}
	return result
}

// enter waits for a turn to dial the upstream.
func (h *host) enter(ctx context.Context, upstream string) (leave func(), err error) {
	h.mu.Lock()
	d := h.dials[upstream]
	if d == nil {
		d = &dialSlots{slots: make(chan struct{}, maxDialsPerUpstream)}
		h.dials[upstream] = d
	}
	d.users++
	h.mu.Unlock()

	gone := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if d.users--; d.users == 0 {
			delete(h.dials, upstream)
		}
	}
	select {
	case d.slots <- struct{}{}:
		return func() { <-d.slots; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, &manyDials{upstream}
	}
}

// Cancel implements engine.Host.
func (h *host) Cancel(req engine.CancelRequest) {
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), req.Timeout)
		defer stop()
		defer h.engine.Cancelled(req.Ticket)
		select {
		case h.cancels <- struct{}{}:
			defer func() { <-h.cancels }()
		case <-ctx.Done():
		}
		if err := login.CancelServer(ctx, req.Upstream, h.cancelTLS(req.Pool), req.PID, req.Secret); err != nil {
			h.process.logger().Warn("a cancel was not delivered",
				zap.String("pool", req.Pool), zap.String("upstream", req.Upstream), zap.Error(err))
		}
	}()
}

// cancelTLS is how cancels to the servers of a pool are encrypted: where the servers' connections have to be, and else in
// clear, as clients of Postgres have always done.
func (h *host) cancelTLS(name string) *login.ServerTLS {
	pool := h.process.pool(name)
	if pool == nil || pool.server.tls == nil || !pool.server.tls.Required {
		return nil
	}
	return pool.server.tls
}

// prepare has the grammar ready before the first text comes, which otherwise waits for it, as a write, for a second or more.
func (h *host) prepare() { h.texts.classify([]byte("SELECT 1"), func(*sql.Facts) {}) }

// Classify implements engine.Host.
func (h *host) Classify(req engine.ClassifyRequest) {
	h.texts.classify(req.Text, func(f *sql.Facts) { h.engine.Classified(req.Ticket, f) })
}

// Accepted implements engine.Host.
func (h *host) Accepted(name uint64, fd int) (room bool) { return h.process.accepted(name, fd) }

// AcceptFailed implements engine.Host.
func (h *host) AcceptFailed(name uint64, errno int32) { h.process.acceptFailed(name, errno) }

// Dismiss implements engine.Host.
func (h *host) Dismiss(c engine.Client, r *engine.Refusal) { h.process.dismiss(c, r) }

// ProbeSoon implements engine.Host.
func (h *host) ProbeSoon(pool, address string) { h.process.probes.soon(pool, address) }

// Follow implements engine.Host.
func (h *host) Follow(pool, database string) {
	h.process.feeds.begin(h.process, h.engine, feedKey{pool, database})
}

// Trace implements engine.Host.
func (h *host) Trace(s engine.Span) { h.process.spans.add(s) }

// Log implements engine.Host.
func (h *host) Log(n engine.Notice) {
	h.notices.add(n)
	h.events.add(n)
}

// CloseFD implements engine.Host.
func (h *host) CloseFD(fd int) { closeFD(fd) }

// Random implements engine.Host.
func (h *host) Random() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails: it ends the process instead
	return binary.NativeEndian.Uint64(b[:])
}

func settings(in []login.Setting) []engine.Setting {
	out := make([]engine.Setting, len(in))
	for i, s := range in {
		out[i] = engine.Setting(s)
	}
	return out
}
