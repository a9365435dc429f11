package querycache

import (
	"math/rand/v2"
	"testing"
)

// A door has a place for each 256 bytes, a power of two of them, between its bounds.
func TestDoorPlaces(t *testing.T) {
	for _, c := range []struct {
		maxBytes int64
		want     int
	}{
		{-1, minDoor}, {0, minDoor}, {minDoor * doorShare, minDoor}, {2*minDoor*doorShare - 1, minDoor}, {2 * minDoor * doorShare, 2 * minDoor},
		{16 << 20, 64 << 10}, {maxDoor * doorShare, maxDoor}, {1 << 50, maxDoor},
	} {
		if got := doorPlaces(c.maxBytes); got != c.want {
			t.Errorf("%d bytes: %d places, want %d", c.maxBytes, got, c.want)
		}
	}
}

// Who comes again soon is known, who comes after many others is not; and strangers are not taken for acquaintances.
func TestDoor(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	d := make(door, 1<<12)
	soon, strangers := 0, 0
	for range 1000 {
		hash := r.Uint64()
		if d.knock(hash) {
			strangers++
		}
		for range len(d) / 10 {
			d.knock(r.Uint64())
		}
		if d.knock(hash) {
			soon++
		}
	}
	if soon < 850 || strangers > 1 {
		t.Errorf("of 1,000 that came again soon %d were known, of as many strangers %d", soon, strangers)
	}
	hash, late := r.Uint64(), 0
	for range 20 {
		d.knock(hash)
		for range 10 * len(d) {
			d.knock(r.Uint64())
		}
		place, tag := d.place(hash)
		if place.Load() == tag {
			late++
		}
		hash = r.Uint64()
	}
	if late > 2 {
		t.Errorf("of 20 that came again late, %d were known", late)
	}
}
