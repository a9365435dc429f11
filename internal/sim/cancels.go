package sim

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// asks is the cancels a client has asked for.
type asks struct {
	// made is how many, used how many of them have become a cancel on its way to a backend, or an error of the pooler's.
	made, used int
}

// cancel asks for a cancel, sometimes with the wrong key.
func (c *Client) cancel() {
	if c.gone || c.secret == nil {
		return
	}
	if c.w.Chance(0.1) {
		wrong := append([]byte(nil), c.secret...)
		wrong[0]++
		c.engine.Cancel(c.pid, wrong)
		return
	}
	c.w.Note("c%d asks for a cancel", c.id)
	c.asks.made++
	c.engine.Cancel(c.pid, c.secret)
}

// isCancelled notes that an ask has had its effect. It has one at most.
func (c *Client) isCancelled() {
	if c.asks.used++; c.asks.used > c.asks.made {
		c.w.Violate("rule 5: c%d is cancelled %d times, and has asked for %d", c.id, c.asks.used, c.asks.made)
	}
}

// mayBeSentAway reports whether the pooler may end the connection, and so what it does, because it was told to.
func (c *Client) mayBeSentAway() bool { return c.w.draining || c.declared.wasRemoved }

// Cancel carries a cancel to a backend. It may arrive late, when the backend does something else. What it is meant for
// is what the turn sends, so it is looked at when the turn has ended.
func (h *Host) Cancel(r engine.CancelRequest) {
	defer h.trip()
	h.w.turnEnds = append(h.w.turnEnds, func() { h.carry(r) })
}

func (h *Host) carry(r engine.CancelRequest) {
	b := h.ups[r.Upstream].backends[r.PID]
	done := func() { h.engine.Cancelled(r.Ticket) }
	delay := int64(h.w.Between(int(20*Microsecond), int(4*Millisecond)))
	if b == nil || b.engine.closed {
		h.w.After(delay, done)
		return
	}
	if string(b.secret) != string(r.Secret) {
		h.w.Violate("rule 5: a cancel for backend %d carries another's key", r.PID)
	}
	meant, unit := b.tap.owner, b.tap.unit
	h.w.Note("a cancel for backend %d, which serves c%d", b.pid, meant.number())
	switch {
	case b.own: // whether it does anything, only Postgres knows
	case b.tap.clean() && b.tap.readyIn < h.w.turn:
		h.w.Violate("rule 5: a cancel for backend %d, which does nothing", b.pid)
	case meant != nil && !meant.left() && !meant.mayBeSentAway() && !meant.declared.timesOut:
		meant.isCancelled()
	}
	b.tap.cancels++
	b.tap.cancelUnit, b.tap.cancelled = unit, meant
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

// aboutSettings reports whether a query is what the pooler sends to make a session a client's, or to ask about it.
func aboutSettings(m *message) bool {
	return bytes.HasPrefix(m.body, []byte("SELECT ")) || bytes.HasPrefix(m.body, []byte("RESET "))
}

// aboutRegisters reports whether a query is a client's that has no tag.
func aboutRegisters(m *message) bool { return bytes.HasPrefix(m.body, []byte("SELECT v FROM ")) }

// endsForNobody reports whether a query is the ROLLBACK with which the pooler ends what a client has left. It is for nobody else: a server on which
// it fails is closed.
func endsForNobody(m *message) bool { return bytes.HasPrefix(m.body, []byte("ROLLBACK\x00")) }

// cancel is the arrival of a cancel: it stops what runs, or nothing. What it may stop is a statement of the client that
// asked, in the transaction that ran when the pooler passed the cancel on. In a later one only if the server has stayed
// with the client in between, as it would on Postgres itself.
func (b *Backend) cancel(meant *Client, unit int) {
	if b.end.closed || b.running == nil {
		return
	}
	if b.running.typ == 'Q' && b.tag == "" && tagOf(b.running.body) == "" && !aboutRegisters(b.running) &&
		(b.tap.unit != unit && !endsForNobody(b.running) || aboutSettings(b.running)) {
		b.w.Violate("rule 5: a cancel for c%d hits a query of the pooler's own on backend %d: %v", meant.number(), b.pid, *b.running)
		return
	}
	if b.tag == "" {
		return
	}
	hit := b.w.client(clientOfTag(b.tag))
	switch {
	case meant != nil && hit != meant, meant == nil && hit.asks.made == 0 && !hit.left() && !hit.declared.timesOut: // nil: work without a tag
		b.w.Violate("rule 5: a cancel for c%d hits %s on backend %d", meant.number(), b.tag, b.pid)
		return
	case unit < b.tap.since:
		b.w.Violate("rule 5: a cancel for c%d hits %s, of a later transaction, on backend %d", meant.number(), b.tag, b.pid)
		return
	}
	b.w.Note("backend %d: %s is cancelled", b.pid, b.tag)
	b.w.struck[b.tag] = true
	b.attempt++
	attempt := b.attempt
	b.w.After(0, func() { b.complete(attempt) })
}

// left reports whether it has said that it leaves, or is gone: what it has not waited for is cancelled.
func (c *Client) left() bool { return c.gone || c.terminated }
