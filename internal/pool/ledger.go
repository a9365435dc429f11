package pool

// Ledger is one shard's part of a pool.
type Ledger struct {
	// FIFO serves from the server idle longest, instead of the one used last.
	FIFO bool
	// MaxWaiting bounds the clients waiting on all shards, in this pool and its family; not positive: no bound.
	MaxWaiting int

	shared  *Shared
	shard   int
	idle    idle
	waiters waiters
	// coming is the servers this shard is about to get: dialed for it, not logged in yet.
	coming int
}

// NewLedger is shard's part of s.
func NewLedger(s *Shared, shard int) *Ledger { return &Ledger{shared: s, shard: shard} }

// Answer is what becomes of one who asks for a server.
type Answer uint8

const (
	// Got: here it is.
	Got Answer = iota
	// Queued: wait; Release or Take will bring it.
	Queued
	// Full: MaxWaiting clients wait already.
	Full
)

// Acquire asks for a server for a client; one whose tag is equal is preferred. Nobody overtakes those who wait, but as
// its priority lets it.
func (l *Ledger) Acquire(now int64, client, tag uint32, p Priority) (server uint32, ticket uint64, a Answer) {
	if l.waiters.live == 0 {
		if server, ok := l.idle.take(tag, l.FIFO); ok {
			l.tellIdle()
			return server, 0, Got
		}
	}
	if l.MaxWaiting > 0 && l.shared.WaitingInFamily() >= l.MaxWaiting {
		return 0, 0, Full
	}
	ticket = l.waiters.push(client, now, p)
	l.tellWaiting()
	return 0, ticket, Queued
}

// Rejoin asks for a server for a client that has waited since, got one and lost it unused: it is where it was again,
// before all that came later, however many wait.
func (l *Ledger) Rejoin(since int64, client, tag uint32, p Priority) (server uint32, ticket uint64, a Answer) {
	if server, ok := l.idle.take(tag, l.FIFO); ok {
		l.tellIdle()
		return server, 0, Got
	}
	ticket = l.waiters.rejoin(client, since, p)
	l.tellWaiting()
	return 0, ticket, Queued
}

// Leave ends a wait before it was over.
func (l *Ledger) Leave(ticket uint64) {
	l.waiters.leave(ticket)
	l.tellWaiting()
}

// Outcome is where a released server goes.
type Outcome uint8

const (
	// ToWaiter: to the client returned.
	ToWaiter Outcome = iota
	// ToIdle: it rests here.
	ToIdle
	// ToShard: to the shard returned, where a client waits.
	ToShard
	// ToClose: there are more than there may be.
	ToClose
)

// Release puts a server that is clean back. With ToWaiter the number is the client's, which has left the queue; with
// ToShard the shard's.
func (l *Ledger) Release(now int64, server, tag uint32) (Outcome, uint32) {
	if l.shared.TooMany() {
		return ToClose, 0
	}
	next, key := l.waiters.next()
	if next == 0 {
		// Count it as idle first, then look for waiters elsewhere: the order the package comment asks for.
		l.idle.push(server, tag, now)
		l.tellIdle()
		if to, _ := l.shared.borrower(l.shard); to >= 0 {
			l.Remove(server)
			return ToShard, uint32(to)
		}
		return ToIdle, 0
	}
	if len(l.shared.shards) > 1 {
		if to, oldest := l.shared.borrower(l.shard); to >= 0 && oldest+Skew < key {
			return ToShard, uint32(to)
		}
	}
	w := l.waiters.leave(next)
	l.tellWaiting()
	return ToWaiter, w.Client
}

// Lend takes an idle server for another shard's waiter; ok is false if this shard has none to spare or nobody waits
// there any more.
func (l *Ledger) Lend(to int) (server uint32, ok bool) {
	if l.waiters.live > 0 || !l.shared.Starving(to) {
		return 0, false
	}
	server, ok = l.idle.take(0, l.FIFO)
	l.tellIdle()
	return server, ok
}

