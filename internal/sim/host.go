package sim

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var _ engine.Host = (*Host)(nil)

// Host is the world around the engine: it dials, carries cancels, and listens to the log.
type Host struct {
	w       *World
	engine  *engine.Engine
	weather Weather
	ups     map[string]*Upstream
	// connecting counts dials under way, as the limits do.
	connecting map[key]int
	dialing    map[string]int
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
	k := key{r.Pool, r.Database, r.User}
	h.connecting[k]++
	h.dialing[r.Upstream]++
	delay := int64(h.w.Between(int(100*Microsecond), int(3*Millisecond)))
	if h.w.Chance(h.weather.DialSlow) {
		delay = min(delay*100, int64(r.Timeout))
	}
	h.w.Note("dial for %s/%s to %s, ticket %v", r.Database, r.User, r.Upstream, r.Ticket)
	h.w.After(delay, func() {
		h.connecting[k]--
		h.dialing[r.Upstream]--
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
	b := h.w.newBackend(up, k)
	h.w.Note("dial %v has backend %d, descriptor %d", r.Ticket, b.pid, b.engine.fd)
	h.engine.Dialed(r.Ticket, engine.DialResult{FD: b.engine.fd, PID: b.pid, Secret: b.secret, Params: b.params()})
}

// Cancel carries a cancel to a backend. It may arrive late, when the backend does something else. What it is meant for
// is what the turn sends, so it is looked at when the turn has ended.
func (h *Host) Cancel(r engine.CancelRequest) {
	h.w.turnEnds = append(h.w.turnEnds, func() { h.carry(r) })
}

func (h *Host) carry(r engine.CancelRequest) {
	b := h.ups[r.Upstream].backends[r.PID]
	done := func() { h.engine.Cancelled(r.Ticket) }
	delay := int64(h.w.Between(int(20*Microsecond), int(4*Millisecond)))
	if b == nil {
		h.w.After(delay, done)
		return
	}
	if string(b.secret) != string(r.Secret) {
		h.w.Violate("rule 5: a cancel for backend %d carries another's key", r.PID)
	}
	meant, unit := b.tap.owner, b.tap.unit
	h.w.Note("a cancel for backend %d, which serves c%d", b.pid, meant.number())
	switch {
	case b.tap.clean() && b.tap.readyIn < h.w.turn:
		h.w.Violate("rule 5: a cancel for backend %d, which does nothing", b.pid)
	case meant != nil && !meant.askedCancel && !meant.gone:
		h.w.Violate("rule 5: a cancel for c%d, which asked for none", meant.id)
	}
	b.tap.cancels++
	b.tap.cancelUnit = unit
	h.w.After(delay, func() {
		if !h.w.Chance(h.weather.LostCancels) {
			b.cancel(meant, unit)
		}
		h.w.After(h.w.latency(), func() {
			b.tap.cancels--
			done()
		})
	})
}

// Log notes what the engine has to say. A bug in it is a broken rule.
func (h *Host) Log(n engine.Notice) {
	h.w.Note("log: %s: %s", n.Message, n.Cause)
	if len(n.Stack) > 0 {
		h.w.Violate("the engine met a bug: %s\n%s", n.Cause, n.Stack)
	}
}

// CloseFD closes a descriptor that nobody has taken.
func (h *Host) CloseFD(fd int) {
	e := h.w.ends[fd]
	if e == nil || e.changed != nil {
		h.w.Violate("descriptor %d is closed by somebody who does not own it", fd)
		return
	}
	e.close()
}

// Random is chance's.
func (h *Host) Random() uint64 { return h.w.random.Uint64() }

// servers counts the connections of a pool, and of an upstream, as the limits do: those on their way too.
func (h *Host) servers() (byKey map[key]int, byUpstream map[string]int) {
	byKey, byUpstream = map[key]int{}, map[string]int{}
	for k, n := range h.connecting {
		byKey[k] += n
	}
	for up, n := range h.dialing {
		byUpstream[up] += n
	}
	for _, b := range h.w.backends {
		if b.alive() {
			byKey[b.key]++
			byUpstream[b.up.address]++
		}
	}
	return byKey, byUpstream
}

// deaths lets backends die from time to time.
func (h *Host) deaths() {
	if h.weather.Death <= 0 {
		return
	}
	h.w.After(int64(time.Millisecond), func() {
		if h.w.Chance(h.weather.Death) {
			if alive := h.w.living(); len(alive) > 0 {
				alive[h.w.random.IntN(len(alive))].die()
			}
		}
		h.deaths()
	})
}
