package querycache

import (
	"math/bits"
	"sync/atomic"
)

// door remembers what was asked for lately: one tag for each place, the last that came by. So it forgets by itself: of as many hashes as
// there are places, about a third are gone when as many others have come. From any loop at once.
//
// Two hashes of one place and one tag, one pair in 2^31 of those of one place, pass for one: then a reply is kept that was asked for
// once.
type door []atomic.Uint32

// A door has a place for each doorShare bytes that the cache may have, within bounds: about as many as there are entries if they are
// small, for 1/64 of their bytes. Half as many cost up to a hundredth of the hits in the traces of the tests.
const (
	doorShare = 1 << 8
	minDoor   = 1 << 10
	maxDoor   = 1 << 20
)

// doorPlaces is how many places the door of a cache of that many bytes has: a power of two.
func doorPlaces(maxBytes int64) int {
	n := uint64(min(max(maxBytes/doorShare, minDoor), maxDoor))
	return 1 << (bits.Len64(n) - 1)
}

// knock reports whether a hash was asked for lately, and notes that it is now.
func (d door) knock(hash uint64) bool {
	place, tag := d.place(hash)
	if place.Load() == tag {
		return true
	}
	place.Store(tag)
	return false
}

// place is where the tag of a hash is kept, and the tag, which is never 0.
func (d door) place(hash uint64) (*atomic.Uint32, uint32) {
	return &d[hash&uint64(len(d)-1)], uint32(hash>>32) | 1
}
