// Package checker finds out from what clients have written and read whether a pooler has kept its promises: whether a read was older than
// it may be, went back, or saw what nobody wrote. It is pure: whoever drives clients tells it what they did, and when, by one clock.
//
// Clients write and read registers: rows with a number in them, the version, which grows with every write. A register has one writer at a
// time, so its versions are in the order of its writes. A reply carries beside the version when and by whom it was computed, so that a
// reply that was kept is told from one that is new.
package checker

import "math"

// Never is when a write was acknowledged of which nobody knows what has become: it may be read or not.
const Never = math.MaxInt64

// resolution is how exactly servers tell the time, in nanoseconds.
const resolution = 1000

// History is what happened. Times are in nanoseconds, all of one clock.
type History struct {
	Registers []Register
	// Sessions are the reads of each client, in the order in which it made them.
	Sessions [][]Read

	seen    []map[int]int64 // by session and register: the newest version that was read in rounds before, and in this one so far
	slowest int64           // how long a read took at most in rounds before
}

// Read is a reply, when its reader asked for it and had it.
type Read struct {
	Register     int
	Began, Ended int64
	Version      int64
	// Twin is what the same statement read of the register that is written together with this one; where there is none, the Version.
	Twin int64
	// Computed is when a server computed the reply, and AtReplica whether that was a replica.
	Computed  int64
	AtReplica bool
	// How is for people.
	How string
}

// Cached reports whether the reply was there before it was asked for.
func (r *Read) Cached() bool { return r.Computed < r.Began-resolution }

// same reports whether another read had the same reply.
func (r *Read) same(other *Read) bool {
	return r.Register == other.Register && r.Computed == other.Computed
}

// loose reports whether a replica computed the reply for this very read: it may be as late as the replica is.
func (r *Read) loose() bool { return r.AtReplica && !r.Cached() }

// Counts is what reads there were: all, those that were cached, and those that a replica has computed for their reader.
type Counts struct{ Reads, Cached, AtReplica int }

// Count counts the reads of this round, and adds them.
func (n *Counts) Count(h *History) {
	for _, s := range h.Sessions {
		n.Reads += len(s)
		for i := range s {
			if s[i].Cached() {
				n.Cached++
			}
			if s[i].loose() {
				n.AtReplica++
			}
		}
	}
}

// NextRound forgets the reads, which have been checked, but nothing that matters to those to come.
func (h *History) NextRound() {
	h.slowest = h.slowestRead()
	for session := range h.Sessions {
		h.Sessions[session] = h.Sessions[session][:0]
	}
}

// slowestRead is how long a read took at most that was not cached: a reply is kept no later than that after it was computed.
func (h *History) slowestRead() int64 {
	slowest := h.slowest
	for _, reads := range h.Sessions {
		for i := range reads {
			if r := &reads[i]; !r.Cached() {
				slowest = max(slowest, r.Ended-r.Began)
			}
		}
	}
	return slowest
}

// sees notes what a session has seen.
func (h *History) sees(session int, r *Read) {
	for len(h.seen) <= session {
		h.seen = append(h.seen, map[int]int64{})
	}
	h.seen[session][r.Register] = max(h.seen[session][r.Register], r.Version)
}

// newestSeen is the newest version that a session has seen of a register; 0 if none.
func (h *History) newestSeen(session, register int) int64 {
	if session >= len(h.seen) {
		return 0
	}
	return h.seen[session][register]
}
