package prepared

import (
	"encoding/binary"
	"testing"
)

// hashNo is a hash for tests; those equal modulo 16 have one home in a small table.
func hashNo(i int) (h Hash) {
	binary.LittleEndian.PutUint64(h[:], uint64(i))
	binary.LittleEndian.PutUint64(h[8:], uint64(i))
	return h
}

func TestServerSetStates(t *testing.T) {
	var s ServerSet
	if s.Has(hashNo(1), 0) != Absent || s.Remove(hashNo(1)) || s.Len() != 0 {
		t.Error("an empty set has something")
	}
	s.Add(hashNo(1), 3)
	if got := s.Has(hashNo(1), 3); got != Present {
		t.Errorf("state %v, want Present", got)
	}
	if got := s.Has(hashNo(1), 4); got != Stale {
		t.Errorf("state %v, want Stale", got)
	}
	s.Add(hashNo(1), 4)
	if got := s.Has(hashNo(1), 4); got != Present || s.Len() != 1 {
		t.Errorf("state %v of %d, want Present of 1", got, s.Len())
	}
	s.Clear()
	if s.Has(hashNo(1), 4) != Absent || s.Len() != 0 {
		t.Error("something is left after Clear")
	}
	s.Add(hashNo(2), 0)
	if !s.Remove(hashNo(2)) || s.Has(hashNo(2), 0) != Absent {
		t.Error("Remove did not")
	}
}

func TestEvictTakesTheLeastRecentlyUsed(t *testing.T) {
	var s ServerSet
	for i := 1; i <= 4; i++ {
		s.Add(hashNo(i), 0)
	}
	s.Unpin()
	s.Has(hashNo(1), 0) // now 2 is the oldest
	s.Unpin()
	if _, ok := s.Evict(4, nil); ok {
		t.Error("evicted within the limit")
	}
	for _, want := range []int{2, 3, 4} {
		if h, ok := s.Evict(1, nil); !ok || h != hashNo(want) {
			t.Errorf("evicted %x, %v; want %d", h, ok, want)
		}
	}
	if _, ok := s.Evict(1, nil); ok || s.Len() != 1 {
		t.Error("evicted below the limit")
	}
}

// Trap 6: nothing is evicted that the pending batch has used, or that somebody says is busy.
func TestTrap06EvictionSparesThePendingBatch(t *testing.T) {
	var s ServerSet
	s.Add(hashNo(1), 0)
	s.Add(hashNo(2), 0)
	s.Add(hashNo(3), 0)
	s.Unpin()
	s.Has(hashNo(1), 0)
	s.Add(hashNo(4), 0)
	busy := func(h Hash) bool { return h == hashNo(2) }
	if h, ok := s.Evict(2, busy); !ok || h != hashNo(3) {
		t.Errorf("evicted %x, %v; want 3", h, ok)
	}
	if h, ok := s.Evict(2, busy); ok {
		t.Errorf("evicted %x; all are pinned or busy", h)
	}
	if h, ok := s.Evict(2, nil); !ok || h != hashNo(2) {
		t.Errorf("evicted %x, %v; want 2", h, ok)
	}
	if h, ok := s.Evict(0, nil); ok {
		t.Errorf("evicted %x in mid-batch", h)
	}
	s.Unpin()
	if h, ok := s.Evict(0, nil); !ok || h != hashNo(1) {
		t.Errorf("evicted %x, %v after the batch; want 1", h, ok)
	}
}

func TestEpochsBeginAgain(t *testing.T) {
	s := ServerSet{epoch: ^uint32(0) - 1}
	s.Add(hashNo(1), 0)
	s.Unpin()
	s.Add(hashNo(2), 0)
	s.Unpin() // wraps
	s.Add(hashNo(3), 0)
	for _, want := range []int{1, 2} {
		if h, ok := s.Evict(0, nil); !ok || h != hashNo(want) {
			t.Errorf("evicted %x, %v; want %d", h, ok, want)
		}
	}
	if _, ok := s.Evict(0, nil); ok {
		t.Error("evicted what the batch uses")
	}
}
