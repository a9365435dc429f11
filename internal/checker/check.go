package checker

import "time"

// Promise is what the pooler has promised beyond the rules.
type Promise struct {
	// TTL is how long a reply may be served after it was computed; the time of the slowest read is added, which may pass until it is kept.
	TTL time.Duration
	// Bypassed is by how much a cached reply may be behind a write that went past the pooler; the time of the slowest read is added.
	Bypassed time.Duration
	// Lag is how late a replica may be; 0: as late as it likes.
	Lag time.Duration
}

// maxViolations bounds what is found: more say little that is new.
const maxViolations = 20

// Check is the violations of the rules among the reads of this round, at most 20 of them; of each read at most one, and one of a session's
// reads, in a row, of the same reply.
//
// What a replica has computed for the very read that it answers may be as late as replicas may be. Every other reply, cached or new, must be
// as new as the primary's:
//
//	Invented   a read returns a version that somebody had begun to write before the read ended, and that was not undone
//	Torn       registers that are written together are equal in one statement
//	Old        no reply is served longer than Promise.TTL
//	Stale      a read is no older than the last write that was acknowledged before it began
//	Back       a session reads nothing older than what it has read before
//	Forgotten  what a replica computes is no older than what the session has written before
//	Late       what a replica computes is no older than what was acknowledged Promise.Lag before
//	Behind     a write that went past the pooler shows after Promise.Bypassed, and at once where nothing is cached
//
// A register whose writers go past the pooler need not keep Stale, Back, Forgotten and Late.
func (h *History) Check(p Promise) (found []Violation) {
	c := check{History: h, Promise: p, slowest: h.slowestRead(), own: h.ownWrites()}
	for session := range h.Sessions {
		found = append(found, c.session(session)...)
	}
	return found[:min(len(found), maxViolations)]
}

// session is what is wrong with the reads of one.
func (c *check) session(session int) (found []Violation) {
	var wrong *Read // the last, if it broke a rule
	for i := range c.Sessions[session] {
		r := &c.Sessions[session][i]
		rule, want := c.broken(session, r)
		if rule != "" && (wrong == nil || !r.same(wrong)) && len(found) < maxViolations {
			g := &c.Registers[r.Register]
			found = append(found, Violation{rule, session, g.Name, *r, g.version(want)})
		}
		if wrong = nil; rule != "" {
			wrong = r
		}
		c.sees(session, r)
	}
	return found
}

// check is that of one round.
type check struct {
	*History
	Promise
	slowest int64
	own     []map[int]*Register // by register and session: what that session has written
}

// demand is the version that a rule wants at least.
type demand struct {
	rule Rule
	want int64
}

// broken is the first rule that a read breaks, and the version that it should have returned at least; empty if it breaks none.
func (c *check) broken(session int, r *Read) (rule Rule, want int64) {
	g := &c.Registers[r.Register]
	switch {
	case !g.wrote(r):
		return Invented, 0
	case r.Twin != r.Version:
		return Torn, max(r.Twin, r.Version)
	case r.Cached() && r.Began-r.Computed > c.TTL.Nanoseconds()+c.slowest:
		return Old, 0
	}
	for _, d := range c.demands(g, session, r) {
		if r.Version < d.want {
			return d.rule, d.want
		}
	}
	return "", 0
}

// demands is how new a reply must be.
func (c *check) demands(g *Register, session int, r *Read) [2]demand {
	switch {
	case g.Bypassed:
		return [2]demand{{Behind, c.shown(g, r)}}
	case r.loose():
		return [2]demand{{Forgotten, c.own[r.Register][session].last(r.Began)}, {Late, c.replayed(g, r.Began)}}
	}
	return [2]demand{{Stale, g.last(r.Began)}, {Back, c.newestSeen(session, r.Register)}}
}

// replayed is the last version that replicas must have replayed at an instant.
func (c *check) replayed(g *Register, at int64) int64 {
	if c.Lag == 0 {
		return 0
	}
	return g.last(at - c.Lag.Nanoseconds())
}

// shown is the last version that a read must show of those that were written past the pooler. Where there is a cache, a reply that was computed
// only after the read began may have been so for another, who had asked before: what it saw is older than the instant that it tells by at most what
// a read takes.
func (c *check) shown(g *Register, r *Read) int64 {
	at := r.Began
	switch {
	case r.Cached():
		at -= c.Bypassed.Nanoseconds() + c.slowest
	case c.Bypassed > 0:
		at = min(at, r.Computed-c.slowest)
	}
	if r.AtReplica {
		return c.replayed(g, at)
	}
	return g.last(at)
}
