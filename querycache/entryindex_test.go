package querycache

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// indexed is an entry of a weak hash, so that many meet in one place.
func indexed(i int) *Entry {
	return &Entry{key: fmt.Appendf(nil, "key %d", i), hash: uint64(i%97)*3 + 1}
}

// Whatever comes and goes, what is in is found, what is not is not.
func TestIndexFindsWhatIsInIt(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		var x index
		in := map[int]*Entry{}
		for step := range 3000 {
			i := r.IntN(400)
			switch e := in[i]; {
			case e == nil && (step < 1500 || r.IntN(3) == 0):
				in[i] = indexed(i)
				x.add(in[i])
			case e != nil:
				x.remove(e)
				delete(in, i)
			}
			if step%100 != 0 {
				continue
			}
			for i := range 400 {
				if k := indexed(i); x.find(k.hash, k.key) != in[i] {
					t.Fatalf("seed %d, step %d: key %d is %v, want %v", seed, step, i, x.find(k.hash, k.key), in[i])
				}
			}
		}
	}
}

// It grows when it is half full, shrinks when seven of eight places are empty, and is as small as in the beginning when all have gone.
func TestIndexGrowsAndShrinks(t *testing.T) {
	var x index
	p := x.part(0)
	entries := make([]*Entry, 1000)
	for i := range entries {
		entries[i] = &Entry{key: fmt.Appendf(nil, "%d", i), hash: uint64(i) + 1}
		x.add(entries[i])
		if n := p.slots.Load().len(); uint64(p.n)*2 > n || n > minSlots && uint64(p.n)*4 < n {
			t.Fatalf("%d entries have %d places", p.n, n)
		}
	}
	for _, e := range entries {
		x.remove(e)
		if n := p.slots.Load().len(); n > minSlots && uint64(p.n)*8 < n {
			t.Fatalf("%d entries have %d places", p.n, n)
		}
	}
	if n := p.slots.Load().len(); n != minSlots || p.n != 0 {
		t.Errorf("%d places for %d entries in the end", n, p.n)
	}
}

// Readers that meet a writer always see an entry that does not move, the first in its place, and never one of another key.
func TestIndexWithReaders(t *testing.T) {
	var x index
	var wg sync.WaitGroup
	var done atomic.Bool
	stays, never := indexed(0), indexed(97)
	x.add(stays)
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				if e := x.find(stays.hash, stays.key); e != stays {
					t.Errorf("found %v in place of the entry that stays", e)
				}
				if e := x.find(never.hash, never.key); e != nil {
					t.Errorf("found %q for a key that never was there", e.key)
				}
			}
		})
	}
	var others []*Entry
	for i := range 200 {
		others = append(others, indexed((i+2)*97)) // of the same place
	}
	for range 20 {
		for _, e := range others {
			x.add(e)
		}
		for _, e := range others {
			x.remove(e)
		}
	}
	done.Store(true)
	wg.Wait()
}

// The allowance covers what an entry costs at worst.
func TestAllowanceCoversAnEntry(t *testing.T) {
	if n := int(unsafe.Sizeof(Entry{})) + 8*8; n > entryBytes*4/5 {
		t.Errorf("an entry and its places are %d bytes, more than four fifths of the allowance of %d", n, entryBytes)
	}
}
