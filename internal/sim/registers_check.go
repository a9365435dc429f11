package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a read of registers may return:
//
//  1. what one moment held: values that were committed, of one state of the database, but for what its own transaction has written;
//  2. no moment before the client's own last commit;
//  3. no moment before a commit of which any client had been told when the read was sent (rule 7), nor one that had been shown to any. Of
//     replicas that is so for what comes from the cache: a reply that somebody has been given before;
//  4. from the cache nothing older than its TTL;
//  5. of what was lost with a primary, because another took its place without it, nothing is asked by rules 2 and 3. From the cache nothing of that
//     is given to who asks when the pool knows the other.

// asked is what was known when a message was sent. primary is the newest commit of the primary, if the pool knows who that is, or else -1.
type asked struct {
	known   []int
	at      int64
	primary int
}

// knows is what is known now.
func (c *Client) knows() asked {
	known := c.w.registers.known
	return asked{known[:len(known):len(known)], c.w.now, c.primary()}
}

// primary is the newest commit of the primary that the client's pool knows; -1 if it knows none, or another.
func (c *Client) primary() int {
	if c.w.cluster == nil || !c.declared.splits {
		return -1
	}
	newest, view := c.w.cluster.newest(), c.engine.Topology(c.key.pool)
	if view == nil {
		return -1
	}
	for i, u := range view.Upstreams {
		if view.TakesWrites(i) && u.Address == newest.up.address {
			return newest.commits()
		}
	}
	return -1
}

// isRegisters reports whether an expected row is of registers.
func isRegisters(m message) bool {
	return m.typ == 'D' && strings.HasPrefix(rowText(m), "r") && strings.HasSuffix(rowText(m), "#=?")
}

// rowText is the only column of a row.
func rowText(m message) string {
	f := fields{m.body}
	if f.int16() != 1 {
		return ""
	}
	return string(f.bytes(f.int32()))
}

// checkRegisters compares a row with the one expected, and reports whether it is one like it.
func (c *Client) checkRegisters(want, got message) bool {
	if got.typ != 'D' {
		return false
	}
	wants, gots := strings.Fields(rowText(want)), strings.Fields(rowText(got))
	if len(wants) != len(gots) {
		return false
	}
	seen := map[string]string{}
	for i, w := range wants {
		name, value, _ := strings.Cut(gots[i], "=")
		wantName, wantValue, _ := strings.Cut(w, "=")
		if name != wantName || wantValue != "?" && wantValue != value {
			return false
		}
		if wantValue == "?" {
			seen[name] = value
		}
	}
	number, err := strconv.Atoi(seen["#"])
	delete(seen, "#")
	if err != nil || number >= len(c.w.registers.executed) {
		return false
	}
	c.checkRead(seen, number, rowText(got))
	return true
}

// checkRead checks the rules of a read.
func (c *Client) checkRead(values map[string]string, number int, row string) {
	r := c.w.registers
	cached := r.seen[number]
	r.seen[number] = true
	since, primary := c.since(cached), -1
	if cached {
		r.cached++
		c.checkAge(number, row)
		primary = c.sent.primary
	}
	at := r.moment(values, since, primary)
	switch {
	case at >= 0:
		c.hasSeen(at)
	case r.moment(values, 0, -1) < 0:
		c.w.Violate("cache: c%d reads %q, which was never so", c.id, row)
	case r.moment(values, since, -1) >= 0:
		c.w.Violate("cache: c%d reads %q from the cache, of commit %d, which was lost with a primary; the one that is known has %d",
			c.id, row, r.moment(values, since, -1), primary)
	default:
		c.w.Violate("cache: c%d reads %q, of commit %d, but asked after commit %d was known (its own: %v); from the cache: %v",
			c.id, row, r.moment(values, 0, -1), since, c.own, cached)
	}
}

// since is the commit that a read must see.
func (c *Client) since(cached bool) int {
	switch {
	case c.w.cluster == nil || cached:
		return max(c.kept(c.sent.known), c.kept(c.own))
	case c.declared.causal:
		return c.kept(c.own)
	}
	return 0
}

// kept is the newest of some commits that is not lost; 0 if there is none.
func (c *Client) kept(commits []int) (newest int) {
	r := c.w.registers
	for _, at := range commits {
		if c.w.cluster == nil || !r.early[at] && r.follows(c.w.cluster.newest().commits(), at) {
			newest = max(newest, at)
		}
	}
	return newest
}

// moment is the first commit that follows one, after which the registers had these values, and that neither the primary has lost whose newest
// commit is given, if it is not -1; -1: there is none.
func (r *registers) moment(values map[string]string, since, primary int) int {
	for at := since; at < len(r.states); at++ {
		if r.held(values, at) && r.follows(at, since) && (primary < 0 || r.follows(at, primary) || r.follows(primary, at)) {
			return at
		}
	}
	return -1
}

func (r *registers) held(values map[string]string, at int) bool {
	for name, value := range values {
		if r.states[at][name] != value {
			return false
		}
	}
	return true
}

// cacheMargin is how much longer than its TTL a reply may be given after it was made: it was on its way before it was kept.
const cacheMargin = 100 * Millisecond

// checkAge checks that what comes from the cache is not too old.
func (c *Client) checkAge(number int, row string) {
	made := c.w.registers.executed[number]
	if most := int64(c.declared.ttl) + cacheMargin; c.sent.at > made+most {
		c.w.Violate("cache: c%d is given %q, which is %v older than its TTL permits", c.id, row, time.Duration(c.sent.at-made-most))
	}
}

// hasSeen notes that a client has been shown a commit: who asks from now on must see it as well, unless loops crash, which forget what they
// had not told, or replicas answer.
func (c *Client) hasSeen(at int) {
	if r := c.w.registers; c.w.cluster == nil && !r.forgetful {
		r.knows(at)
	}
}

// knows notes that a client has been told of a commit.
func (r *registers) knows(at int) {
	if at > 0 && !slices.Contains(r.known, at) {
		r.known = append(r.known, at)
	}
}

// isTold notes that a client is told that its transaction is committed.
func (c *Client) isTold(tag string) {
	c.w.registers.knows(c.w.registers.at[tag])
}

// hasCommitted notes that by all its answers its transaction is committed.
func (c *Client) hasCommitted(tag string) { c.own = append(c.own, c.w.registers.at[tag]) }
