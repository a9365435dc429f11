//go:build linux

package uring

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// waker lets other goroutines end the loop's sleep. They leave a note; only if the loop sleeps, the eventfd is written
// to, on which the ring polls. A loop about to sleep says so first and looks for a note then; a waker leaves its note
// first and looks then whether the loop sleeps: one of them sees the other.
//
// The eventfd is never read. Its counter only grows (2^64 wakes are not to be lived through), and every write
// completes the poll once more.
type waker struct {
	note   atomic.Bool
	asleep atomic.Bool

	mu     sync.Mutex // held to write and to close: the number of a closed descriptor may be somebody else's
	fd     int
	opened bool
}

func (w *waker) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making an eventfd: %w", err)
	}
	w.fd, w.opened = fd, true
	return nil
}

func (w *waker) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.opened {
		return nil
	}
	w.opened = false
	return unix.Close(w.fd)
}

// take takes the note away, if there is one.
func (w *waker) take() bool { return w.note.Load() && w.note.Swap(false) }

// fallAsleep reports whether the loop may sleep.
func (w *waker) fallAsleep() bool {
	w.asleep.Store(true)
	return !w.note.Load()
}

func (w *waker) awake() { w.asleep.Store(false) }

// Wake implements loop.Driver.
func (d *Driver) Wake() {
	w := &d.wake
	if w.note.Swap(true) || !w.asleep.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.opened {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		unix.Write(w.fd, one[:])
	}
}

// armWake polls the eventfd.
func (d *Driver) armWake() {
	e := d.entry(ofWake, 0)
	e.Poll(ring.File{Index: int32(d.wake.fd)}, unix.EPOLLIN)
}
