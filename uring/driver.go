//go:build linux

package uring

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// Driver is the io_uring implementation of loop.Driver. It may be made anywhere; the goroutine that first calls Wait
// or Submit is locked to its thread, which the driver then belongs to until Close.
type Driver struct {
	ring    ring.Ring
	buffers *ring.Buffers
	fixed   bool // sockets are in the file table
	bound   bool // to a thread
	closed  bool

	conns []conn
	kept  keptTable
	arena arena
	turn  turn

	// What the next Wait reports, or the present turn works on, and which buffers that occupies; and both of the turn
	// before, to be used again.
	events, pastEvents []loop.Event
	lent, pastLent     []uint16
	starving           []loop.ID
	reported           bool
	batch              [64]ring.Completion

	wake     waker
	patience patience
	count    counters
}

var _ loop.Driver = (*Driver)(nil)

// bufferGroup is the only group of receive buffers.
const bufferGroup = 0

// New makes a driver, or says in an *Unavailable why there can be none.
func New(o Options) (*Driver, error) {
	o = o.withDefaults()
	var err error
	if o.without, err = probe(o.without, ring.SelfTest); err != nil {
		return nil, err
	}
	d := &Driver{}
	if err := d.open(o); err != nil {
		return nil, errors.Join(explain(err), d.Close())
	}
	return d, nil
}

func (d *Driver) open(o Options) (err error) {
	c := ring.Config{Entries: uint32(o.Entries), Completions: uint32(o.Completions), Without: o.without}
	if d.ring, err = ring.New(c); err != nil {
		return err
	}
	if err = d.openTable(o); err != nil {
		return err
	}
	if d.buffers, err = ring.NewBuffers(bufferGroup, o.Buffers, o.BufferBytes); err != nil {
		return err
	}
	if err = d.ring.RegisterBuffers(d.buffers); err != nil {
		return err
	}
	if err = d.arena.open(); err != nil {
		return err
	}
	d.events, d.pastEvents = make([]loop.Event, 0, o.Buffers), make([]loop.Event, 0, o.Buffers)
	d.lent, d.pastLent = make([]uint16, 0, o.Buffers), make([]uint16, 0, o.Buffers)
	return d.wake.open()
}

// openTable sizes the file table, which the kernel bounds by RLIMIT_NOFILE. Without a table the sockets keep their
// descriptors.
func (d *Driver) openTable(o Options) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading RLIMIT_NOFILE: %w", err)
	}
	n := int(min(uint64(o.Connections), limit.Cur))
	d.fixed = !o.plain && d.ring.RegisterFiles(n) == nil
	d.conns = make([]conn, n)
	return nil
}

// bind makes the driver the calling thread's.
func (d *Driver) bind() {
	if d.bound {
		return
	}
	runtime.LockOSThread()
	if err := d.ring.Enable(); err != nil {
		panic(fmt.Sprintf("bug: a ring that passed its self-test cannot be enabled: %v", err))
	}
	d.bound = true
	d.armWake()
}

// Capacity implements loop.Driver: Options.Connections, bounded by RLIMIT_NOFILE, which the kernel applies to the
// file table of each ring.
func (d *Driver) Capacity() int { return len(d.conns) }

var clockStart = time.Now()

// Now implements loop.Driver. All drivers of a process have the same clock.
func (d *Driver) Now() int64 { return int64(time.Since(clockStart)) }

// Close implements loop.Driver.
func (d *Driver) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	if d.ring != nil {
		d.closeAccepted()
		errs = append(errs, d.ring.Close())
	}
	d.closeDescriptors()
	loop.Untaken(d.events, func(fd int) { unix.Close(fd) })
	errs = append(errs, d.wake.close(), d.arena.close())
	if d.buffers != nil {
		errs = append(errs, d.buffers.Free())
	}
	if d.bound {
		runtime.UnlockOSThread()
	}
	return errors.Join(errs...)
}
