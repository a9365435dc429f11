package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// There are other processes that write to the same database. What they write, and what this one writes, is in a log; what has been answered
// here is in a store, from which it may come back. Both are as package querycache says (sharing.go), and take their time.

var _ engine.Fleet = (*Fleet)(nil)

// sharing is what the processes of a fleet share.
type sharing struct {
	log    []record
	kept   map[querycache.SharedKey]kept
	fleets []*Fleet
	// given counts the replies that came from the store, writes what others have written.
	given, writes int
}

// record is one place of the log; the first has position 1. commit is what an OpEnd of others has committed.
type record struct {
	ours   bool
	op     querycache.Op
	table  string
	commit int
}

// kept is a reply in the store, until a time.
type kept struct {
	querycache.Shared
	until int64
}

// Fleet is what one pool shares of a database.
type Fleet struct {
	h              *Host
	pool, database string
	read           int
	// behind is the position of the last write of a table, seen from which one on a change has been seen, and unread how many records of this
	// fleet's own the log has that were not read.
	behind, seen map[string]uint64
	unread       map[string]int
	pending      map[string]int // of which the end has not been read
	wanted       bool
	joined       bool
	reading      bool
}

// SharedReplies is how many replies came from the store.
func (w *World) SharedReplies() int { return w.sharing.given }

// Share implements engine.Host: the fleet is joined in a while, and lost now and then.
func (h *Host) Share(pool, database string) {
	s := &h.w.sharing
	i := slices.IndexFunc(s.fleets, func(f *Fleet) bool { return f.pool == pool && f.database == database })
	if i < 0 {
		i = len(s.fleets)
		s.fleets = append(s.fleets, &Fleet{h: h, pool: pool, database: database, behind: map[string]uint64{}, seen: map[string]uint64{},
			unread: map[string]int{}, pending: map[string]int{}})
	}
	f := s.fleets[i]
	f.wanted = true
	h.w.After(int64(h.w.Between(0, int(3*Millisecond))), f.join)
}

// join joins, and sees to it that it is lost.
func (f *Fleet) join() {
	if f.joined || !f.wanted {
		return
	}
	for f.next() {
	}
	f.h.w.Note("fleet of %s is joined, at %d", f.pool, f.read)
	f.joined = true
	f.h.engine.Shares(f.pool, f.database, f)
	if f.h.w.Chance(0.5) {
		f.h.w.After(int64(f.h.w.Between(int(Millisecond), int(30*Millisecond))), f.lose)
	}
}

// lose loses touch, for a while, or for good.
func (f *Fleet) lose() {
	f.h.w.Note("fleet of %s is lost", f.pool)
	f.joined = false
	if f.h.w.Chance(0.3) {
		f.wanted = false
		f.h.engine.Unshared(f.pool, f.database)
		return
	}
	f.h.engine.Shares(f.pool, f.database, nil)
	f.h.w.After(int64(f.h.w.Between(0, int(10*Millisecond))), f.join)
}

// Note implements engine.Fleet.
func (f *Fleet) Note(op querycache.Op, t *querycache.Table) {
	if op == querycache.OpSeen {
		f.seen[t.Name] = uint64(f.read) + 1
		return
	}
	f.unread[t.Name]++
	f.h.w.sharing.log = append(f.h.w.sharing.log, record{ours: true, op: op, table: f.pool + " " + t.Name})
	f.h.w.readSoon()
}

// Position implements engine.Fleet.
func (f *Fleet) Position() uint64 { return uint64(f.read) }

// Keep implements engine.Fleet.
func (f *Fleet) Keep(key querycache.SharedKey, s *querycache.Shared) {
	f.h.w.sharing.kept[key] = kept{*s, f.h.w.now + int64(s.Left)}
}

// Fetch implements engine.Fleet. Whether there is a reply is found out now or when it is told; and what is told may be cut short.
func (f *Fleet) Fetch(key querycache.SharedKey, tables []*querycache.Table, found func(*querycache.Shared)) {
	w := f.h.w
	answer := func() *querycache.Shared { return f.find(key, tables) }
	if w.Chance(0.5) {
		now := answer()
		answer = func() *querycache.Shared { return now }
	}
	delay := w.Between(0, int(2*Millisecond))
	if w.Chance(0.03) {
		delay = int(100 * Millisecond)
	}
	w.After(int64(delay), func() {
		s := answer()
		if s != nil && w.Chance(0.02) {
			s.Reply = s.Reply[:w.random.IntN(len(s.Reply))]
		}
		if s != nil {
			w.sharing.given++
		}
		found(s)
	})
}

// find is the reply of a key, if it may be taken.
func (f *Fleet) find(key querycache.SharedKey, tables []*querycache.Table) *querycache.Shared {
	k, ok := f.h.w.sharing.kept[key]
	if !ok || f.h.w.now >= k.until || !f.mayTake(&k.Shared, "") {
		return nil
	}
	for _, t := range tables {
		if !f.mayTake(&k.Shared, t.Name) {
			return nil
		}
	}
	k.Left = time.Duration(k.until - f.h.w.now)
	return &k.Shared
}

func (f *Fleet) mayTake(s *querycache.Shared, table string) bool {
	return f.unread[table]+f.pending[table] == 0 && f.behind[table] <= s.Position && f.seen[table] <= s.Position
}

// next reads the next place of the log, if there is one.
func (f *Fleet) next() bool {
	log := f.h.w.sharing.log
	if f.read == len(log) {
		return false
	}
	r := log[f.read]
	f.read++
	pool, name, ours := strings.Cut(r.table, " ")
	if !ours {
		name = pool
	}
	f.notes(name, r.op)
	switch {
	case ours && pool == f.pool:
		f.unread[name]--
	case !ours && f.h.run.Fault != ForgetsOthers:
		f.h.engine.Heard(f.database, r.op, []string{name})
	}
	if f.joined {
		f.h.w.registers.knows(r.commit)
	}
	return true
}

// notes notes what has been done to a table: what was taken back was no write.
func (f *Fleet) notes(name string, op querycache.Op) {
	switch op {
	case querycache.OpBegin:
		f.pending[name]++
		return
	case querycache.OpCancel:
		f.pending[name]--
		return
	case querycache.OpEnd:
		f.pending[name] = max(f.pending[name]-1, 0)
	}
	f.behind[name] = uint64(f.read)
}

// readSoon has the log read by each fleet, in a while.
func (w *World) readSoon() {
	for _, f := range w.sharing.fleets {
		if f.reading {
			continue
		}
		f.reading = true
		w.After(int64(w.Between(0, int(Millisecond))), f.reads)
	}
}

// reads reads some of the log.
func (f *Fleet) reads() {
	f.reading = false
	for range 1 + f.h.w.random.IntN(20) {
		if !f.next() {
			return
		}
	}
	f.h.w.readSoon()
}
