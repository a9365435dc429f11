package looptest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// deadline: with nothing to tell, Wait returns at the deadline, not before, and at once if it has passed.
func deadline(r *rig) {
	r.attach()
	r.settle()
	for _, wait := range []time.Duration{-time.Hour, 0, time.Microsecond, 3 * time.Millisecond, 60 * time.Millisecond} {
		// Others may have the machine for a while: late more than a few times in a row is a bug.
		took := r.waits(wait)
		for tries := 5; took > max(wait, 0)+2*time.Second && tries > 0; tries-- {
			took = r.waits(wait)
		}
		if took > max(wait, 0)+2*time.Second {
			r.t.Fatalf("a wait of %v took %v", wait, took)
		}
	}
}

// waits waits where there is nothing to tell, and returns how long that took.
func (r *rig) waits(wait time.Duration) (took time.Duration) {
	r.t.Helper()
	start := time.Now()
	until := r.d.Now() + int64(wait)
	events, now := r.d.Wait(until)
	took = time.Since(start)
	r.d.Submit(nil)
	if len(events) != 0 {
		r.t.Fatalf("%d events out of nowhere", len(events))
	}
	// An interrupted Wait may return early, but that is rare: more than once in a row is a bug.
	if now < until {
		if _, now = r.d.Wait(until); now < until {
			r.t.Fatalf("returned %v before the deadline", time.Duration(until-now))
		}
		r.d.Submit(nil)
	}
	return took
}

// clock: Wait's times and Now's are one clock that never goes back.
func clock(r *rig) {
	last := r.d.Now()
	for range 200 {
		_, now := r.d.Wait(last)
		r.d.Submit(nil)
		after := r.d.Now()
		if now < last || after < now {
			r.t.Fatalf("clock went from %d to %d to %d", last, now, after)
		}
		last = after
	}
}

// wakeAsleep: Wake ends a Wait that has no deadline.
func wakeAsleep(r *rig) {
	r.attach()
	r.settle()
	for range 20 {
		before := r.woken
		timer := time.AfterFunc(2*time.Millisecond, r.d.Wake)
		for limit := time.Now().Add(patience); r.woken == before; {
			events, _ := r.d.Wait(loop.Never)
			for i := range events {
				r.step(&events[i])
			}
			r.d.Submit(nil)
			if time.Now().After(limit) {
				r.t.Fatal("never Woken")
			}
		}
		timer.Stop()
	}
}

// wakesNotLost: what a goroutine did before Wake is seen after a Woken event, whatever the loop was doing.
func wakesNotLost(r *rig) {
	r.echoes()
	l := r.attach()
	const goroutines, wakes = 4, 2000
	var mailbox atomic.Int64
	var running sync.WaitGroup
	for range goroutines {
		running.Go(func() {
			for range wakes {
				mailbox.Add(1)
				r.d.Wake()
			}
		})
	}
	defer running.Wait()
	seen := int64(0)
	for limit := time.Now().Add(patience); seen < goroutines*wakes; {
		if r.turns%3 == 0 {
			_, _ = l.far.Write([]byte("traffic"))
		}
		before, start := r.woken, time.Now()
		events, _ := r.d.Wait(r.d.Now() + int64(patience))
		if len(events) == 0 && time.Since(start) > patience*4/5 {
			r.t.Fatalf("slept with %d messages unseen", mailbox.Load()-seen)
		}
		r.turns++
		for i := range events {
			r.step(&events[i])
		}
		r.submit()
		if r.woken > before {
			seen = mailbox.Load()
		}
		_, _ = l.far.Read(make([]byte, 1000))
		if time.Now().After(limit) {
			r.t.Fatalf("saw %d of %d messages, %d Woken", seen, goroutines*wakes, r.woken)
		}
	}
}

// wakesCoalesce: many Wakes before a Wait are few Woken events, and one at least; then there is quiet.
func wakesCoalesce(r *rig) {
	for range 1000 {
		r.d.Wake()
	}
	r.until("Woken", func() bool { return r.woken > 0 })
	r.settle()
	if r.woken > 2 {
		r.t.Fatalf("1000 Wakes were %d events", r.woken)
	}
	before := r.woken
	r.d.Wake()
	r.until("Woken again", func() bool { return r.woken > before })
}

// wakeAfterClose: a goroutine that did not hear of the end may still call Wake and Now.
func wakeAfterClose(r *rig) {
	d := r.d
	r.close()
	d.Wake()
	d.Wake()
	d.Now()
}
