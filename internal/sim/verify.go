package sim

import (
	"bytes"
	"encoding/binary"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// messages compares what has come with what should.
func (c *Client) messages() {
	for !c.gone {
		m, ok, err := c.in.next()
		if err != nil {
			c.w.Violate("rule 1: c%d is sent nonsense: %v", c.id, err)
			c.leave("confused")
			return
		}
		if !ok {
			return
		}
		if !m.dull() {
			c.w.Note("c%d is sent %v", c.id, m)
		}
		if !c.welcomed {
			c.welcome(m)
			continue
		}
		c.answer(m)
	}
}

// welcome takes what completes a login.
func (c *Client) welcome(m message) {
	f := fields{m.body}
	switch m.typ {
	case 'S':
		name, value := f.text(), f.text()
		for k, canonical := range reportedNames {
			if canonical == name && c.session.setting(k) != value {
				c.w.Violate("rule 4: c%d is told that %s is %q; it should be %q", c.id, name, value, c.session.setting(k))
			}
		}
	case 'K':
		c.pid, c.secret = binary.BigEndian.Uint32(m.body), bytes.Clone(m.body[4:])
	case 'Z':
		if c.secret == nil || m.body[0] != 'I' {
			c.w.Violate("c%d is welcomed with %v", c.id, m)
		}
		c.welcomed = true
		if c.waitingFrom != 0 {
			c.waitingFrom, c.overtaken = c.w.now, 0 // what it sent before begins to wait now
		}
	case 'E':
		c.refused(m)
	default:
		c.w.Violate("c%d is welcomed with %v", c.id, m)
	}
}

// knockedAt takes a parameter that a client is told again to find out whether it is there.
func (c *Client) knockedAt(m message) {
	f := fields{m.body}
	name, value := f.text(), f.text()
	for k, canonical := range reportedNames {
		if canonical == name && c.session.setting(k) != value {
			c.w.Violate("rule 4: c%d is told that %s is %q; it should be %q", c.id, name, value, c.session.setting(k))
		}
	}
}

// ofServer reports whether a parameter is the server's: one that has become the primary says so, in the middle of anything.
func (c *Client) ofServer(m message) bool {
	f := fields{m.body}
	return c.declared.splits && f.text() == "in_hot_standby"
}

// answer takes one message after the login.
func (c *Client) answer(m message) {
	if m.typ == 'E' && errorField(m.body, 'R') != "sim" && !c.overran(m) && !c.hasAborted(m) {
		c.refused(m)
		return
	}
	if m.typ == 'E' && errorField(m.body, 'V') == "FATAL" {
		if !c.mayBeLost {
			c.w.Violate("rule 1: c%d is told %v, but no server of its died", c.id, m)
		}
		c.leave("its server died")
		return
	}
	switch {
	case m.typ == 'A':
		c.hearing.told(m)
		return
	case m.typ == 'N' && errorField(m.body, 'R') != "sim":
		c.hearing.warned(m)
		return
	}
	for len(c.expect.buf) == 0 && len(c.pending) > 0 {
		c.feed()
	}
	if m.typ == 'S' && (c.half && (len(c.expect.buf) == 0 || c.expect.buf[0] != 'S') || c.ofServer(m)) {
		c.knockedAt(m)
		return
	}
	want, ok, _ := c.expect.next()
	if !ok {
		c.w.Violate("rule 1: c%d is sent %v and expects nothing", c.id, m)
		c.leave("confused")
		return
	}
	if isRegisters(want) && c.checkRegisters(want, m) {
		return
	}
	if want.typ != m.typ || !bytes.Equal(want.body, m.body) && !equallyFailed(want, m) && !(c.hasAborted(m) && want.typ == 'E') &&
		!(c.overran(m) && errorField(want.body, 'C') == "57014") {
		c.w.Violate("rule 1: c%d is sent %v instead of %v", c.id, m, want)
		c.leave("confused")
		return
	}
	c.acknowledged(m)
	if m.typ == 'Z' {
		c.outstanding--
		c.w.Note("c%d is ready (%c), %d more to come", c.id, m.body[0], c.outstanding)
		if c.outstanding > 0 {
			c.waitingFrom, c.overtaken = c.w.now, 0
		} else {
			c.waitingFrom = 0
			if len(c.pending) == 0 && len(c.held) == 0 {
				c.hearing.knows()
			}
		}
	}
}

// overran reports whether an error is what the pooler says in place of Postgres, of a statement that it has cancelled.
func (c *Client) overran(m message) bool {
	return m.typ == 'E' && c.declared.overruns && errorField(m.body, 'V') == "ERROR" &&
		errorField(m.body, 'M') == "canceling statement due to query timeout"
}

// hasAborted reports whether an error is what the pooler says in place of Postgres, in a transaction of which no server knows.
func (c *Client) hasAborted(m message) bool {
	return m.typ == 'E' && c.declared.defers && errorField(m.body, 'R') != "sim" && errorField(m.body, 'C') == "25P02"
}

// equallyFailed reports whether both are errors in a failed transaction. Where Postgres would find another fault of a
// message first, the pooler may have had to prepare its statement, and so meets the failed transaction before.
func equallyFailed(want, got message) bool {
	return want.typ == 'E' && errorField(got.body, 'C') == "25P02" && errorField(want.body, 'C') == "08P01"
}

// feed lets the private session take the next message.
func (c *Client) feed() {
	m := c.pending[0]
	c.sent = c.knew[0]
	c.pending, c.knew = c.pending[1:], c.knew[1:]
	c.session.Feed(m)
	c.expect.add(c.session.Take())
}

// refused takes an error of the pooler's own. There must be a reason for it, and it must come where Postgres could
// have said it: between answers.
func (c *Client) refused(m message) {
	code, severity := errorField(m.body, 'C'), errorField(m.body, 'V')
	c.w.Note("c%d is told by the pooler: %v", c.id, m)
	if !c.mayBeTold(code) {
		c.w.Violate("c%d is told %v (%s) without a reason", c.id, m, severity)
	}
	if severity == "FATAL" {
		c.terminated = true
		c.leave("told " + code)
		return
	}
	if !c.welcomed {
		c.w.Violate("c%d is told %v during its login, and not closed", c.id, m)
		return
	}
	if !c.caughtUpForRefusal() {
		want, _, _ := c.expect.next()
		c.w.Violate("rule 1: c%d is told %v in the middle of an answer; %v should come", c.id, m, want)
		c.leave("confused")
		return
	}
	c.hearing.exempt = true
	if code == "57014" {
		c.isCancelled()
	}
	refused := c.pending[0]
	c.pending, c.knew = c.pending[1:], c.knew[1:]
	c.session.Refuse(refused)
	c.expect.add(c.session.Take())
	c.waitingFrom = 0
}

// caughtUpForRefusal reports whether a message is unanswered, and none in part. Messages that have no answer are
// passed over.
func (c *Client) caughtUpForRefusal() bool {
	for len(c.expect.buf) == 0 && len(c.pending) > 0 {
		switch c.pending[0].typ {
		case 'H', 'd', 'c', 'f':
			c.feed()
			continue
		}
		return true
	}
	return false
}

// mayBeTold reports whether there is a reason for an error of the pooler's own.
func (c *Client) mayBeTold(code string) bool {
	switch code {
	case "57014": // cancelled while it waited
		return c.asks.made > 0 || c.declared.overruns
	case "25P03", "25P04", "57P05":
		return c.declared.timesOut
	case "08006": // no server in time, or its server was lost
		return c.mayBeLost || c.declared.bounded || c.w.weather.DialFails > 0 || c.w.scarce
	case "57P01":
		return c.mayBeSentAway()
	case "57P03":
		return c.w.draining || c.declared.config.Health.BreakerFails > 0
	case "3D000":
		return c.declared.removed
	case "53300":
		return c.declared.wasLimited
	}
	return false
}

// overtakes counts, for those that have waited longer than c, that it was served before them.
func (w *World) overtakes(c *Client) {
	const margin = 20 * Millisecond // bytes may take this long to reach the engine, and its shards to notice
	for _, other := range w.clients {
		if other.declared.splits || other.program.listens || other.program.caches { // queues of several servers; or it may wait for the listener, while those who do not listen need none
			continue
		}
		if other != c && other.key == c.key && other.welcomed && other.waitingFrom != 0 && !other.gone &&
			other.waitingFrom+margin < c.waitingFrom && other.waitingFrom+handicap(other)+margin < c.waitingFrom+handicap(c) {
			if other.overtaken++; other.overtaken > maxOvertaken {
				w.Violate("fairness: c%d has waited since %s and was overtaken %d times, now by c%d, which has waited since %s",
					other.id, clockTime(other.waitingFrom), other.overtaken, c.id, clockTime(c.waitingFrom))
			}
		}
	}
}

// handicap is how much later one counts as having come than one of high priority.
func handicap(c *Client) int64 {
	return map[engine.Priority]int64{engine.PriorityHigh: 0, engine.PriorityNormal: 5 * Second, engine.PriorityLow: 10 * Second}[c.priority]
}

// maxOvertaken bounds how often one that waits is overtaken by those that came clearly later.
const maxOvertaken = 10

func (w *World) client(i int) *Client {
	if i < 0 || i >= len(w.clients) {
		return nil
	}
	return w.clients[i]
}

// wasStruck reports whether a cancel has hit the statement with this tag.
func (w *World) wasStruck(tag string) bool { return w.struck[tag] }

// wasRefused reports whether a replica has refused the statement with this tag.
func (w *World) wasRefused(tag string) bool { return w.refused[tag] }

func (w *World) living() (out []*Backend) {
	for _, b := range w.backends {
		if b.alive() {
			out = append(out, b)
		}
	}
	return out
}
