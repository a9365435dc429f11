//go:build linux

package uring

import (
	"errors"
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// Wait implements loop.Driver. What the last Submit has brought about is reported without a system call.
func (d *Driver) Wait(deadline int64) ([]loop.Event, int64) {
	d.bind()
	if d.reported { // and no Submit since
		d.turnPage()
		d.recyclePast()
		d.feed()
	}
	d.await(deadline)
	d.reported = true
	return d.events, d.Now()
}

func (d *Driver) await(deadline int64) {
	if d.gather() {
		return
	}
	now := d.Now()
	left := deadline - now
	if deadline == loop.Never {
		left = loop.Never
	}
	if looks := d.patience.looks(left); looks > 0 && d.ring.Linger(looks) {
		d.poll()
		if d.gather() {
			d.patience.found()
			return
		}
	}
	if left > 0 {
		d.sleep(left)
		d.patience.slept(d.Now() - now)
		d.gather()
	}
}

// gather takes over whatever has happened, and reports whether anything has.
func (d *Driver) gather() bool {
	if d.wake.take() {
		d.tell(loop.Event{Kind: loop.Woken})
	}
	d.reap()
	return len(d.events) > 0
}

// reap takes all completions. Acting on some may bring others.
func (d *Driver) reap() {
	for {
		n := d.ring.Reap(d.batch[:])
		d.count.completions += uint64(n)
		for i := range d.batch[:n] {
			d.complete(&d.batch[i])
		}
		if n > 0 {
			continue
		}
		if !d.ring.Overflown() {
			return
		}
		d.poll()
	}
}

func (d *Driver) complete(r *ring.Completion) {
	switch k, id := splitUserData(r.UserData); k {
	case ofReceive:
		d.received(id, r)
	case ofSend:
		d.sent(id, r)
	case ofKept:
		d.keptSent(int32(id), r)
	case ofAccept:
		d.accepted(id, r)
	case ofShutdown:
		d.shutDown(id)
	case ofWake:
		if !r.More() {
			d.armWake()
		}
	}
}

func (d *Driver) poll() {
	if err := d.ring.Poll(); err != nil && !errors.Is(err, ring.ErrBusy) {
		panic(fmt.Sprintf("bug: %v", err))
	}
}

// sleep blocks until something happens, somebody calls Wake, or the time has passed.
func (d *Driver) sleep(left int64) {
	if left == loop.Never {
		left = -1
	}
	if d.wake.fallAsleep() {
		d.block(left)
	}
	d.wake.awake()
}

func (d *Driver) block(nanos int64) {
	d.count.blocked++
	if err := d.ring.Block(nanos); err != nil && !errors.Is(err, ring.ErrBusy) {
		panic(fmt.Sprintf("bug: %v", err))
	}
}
