package sim

import (
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var _ engine.Host = (*Host)(nil)

// Host is the world around the engine: it dials, carries cancels, and listens to the log.
type Host struct {
	w       *World
	run     *Run
	engine  *engine.Engine
	weather Weather
	ups     map[string]*Upstream
	// connecting counts dials under way, as the limits do.
	connecting map[key]int
	dialing    map[place]int
	joining    map[part]int
	probing    map[string]*probing // by pool
	// wasted is how many servers were dialed for nobody, since the pooler was told to end.
	wasted int
	// tripping: whoever asks for something meets a bug.
	tripping bool
}

// Weather is what goes wrong, and how often: chances per occasion.
type Weather struct {
	// DialFails: a dial is refused. DialSlow: it takes very long.
	DialFails, DialSlow float64
	// Death: a backend dies, each millisecond.
	Death float64
	// Cancels: a client cancels a batch it has sent. LostCancels: the cancel reaches no backend.
	Cancels, LostCancels float64
	// Vanish: a client leaves without a word, each batch.
	Vanish float64
}

// Dial opens a server connection, after a while.
func (h *Host) Dial(r engine.DialRequest) {
	defer h.trip()
	k := key{r.Pool, r.Database, r.User}
	h.connecting[k]++
	at := place{r.Pool, r.Upstream}
	h.dialing[at]++
	h.joining[part{k, r.Upstream}]++
	h.w.census++
	h.checkDial(at)
	delay := int64(h.w.Between(int(100*Microsecond), int(3*Millisecond)))
	if h.w.Chance(h.weather.DialSlow) {
		delay = min(delay*100, int64(r.Timeout))
	}
	h.w.Note("dial for %s/%s/%s to %s, ticket %v", r.Pool, r.Database, r.User, r.Upstream, r.Ticket)
	h.w.After(delay, func() {
		h.connecting[k]--
		h.dialing[at]--
		h.joining[part{k, r.Upstream}]--
		h.w.census++
		h.answer(r, k)
	})
}

func (h *Host) answer(r engine.DialRequest, k key) {
	up := h.ups[r.Upstream]
	if up.down || h.w.Chance(h.weather.DialFails) {
		h.w.Note("dial %v is refused", r.Ticket)
		h.engine.Dialed(r.Ticket, engine.DialResult{Refused: &engine.Refusal{SQLState: "08006", Message: "connection refused"}})
		return
	}
	b := h.w.newBackend(up, k, r.Startup)
	b.own = r.Replication != ""
	b.session.Defers = h.run.declaredAs(r.Pool).defers
	h.w.Note("dial %v has backend %d, descriptor %d", r.Ticket, b.pid, b.engine.fd)
	h.engine.Dialed(r.Ticket, engine.DialResult{FD: b.engine.fd, PID: b.pid, Secret: b.secret, Params: b.params()})
}

// Log notes what the engine has to say. A bug in it is a broken rule.
func (h *Host) Log(n engine.Notice) {
	defer h.trip()
	h.w.Note("log: %s: %s", n.Message, n.Cause)
	if len(n.Stack) > 0 {
		h.w.Violate("the engine met a bug: %s\n%s", n.Cause, n.Stack)
	}
}

// CloseFD closes a descriptor that nobody has taken.
func (h *Host) CloseFD(fd int) {
	e := h.w.ends[fd]
	if e != nil && e.served != nil && h.w.draining {
		if h.wasted++; h.wasted > wastedAtMost {
			h.w.Violate("%d servers have been dialed and thrown away since the pooler was told to end", h.wasted)
		}
	}
	if e == nil || e.changed != nil {
		h.w.Violate("descriptor %d is closed by somebody who does not own it", fd)
		return
	}
	e.close()
}

// wastedAtMost is how many servers may be on their way when the pooler is told to end: as many as all pools may have.
const wastedAtMost = 60

// Random is chance's.
func (h *Host) Random() uint64 { return h.w.random.Uint64() }

// deaths lets backends die from time to time.
func (h *Host) deaths() {
	if h.weather.Death <= 0 {
		return
	}
	h.w.After(int64(time.Millisecond), func() {
		if h.w.Chance(h.weather.Death) {
			alive := h.w.living()
			if h.w.Chance(0.3) { // one that others hear by
				alive = slices.DeleteFunc(alive, func(b *Backend) bool { return !b.hears })
			}
			if len(alive) > 0 {
				alive[h.w.random.IntN(len(alive))].die()
			}
		}
		h.deaths()
	})
}

// Follow implements engine.Host: nobody hears what others write.
func (h *Host) Follow(string, string) {}

// Accepted implements engine.Host: in this world clients are attached when they have logged in, and nobody listens.
func (h *Host) Accepted(uint64, int) bool {
	h.w.Violate("a client was accepted, and nobody listens")
	return true
}

// Dismiss implements engine.Host.
func (h *Host) Dismiss(c engine.Client, _ *engine.Refusal) { h.CloseFD(c.FD) }

// AcceptFailed implements engine.Host.
func (h *Host) AcceptFailed(uint64, int32) { h.w.Violate("accepting failed, and nobody listens") }

// Trace implements engine.Host.
func (h *Host) Trace(engine.Span) {}

// ProbeSoon implements engine.Host.
func (h *Host) ProbeSoon(pool, address string) {
	defer h.trip()
	if p := h.probing[pool]; p != nil {
		p.soon(address)
	}
}
