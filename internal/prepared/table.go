package prepared

import "encoding/binary"

// home is the slot where a hash is looked for first.
func (s *ServerSet) home(h Hash) uint32 {
	return uint32(binary.LittleEndian.Uint64(h[:]))&s.mask() + 1
}

// mask is the number of slots, a power of two, minus one.
func (s *ServerSet) mask() uint32 { return uint32(len(s.slots) - 2) }

// after is the slot looked at after slot i.
func (s *ServerSet) after(i uint32) uint32 { return i&s.mask() + 1 }

// find is the slot of a hash, 0 if it is not there.
func (s *ServerSet) find(h Hash) uint32 {
	if s.count == 0 {
		return 0
	}
	for i := s.home(h); s.slots[i].used != 0; i = s.after(i) {
		if s.slots[i].hash == h {
			return i
		}
	}
	return 0
}

// use moves slot i to the front of the ring and pins it.
func (s *ServerSet) use(i uint32) {
	e := &s.slots[i]
	e.used = s.now()
	if s.slots[0].next == i {
		return
	}
	s.slots[e.prev].next, s.slots[e.next].prev = e.next, e.prev
	s.linkFront(i)
}

func (s *ServerSet) linkFront(i uint32) {
	head := &s.slots[0]
	s.slots[i].prev, s.slots[i].next = 0, head.next
	s.slots[head.next].prev = i
	head.next = i
}

// removeAt empties slot i and moves up what was pushed beyond it, so that no search ends too early.
func (s *ServerSet) removeAt(i uint32) {
	e := &s.slots[i]
	s.slots[e.prev].next, s.slots[e.next].prev = e.next, e.prev
	s.count--
	hole := i
	for j := s.after(i); s.slots[j].used != 0; j = s.after(j) {
		// What is at j may move to the hole unless its home lies behind the hole, on the way to j.
		if fromHome, fromHole := (j-s.home(s.slots[j].hash))&s.mask(), (j-hole)&s.mask(); fromHome < fromHole {
			continue
		}
		s.move(j, hole)
		hole = j
	}
	s.slots[hole] = slot{}
}

// move carries a statement to another slot, and its neighbours in the ring with it.
func (s *ServerSet) move(from, to uint32) {
	e := s.slots[from]
	s.slots[to] = e
	s.slots[e.prev].next, s.slots[e.next].prev = to, to
}

// grow doubles the table. The ring keeps its order.
func (s *ServerSet) grow() {
	old := s.slots
	size := smallestTable
	if len(old) > 0 {
		size = 2 * (len(old) - 1)
	}
	s.slots = make([]slot, size+1)
	if len(old) == 0 {
		return
	}
	for i := old[0].prev; i != 0; i = old[i].prev {
		j := s.home(old[i].hash)
		for s.slots[j].used != 0 {
			j = s.after(j)
		}
		s.slots[j] = old[i]
		s.linkFront(j)
	}
}
