package pool

import "sync/atomic"

// Skew is how much longer than a shard's own first waiter another shard's must have waited to be served before it,
// in nanoseconds. Moving a server costs some 30 µs when the other loop's thread has a processor, and milliseconds when it
// must wait for one; with 1 ms here, 20 clients over two loops on a pool of one server and a busy machine got 97
// transactions a second, because the server moved after each. Clients that wait less than this are not affected.
const Skew = 10_000_000

// Shared is what the shards of one pool have in common. All methods may be called from any shard.
type Shared struct {
	// Size is the permits for servers of this pool; a server holds one from before it is dialed until it is closed.
	Size Budget

	// reserve is how many servers there may be beyond Size while somebody waits.
	reserve atomic.Int64
	shards  []presence
	// family is the pools whose waiting clients count together, this one included; nil: it is alone.
	family atomic.Pointer[[]*Shared]
}

// presence is one shard's, on a cache line of its own.
type presence struct {
	waiting atomic.Int64
	oldest  atomic.Int64 // when its next waiter began to wait, with its penalty; meaningful while waiting > 0
	idle    atomic.Int64
	_       [40]byte
}

// NewShared is a pool over so many shards, of so many servers.
func NewShared(shards, size int) *Shared {
	s := &Shared{shards: make([]presence, shards)}
	s.Size.SetLimit(size)
	return s
}

// SetReserve says how many servers there may be beyond Size while somebody waits.
func (s *Shared) SetReserve(n int) { s.reserve.Store(int64(max(n, 0))) }

// TakeReserve takes a permit beyond Size if the reserve has one left.
func (s *Shared) TakeReserve() bool { return s.Size.TakeBelow(s.Size.Limit() + int(s.reserve.Load())) }

// InReserve is how many servers of the reserve there are.
func (s *Shared) InReserve() int {
	return min(max(s.Size.Taken()-s.Size.Limit(), 0), int(s.reserve.Load()))
}

// TooMany reports whether a server that is free has to go: there are more than Size, and nobody waits, or more than the
// reserve allows.
func (s *Shared) TooMany() bool {
	if !s.Size.Over() {
		return false
	}
	reserve := int(s.reserve.Load())
	return reserve == 0 || s.Waiting() == 0 || s.Size.OverBy(reserve)
}

// Waiting is the number of clients that wait, on all shards.
func (s *Shared) Waiting() int {
	n := int64(0)
	for i := range s.shards {
		n += s.shards[i].waiting.Load()
	}
	return int(n)
}

// SetFamily has the clients that wait in several pools, this one among them, count together.
func (s *Shared) SetFamily(all []*Shared) { s.family.Store(&all) }

// WaitingInFamily is the number of clients that wait, on all shards, in this pool or in any that it counts together with.
func (s *Shared) WaitingInFamily() (n int) {
	all := s.family.Load()
	if all == nil {
		return s.Waiting()
	}
	for _, member := range *all {
		n += member.Waiting()
	}
	return n
}

// Starving reports whether clients wait on a shard.
func (s *Shared) Starving(shard int) bool { return s.shards[shard].waiting.Load() > 0 }

// borrower is the shard other than self whose next waiter has waited longest, and since when, penalties counted; -1 if
// none waits.
func (s *Shared) borrower(self int) (shard int, since int64) {
	shard = -1
	for i := range s.shards {
		p := &s.shards[i]
		if i == self || p.waiting.Load() == 0 {
			continue
		}
		if t := p.oldest.Load(); shard < 0 || t < since {
			shard, since = i, t
		}
	}
	return shard, since
}

// lender is a shard other than self where servers idle; -1 if there is none.
func (s *Shared) lender(self int) int {
	for i := range s.shards {
		if i != self && s.shards[i].idle.Load() > 0 {
			return i
		}
	}
	return -1
}