// Missing is how many more servers this shard's waiters could use than are coming.
func (l *Ledger) Missing() int { return l.waiters.live - l.coming }

// Lender is a shard to ask for an idle server; -1 if there is none.
func (l *Ledger) Lender() int { return l.shared.lender(l.shard) }

// Coming counts a server that is being dialed; Came counts it down, however it ended.
func (l *Ledger) Coming() { l.coming++ }

// Came ends what Coming began.
func (l *Ledger) Came() {
	if l.coming--; l.coming < 0 {
		panic("bug: pool: a server came that was not dialed")
	}
}

// Remove takes a server out of the idle ones, because it died or is wanted elsewhere.
func (l *Ledger) Remove(server uint32) bool {
	ok := l.idle.remove(server)
	l.tellIdle()
	return ok
}

// TakeLast has an idle server taken only if there is no other: whoever used it last may come back for it, and take it by
// Remove.
func (l *Ledger) TakeLast(server uint32) {
	for i := l.idle.tail; i != l.idle.head; i-- {
		if s := l.idle.at(i - 1); s.Server == server {
			s.Last = true
			return
		}
	}
}

// OldestIdle is the server that has rested longest.
func (l *Ledger) OldestIdle() (Idle, bool) {
	if l.idle.len() == 0 {
		return Idle{}, false
	}
	return *l.idle.at(l.idle.head), true
}

// EachIdle calls f for every idle server, the one that has rested longest first, until f returns false. f must not
// change the ledger.
func (l *Ledger) EachIdle(f func(Idle) bool) {
	for i := l.idle.head; i != l.idle.tail; i++ {
		if !f(*l.idle.at(i)) {
			return
		}
	}
}

// FirstWaiter is the client that has waited longest here, whatever its priority.
func (l *Ledger) FirstWaiter() (Waiter, bool) {
	if ticket := l.waiters.longest(); ticket != 0 {
		return l.waiters.places[ticket].Waiter, true
	}
	return Waiter{}, false
}

// Turn is when the next waiter here began to wait, its penalty included: what those of several pools are compared by.
func (l *Ledger) Turn() (key int64, ok bool) {
	next, key := l.waiters.next()
	return key, next != 0
}

// PopWaiter takes the FirstWaiter out of the queue: it is told that there is no server for it.
func (l *Ledger) PopWaiter() Waiter {
	w := l.waiters.leave(l.waiters.longest())
	l.tellWaiting()
	return w
}

// EachWaiter calls f for everybody who waits here, those of one priority in their order. f must not change the ledger.
func (l *Ledger) EachWaiter(f func(Waiter)) {
	for _, line := range l.waiters.lines {
		for at := line.first; at != 0; at = l.waiters.places[at].next {
			f(l.waiters.places[at].Waiter)
		}
	}
}

// WaitingSince counts those who began to wait here at a time or before, up to most, and tells when the first of the others
// began; ok is false if there is none.
func (l *Ledger) WaitingSince(at int64, most int) (n int, next int64, ok bool) {
	return l.waiters.since(at, most)
}

// Idle, Waiting and Connecting are this shard's numbers.
func (l *Ledger) Idle() int       { return l.idle.len() }
func (l *Ledger) Waiting() int    { return l.waiters.live }
func (l *Ledger) Connecting() int { return l.coming }

// Shared is what this ledger shares with those of other shards.
func (l *Ledger) Shared() *Shared { return l.shared }

// tellIdle and tellWaiting publish this shard's numbers. With one shard nobody listens.
func (l *Ledger) tellIdle() {
	if len(l.shared.shards) > 1 {
		l.shared.shards[l.shard].idle.Store(int64(l.idle.len()))
	}
}

func (l *Ledger) tellWaiting() {
	p := &l.shared.shards[l.shard]
	if len(l.shared.shards) > 1 {
		if next, key := l.waiters.next(); next != 0 {
			p.oldest.Store(key)
		}
	}
	p.waiting.Store(int64(l.waiters.live))
}
