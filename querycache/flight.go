package querycache

import (
	"slices"
	"sync"
)

// Flights is the reads that are being asked for just now: who asks for the same waits for the first. The zero value has none. All
// methods may be called from several loops at once.
//
// Reads are told apart by their hashes. Two of one hash that are not the same cost the one that waits a moment: it does not find
// its reply when it is woken, and asks.
type Flights struct {
	stripes [flightStripes]flightStripe
}

const (
	// flightStripes is how many locks there are.
	flightStripes = 64
	// maxFlights bounds the reads that are told apart behind one lock, 4,096 in all. Past it, nobody waits for anybody.
	maxFlights = 64
	// maxFlightWaiters bounds who waits for one read.
	maxFlightWaiters = 1 << 12
)

// flightStripe is the flights behind one lock, n of them, in no order.
type flightStripe struct {
	mu      sync.Mutex
	n       int
	hashes  [maxFlights]uint64
	waiters [maxFlights][]Waiter
}

// Waiter is a client of a shard, as the engine knows it.
type Waiter struct {
	Shard  int32
	Client uint64
}

// Join is for a client that is about to ask. If leads, nobody is asking for this hash: it goes, and must call Land, once, however that ends.
// If joined, it waits until whoever leads calls Land, or it calls Leave. If neither, too much is in flight or too many wait: it goes, and
// calls nothing.
func (f *Flights) Join(hash uint64, w Waiter) (leads, joined bool) {
	s := f.lock(hash)
	defer s.mu.Unlock()
	at := s.find(hash)
	switch {
	case at < 0 && s.n == maxFlights, at >= 0 && len(s.waiters[at]) == maxFlightWaiters:
		return false, false
	case at < 0:
		s.hashes[s.n] = hash
		s.n++
		return true, false
	}
	s.waiters[at] = append(s.waiters[at], w)
	return false, true
}

// Land ends what Join began for who leads, and returns whom to wake, in the order in which they came; mostly nobody. They are the
// caller's.
func (f *Flights) Land(hash uint64) []Waiter {
	s := f.lock(hash)
	defer s.mu.Unlock()
	at := s.find(hash)
	if at < 0 {
		panic("bug: querycache: a flight landed that was none")
	}
	waiters := s.waiters[at]
	s.n--
	s.hashes[at], s.waiters[at] = s.hashes[s.n], s.waiters[s.n]
	s.waiters[s.n] = nil
	return waiters
}

// Leave is for a waiter that waits no longer. If Land came first, there is nothing to leave, and it is woken.
func (f *Flights) Leave(hash uint64, w Waiter) {
	s := f.lock(hash)
	defer s.mu.Unlock()
	at := s.find(hash)
	if at < 0 {
		return
	}
	if i := slices.Index(s.waiters[at], w); i >= 0 {
		s.waiters[at] = slices.Delete(s.waiters[at], i, i+1)
	}
}

// lock locks the stripe of a hash.
func (f *Flights) lock(hash uint64) *flightStripe {
	s := &f.stripes[hash%flightStripes]
	s.mu.Lock()
	return s
}

// find is where a hash is, or -1.
func (s *flightStripe) find(hash uint64) int { return slices.Index(s.hashes[:s.n], hash) }
