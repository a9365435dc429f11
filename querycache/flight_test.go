package querycache

import (
	"slices"
	"sync"
	"testing"
)

// The first leads, the others wait until it lands, and then it begins anew.
func TestFlights(t *testing.T) {
	var f Flights
	join := func(client uint64) string {
		leads, joined := f.Join(7, Waiter{1, client})
		return map[[2]bool]string{{true, false}: "leads", {false, true}: "waits", {false, false}: "goes"}[[2]bool{leads, joined}]
	}
	for client, want := range []string{"leads", "waits", "waits", "waits"} {
		if got := join(uint64(client)); got != want {
			t.Errorf("client %d %s; want: %s", client, got, want)
		}
	}
	if leads, _ := f.Join(7+flightStripes, Waiter{1, 9}); !leads {
		t.Error("another read, behind the same lock, has to wait")
	}
	f.Leave(7, Waiter{1, 2})
	f.Leave(7, Waiter{2, 1}) // of another shard
	if got, want := f.Land(7), []Waiter{{1, 1}, {1, 3}}; !slices.Equal(got, want) {
		t.Errorf("woken are %v, want %v", got, want)
	}
	f.Leave(7, Waiter{1, 3}) // too late
	if got := join(5); got != "leads" {
		t.Errorf("the first after the landing %s", got)
	}
	if got := f.Land(7); len(got) != 0 {
		t.Errorf("woken are %v, of an earlier flight", got)
	}
	if got := f.Land(7 + flightStripes); len(got) != 0 {
		t.Errorf("woken are %v, of another read", got)
	}
}

func TestFlightsThatLandTwice(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	new(Flights).Land(1)
}

// At the bounds there is room for one more, past them for none: who comes goes itself.
func TestFlightsAreBounded(t *testing.T) {
	var f Flights
	for i := range uint64(maxFlights) {
		if leads, _ := f.Join(i*flightStripes, Waiter{}); !leads {
			t.Fatalf("flight %d of %d does not begin", i+1, maxFlights)
		}
	}
	if leads, joined := f.Join(maxFlights*flightStripes, Waiter{}); leads || joined {
		t.Error("there are more flights than may be")
	}
	if leads, _ := f.Join(1, Waiter{}); !leads {
		t.Error("flights behind another lock do not begin")
	}
	for i := range uint64(maxFlightWaiters) {
		if _, joined := f.Join(0, Waiter{Client: i}); !joined {
			t.Fatalf("waiter %d of %d may not wait", i+1, maxFlightWaiters)
		}
	}
	if leads, joined := f.Join(0, Waiter{Client: maxFlightWaiters}); leads || joined {
		t.Error("more wait than may")
	}
	if n := len(f.Land(0)); n != maxFlightWaiters {
		t.Errorf("%d are woken", n)
	}
	if leads, _ := f.Join(maxFlights*flightStripes, Waiter{}); !leads {
		t.Error("a flight that has landed leaves no room")
	}
}

// Of many that ask for few reads from several loops, one at a time leads, and everybody who waits is woken once, or has left.
func TestFlightsOfManyLoops(t *testing.T) {
	const reads, loops, rounds = 3, 4, 2000
	var (
		f       Flights
		wg      sync.WaitGroup
		mu      sync.Mutex
		waiting = map[Waiter]bool{}
	)
	for loop := range int32(loops) {
		wg.Go(func() {
			for i := range uint64(rounds) {
				w, hash := Waiter{loop, i}, i%reads
				mu.Lock()
				waiting[w] = true
				mu.Unlock()
				leads, joined := f.Join(hash, w)
				var woken []Waiter
				switch {
				case leads:
					woken = append(f.Land(hash), w)
				case !joined:
					woken = []Waiter{w}
				}
				mu.Lock()
				for _, w := range woken {
					if !waiting[w] {
						t.Errorf("%v is woken twice", w)
					}
					delete(waiting, w)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for hash := range uint64(reads) { // nobody leads any more
		if leads, _ := f.Join(hash, Waiter{-1, 0}); !leads {
			t.Errorf("somebody still leads read %d", hash)
		}
	}
	if len(waiting) != 0 {
		t.Errorf("%d were never woken", len(waiting))
	}
}

func TestFlightsWithoutWaitersDoNotAllocate(t *testing.T) {
	var f Flights
	if n := testing.AllocsPerRun(1000, func() { f.Join(3, Waiter{}); f.Land(3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
