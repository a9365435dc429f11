package querycache

import (
	"bytes"
	"sync/atomic"
)

// index finds entries by their keys. Any number of readers, without a lock, and one writer at a time.
//
// It is open addressing with linear probing, at most half full, in parts, so that growing keeps writers busy for a short while only. An
// entry that goes leaves no mark: those behind it move up (Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R), each
// stored in its new place before it is taken out of its old one. So:
//
//  1. A reader sees the entry of its key or none: keys are compared whole, and entries do not change.
//  2. What was taken out before a reader began, it does not see: it was in one place, of the slots that are in force.
//  3. A reader may miss an entry that moves just then. That costs a query.
//
// A place has the hash of its entry beside it: who looks for what is not there, as every miss does, touches no entry.
type index struct {
	parts [indexParts]indexPart
}

const (
	indexPartBits = 6
	indexParts    = 1 << indexPartBits
	// minSlots is what a part begins with, and shrinks to.
	minSlots = 16
)

type indexPart struct {
	slots atomic.Pointer[slots]
	n     int // entries; of the writer
}

// slots is a power of two of places, of which at least one is empty.
type slots []place

// place has an entry, or is empty: then its hash is 0. A reader may see the hash of one and the entry of another.
type place struct {
	hash  atomic.Uint64
	entry atomic.Pointer[Entry]
}

// part is that of a hash, by its upper bits; places go by the lower ones.
func (x *index) part(hash uint64) *indexPart { return &x.parts[hash>>(64-indexPartBits)] }

// find is the entry of a key, or nil.
func (x *index) find(hash uint64, key []byte) *Entry {
	s := x.part(hash).slots.Load()
	for i := range s.len() {
		at := s.at(hash + i)
		switch at.hash.Load() {
		case 0:
			return nil
		case hash:
			if e := at.entry.Load(); e != nil && e.hash == hash && bytes.Equal(e.key, key) {
				return e
			}
		}
	}
	return nil
}

// has reports whether there is an entry of that hash, whether it holds or not.
func (x *index) has(hash uint64) bool {
	s := x.part(hash).slots.Load()
	for i := range s.len() {
		if at := s.at(hash + i).hash.Load(); at == 0 || at == hash {
			return at != 0
		}
	}
	return false
}

// add puts an entry in whose key is not there yet.
func (x *index) add(e *Entry) {
	p := x.part(e.hash)
	p.n++
	if s := p.slots.Load(); uint64(p.n)*2 > s.len() {
		p.resize(max(2*s.len(), minSlots))
	}
	p.slots.Load().put(e)
}

// remove takes an entry out that is there.
func (x *index) remove(e *Entry) {
	p := x.part(e.hash)
	s := p.slots.Load()
	s.closeGap(s.placeOf(e))
	p.n--
	if uint64(p.n)*8 < s.len() && s.len() > minSlots {
		p.resize(s.len() / 2)
	}
}

// entries appends those of a part, in no order.
func (p *indexPart) entries(dst []*Entry) []*Entry {
	s := p.slots.Load()
	for i := range s.len() {
		if e := s.at(i).entry.Load(); e != nil {
			dst = append(dst, e)
		}
	}
	return dst
}

// resize puts what is there into other slots, which then are in force.
func (p *indexPart) resize(n uint64) {
	s, old := make(slots, n), p.slots.Load()
	for i := range old.len() {
		if e := old.at(i).entry.Load(); e != nil {
			s.put(e)
		}
	}
	p.slots.Store(&s)
}

func (s *slots) len() uint64 {
	if s == nil {
		return 0
	}
	return uint64(len(*s))
}

func (s *slots) at(i uint64) *place { return &(*s)[i&uint64(len(*s)-1)] }

// set puts an entry in a place, empty or not.
func (p *place) set(e *Entry) {
	p.entry.Store(e)
	p.hash.Store(e.hash)
}

// empty empties it.
func (p *place) empty() {
	p.hash.Store(0)
	p.entry.Store(nil)
}

// put stores an entry in the first empty place from its own on.
func (s *slots) put(e *Entry) {
	at := e.hash
	for s.at(at).hash.Load() != 0 {
		at++
	}
	s.at(at).set(e)
}

// placeOf is where an entry is.
func (s *slots) placeOf(e *Entry) uint64 {
	for i := range s.len() {
		if s.at(e.hash+i).entry.Load() == e {
			return e.hash + i
		}
	}
	panic("bug: querycache: an entry that is not in the index was taken out of it")
}

// closeGap empties a place: who is behind it and would not be found across a gap moves up.
func (s *slots) closeGap(gap uint64) {
	for at := gap + 1; ; at++ {
		e := s.at(at).entry.Load()
		if e == nil {
			break
		}
		if mask := s.len() - 1; (at-e.hash)&mask >= (at-gap)&mask {
			s.at(gap).set(e)
			gap = at
		}
	}
	s.at(gap).empty()
}
