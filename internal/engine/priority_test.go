package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Clients of a higher priority are served first, but nobody is overtaken by one that came 5 s later (10 s, from low to
// high), however many there are.
func TestPriority(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	busy := r.client("busy")
	r.says(busy, "begin")
	low := r.attach("low", Client{Priority: PriorityLow})
	normal := r.client("normal")
	r.says(low, "select low")
	r.says(normal, "select normal")
	r.pass(5*time.Second - 1)
	early := r.attach("early", Client{Priority: PriorityHigh})
	r.says(early, "select early")
	r.pass(2)
	late := r.attach("late", Client{Priority: PriorityHigh})
	r.says(late, "select late")
	r.note("early overtakes normal, late does not; both overtake low")
	r.says(busy, "commit")
	r.compare()
}

// A flood of high priority on another loop does not starve a client of low priority: it is served within 10 s and what it
// takes to move a server.
func TestPriorityDoesNotStarve(t *testing.T) {
	for _, shards := range []int{1, 2} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			r := newRig(t, shards, onePool(1))
			r.quiet = true
			var high []*rigSocket
			for i := range 8 {
				high = append(high, r.attach(fmt.Sprint("high ", i), Client{Priority: PriorityHigh}))
			}
			low := r.attach("low", Client{Priority: PriorityLow})
			for _, c := range high {
				r.says(c, "begin")
			}
			since := r.now
			r.says(low, "select low")
			// Each holds the server for 100 ms, and asks again at once: 800 ms of them wait at any time.
			for turn := 0; r.now-since < int64(time.Minute); turn++ {
				c := high[turn%len(high)]
				r.pass(100 * time.Millisecond)
				r.says(c, "commit")
				r.says(c, "begin")
				if slices.Contains(r.servers[0].queries, "select low") {
					break
				}
			}
			waited := time.Duration(r.now - since)
			if waited < 9*time.Second || waited > 12*time.Second {
				t.Errorf("it waited for %v", waited)
			}
		})
	}
}

// query_wait_timeout is that of each, whatever its place.
func TestPriorityAndQueryWaitTimeout(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout = 10 * time.Second
	r := newRig(t, 1, p)
	busy := r.client("busy")
	r.says(busy, "begin")
	for i, priority := range []Priority{PriorityLow, PriorityHigh, PriorityNormal, PriorityLow} {
		c := r.attach(fmt.Sprint(i), Client{Priority: priority})
		r.says(c, "select 1")
		r.pass(time.Second)
	}
	r.pass(6*time.Second - 1)
	for range 4 {
		r.pass(1)
		r.pass(time.Second - 1)
	}
	r.compare()
}

func TestPrioritiesInTheQueue(t *testing.T) {
	if Priority(0).queue() != PriorityNormal.queue() || PriorityHigh.queue() == PriorityLow.queue() {
		t.Error("priorities are confused")
	}
}
