package engine

import (
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// A pool may share its replies, and what is written, with other processes: its fleet. For each database the Host joins it when asked to,
//
//  1. before anything is cached or served (tells), unless the change stream tells what others write;
//  2. as soon as anything is written there by any pool (sharesWrites), whether that shares or not.
//
// While it is joined, the fleet is told of every write before that takes effect (querycache.Witness), and tells what others write (Heard).
// When it is joined, what was cached before is dropped, as others may have written; and it is told that everything has been written, if
// anything has been while nobody was told.

// Fleet is what this process shares of a database with others. Its methods are called on event loops, several at once, and with locks of the
// engine held: they do not wait, and do not call the engine, but for found. With a lock held that they take, of the engine Heard alone may be called.
type Fleet interface {
	querycache.Witness
	// Position is up to where the log of what all write has been read, and applied.
	Position() uint64
	// Fetch asks for the reply of that key, which depends on these tables and the whole database, and may be served here as far as the log has
	// been read. found is called exactly once, from any goroutine, and within a bounded time; nil: there is none.
	Fetch(key querycache.SharedKey, tables []*querycache.Table, found func(*querycache.Shared))
	// Keep offers a reply to the others.
	Keep(key querycache.SharedKey, s *querycache.Shared)
}

// fleet is that of one database, for one declared pool.
type fleet struct {
	// joined is nil while it is out of touch.
	joined atomic.Pointer[joined]
	// wanted: the Host has been asked for it.
	wanted atomic.Bool
	// lost: it has been out of touch since it was wanted. sum is what Ledger.Unwatch returned when it was left. Both under Engine.mu.
	lost bool
	sum  uint64
}

// joined is a Fleet, from when it was joined until it is left.
type joined struct{ Fleet }

// position is what a pool shares with, and up to where that knows what others write; nil: it shares nothing now. To be taken before evidence is.
func (p *shardPool) position() (with *joined, position uint64) {
	if with = p.shared.fleet.joined.Load(); with != nil {
		position = with.Position()
	}
	return with, position
}

// fleetOf is the fleet of a pool and a database. Under Engine.mu.
func (e *Engine) fleetOf(k feedKey) *fleet {
	f := e.fleets[k]
	if f == nil {
		f = &fleet{}
		e.fleets[k] = f
	}
	return f
}

// Shares tells that the fleet of a declared pool is joined, in a database, and all that was written before has been heard; nil: it is out of
// touch.
func (e *Engine) Shares(pool, database string, f Fleet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, l := e.fleets[feedKey{pool, database}], e.ledgers[database]
	if at == nil {
		return
	}
	if l == nil {
		l = e.newLedger(database)
	}
	streamed := e.streamed(pool)
	if at.lost = f == nil; at.leave(l) && !streamed {
		l.All.Hear(querycache.OpChange, e.marks.Load())
	}
	if f == nil {
		return
	}
	at.watch(l, f)
	if streamed { // so what is cached stays; but this fleet was not told what the stream has told so far
		f.Note(querycache.OpSeen, &l.All)
	} else {
		l.All.Hear(querycache.OpChange, e.marks.Load())
	}
	at.joined.Store(&joined{f})
}

// leave ends what was joined, if anything. Under Engine.mu.
func (f *fleet) leave(l *ledger) bool {
	was := f.joined.Swap(nil)
	if was == nil {
		return false
	}
	f.sum = l.Unwatch(was.Fleet)
	return true
}

// watch has a fleet told what is written from now on, and whether anything was of which nobody has been told. Under Engine.mu.
func (f *fleet) watch(l *ledger, by Fleet) {
	if l.Watch(by) != f.sum {
		by.Note(querycache.OpChange, &l.All)
	}
}

// streamed reports whether what is written in the databases of a pool is told by change streams. Under Engine.mu.
func (e *Engine) streamed(pool string) bool {
	t := e.templates[pool]
	return t != nil && t.config.Load().Cache.WAL
}

// Unshared tells that the Host has given a fleet up: it is asked again when somebody wants it.
func (e *Engine) Unshared(pool, database string) {
	e.Shares(pool, database, nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.fleets[feedKey{pool, database}]; f != nil {
		f.wanted.Store(false)
		f.lost = false
	}
	if l := e.ledgers[database]; l != nil {
		l.sharers.Store(nil)
	}
	e.leaveFleet(feedKey{pool, database})
}

// leaveFleets forgets those of a pool that is forgotten, and of its database. Under Engine.mu.
func (e *Engine) leaveFleets(p *sharedPool) {
	e.leaveFleet(feedKey{p.pool, p.serverDatabase})
	if names := e.sharers.Load(); names != nil && p.ledger.pools == 0 {
		for _, pool := range *names {
			e.leaveFleet(feedKey{pool, p.serverDatabase})
		}
	}
}

// leaveFleet forgets a fleet that nobody wants, and no pool knows. Under Engine.mu.
func (e *Engine) leaveFleet(k feedKey) {
	if f := e.fleets[k]; f != nil && !f.wanted.Load() && !e.uses(k) {
		delete(e.fleets, k)
	}
}

// Heard tells what others have done with tables of a database, by their names without schemas; nil: with all of it. For each OpBegin there is one
// OpEnd or OpCancel, also when the fleet is left meanwhile. No witness is told.
func (e *Engine) Heard(database string, op querycache.Op, tables []string) {
	mark := e.marks.Load()
	for _, t := range e.tablesOf(database, tables) {
		t.Hear(op, mark)
	}
}

// fleetState says whether all fleets of a pool are joined.
func (e *Engine) fleetState(pool string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	state := neverAsked
	for k, f := range e.fleets {
		switch {
		case k.pool != pool || !f.wanted.Load():
		case f.joined.Load() != nil:
			state = "on"
		case f.lost:
			return "off: the store cannot be reached"
		default:
			return "catching up"
		}
	}
	return state
}
