package prepared

// ServerSet is the statements one server has prepared, in the order of their last use. It holds no pointer, is one
// allocation that doubles when full, and is not bound to a shard. The zero value is an empty set without memory.
//
// The table is open addressing with linear probing over slots 1 to n; slot 0 is where the ring of last uses begins and
// ends: its next is the most, its prev the least recently used.
type ServerSet struct {
	slots []slot
	count int
	epoch uint32 // of the present batch; see Unpin
}

// slot is one statement, 48 bytes.
type slot struct {
	hash       Hash
	copy       Copy
	version    uint32
	used       uint32 // the epoch of the last use, never 0; 0 is an empty slot
	prev, next uint32
}

// State says whether a server has a statement.
type State uint8

const (
	// Absent: the server does not know the statement.
	Absent State = iota
	// Stale: it has an older version under the same name, to be closed first.
	Stale
	// Present: it can be used.
	Present
)

// smallestTable is the number of slots of the first allocation, half a kilobyte.
const smallestTable = 16

// Has reports whether the server has the statement in this version. It counts as a use: the statement is now
// the most recently used, and pinned until Unpin.
func (s *ServerSet) Has(h Hash, version uint32) State {
	state, _ := s.Look(h, version)
	return state
}

// Look is Has, and tells what is known of the server's copy.
func (s *ServerSet) Look(h Hash, version uint32) (State, Copy) {
	i := s.find(h)
	if i == 0 {
		return Absent, Copy{}
	}
	s.use(i)
	e := &s.slots[i]
	if e.version != version {
		return Stale, e.copy
	}
	return Present, e.copy
}

// Note notes what is known of the server's copy of the statement, if it has one.
func (s *ServerSet) Note(h Hash, c Copy) {
	if i := s.find(h); i != 0 {
		s.slots[i].copy = c
	}
}

// Add notes that the server has the statement in this version, in place of any other copy; a use, like Has.
func (s *ServerSet) Add(h Hash, version uint32) {
	i := s.find(h)
	if i == 0 {
		if s.count+1 > (len(s.slots)-1)*3/4 {
			s.grow()
		}
		for i = s.home(h); s.slots[i].used != 0; i = s.after(i) {
		}
		s.count++
		s.slots[i] = slot{hash: h, prev: i, next: i}
	}
	s.slots[i].version, s.slots[i].copy = version, Copy{}
	s.use(i)
}

// Remove notes that the server does not have the statement, and reports whether it had.
func (s *ServerSet) Remove(h Hash) bool {
	i := s.find(h)
	if i == 0 {
		return false
	}
	s.removeAt(i)
	return true
}

// Clear notes that the server has no statement: DISCARD ALL, DEALLOCATE ALL. It keeps the memory.
func (s *ServerSet) Clear() {
	clear(s.slots)
	s.count = 0
}

// Evict removes the least recently used statement if there are more than limit, and returns it: the caller
// closes it on the server. It spares those used since the last Unpin and those busy reports (busy may be nil); if
// all are spared it reports false and the set stays above its limit. Call it until it does.
func (s *ServerSet) Evict(limit int, busy func(Hash) bool) (Hash, bool) {
	if s.count <= max(limit, 0) {
		return Hash{}, false
	}
	for i := s.slots[0].prev; i != 0; i = s.slots[i].prev {
		e := &s.slots[i]
		if e.used == s.now() {
			break // so are all before it
		}
		if busy != nil && busy(e.hash) {
			continue
		}
		h := e.hash
		s.removeAt(i)
		return h, true
	}
	return Hash{}, false
}

// Unpin ends a batch: the server has answered everything, whatever was used may be evicted.
func (s *ServerSet) Unpin() {
	s.epoch = s.now() + 1
	if s.epoch != 0 {
		return
	}
	// After 2^32 batches the numbers begin again; all statements become equally old.
	s.epoch = 2
	for i := s.next(0); i != 0; i = s.next(i) {
		s.slots[i].used = 1
	}
}

// Len is the number of statements the server has.
func (s *ServerSet) Len() int { return s.count }

// Each calls f for every statement, the most recently used first. F must not change the set.
func (s *ServerSet) Each(f func(Hash, uint32)) {
	for i := s.next(0); i != 0; i = s.next(i) {
		f(s.slots[i].hash, s.slots[i].version)
	}
}

// now is the present epoch; an empty set begins with 1.
func (s *ServerSet) now() uint32 { return max(s.epoch, 1) }

// next is the slot used before slot i; 0 at the end.
func (s *ServerSet) next(i uint32) uint32 {
	if len(s.slots) == 0 {
		return 0
	}
	return s.slots[i].next
}
