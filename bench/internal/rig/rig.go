// Package rig is the stage on which the benchmark's programs stand: one event loop on a thread of its own, the
// connections it holds, and the handlers that are told what happens to them. It runs on the drivers of the pooler
// itself, so that what is measured against each other waits, sends and receives in the same way.
package rig

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Handler is told what happens to its connections. It is called on the loop's thread.
type Handler interface {
	// Opened tells of a new connection; receiving has begun.
	Opened(id loop.ID)
	// Step tells an event of an open connection. After Ended and Failed the connection is closed by the rig.
	Step(e *loop.Event)
}

// Rig is one event loop: a loop.Core that shares connections out among handlers.
type Rig struct {
	driver  loop.Driver
	name    string
	conns   []conn
	free    []uint32
	ops     []loop.Op
	now     int64
	scratch []byte
	stopped bool
	ended   chan struct{}

	mu   sync.Mutex
	todo []func() // what other goroutines want done on the loop
}

// conn is what the rig knows of a slot.
type conn struct {
	handler Handler // nil: free
	gen     uint32
}

// New makes a rig on the named driver: auto, io_uring or epoll. Capacity bounds its connections.
func New(driver string, capacity int) (*Rig, error) {
	d, name, err := newDriver(driver, capacity)
	if err != nil {
		return nil, err
	}
	r := &Rig{driver: d, name: name, ended: make(chan struct{})}
	capacity = min(capacity, d.Capacity())
	r.conns = make([]conn, capacity)
	for slot := capacity - 1; slot >= 0; slot-- {
		r.free = append(r.free, uint32(slot))
	}
	return r, nil
}

// DriverName is the driver that runs the loop.
func (r *Rig) DriverName() string { return r.name }

// Run starts the loop on a thread of its own. The Go runtime needs a P more than there are CPUs for it: a loop that
// wakes while every P is taken waits for milliseconds.
func (r *Rig) Run() {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	go func() {
		runtime.LockOSThread()
		defer close(r.ended)
		defer r.driver.Close()
		loop.Run(r, r.driver, func(int) {})
	}()
}

// Stop ends the loop and closes its connections.
func (r *Rig) Stop() {
	r.Post(func() { r.stopped = true })
	<-r.ended
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
}

// Post has f run on the loop's thread. Any goroutine may call it.
func (r *Rig) Post(f func()) {
	r.mu.Lock()
	r.todo = append(r.todo, f)
	r.mu.Unlock()
	r.driver.Wake()
}

// Call is Post that waits until f has run.
func (r *Rig) Call(f func()) {
	done := make(chan struct{})
	r.Post(func() { f(); close(done) })
	<-done
}

// Adopt takes the socket of c for a handler and closes c. The rig's, whatever comes.
func (r *Rig) Adopt(c net.Conn, h Handler) error {
	fd, err := detach(c)
	if err != nil {
		return err
	}
	full := false
	r.Call(func() { full = !r.open(fd, h) })
	if full {
		unix.Close(fd)
		return fmt.Errorf("no room for more than %d connections", len(r.conns))
	}
	return nil
}

// detach takes the descriptor out of Go's hands. File().Fd() would make it blocking.
func detach(c net.Conn) (fd int, err error) {
	defer c.Close()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("taking the socket: %w", err)
	}
	var dupErr error
	err = raw.Control(func(s uintptr) { fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return 0, fmt.Errorf("taking the socket: %w", err)
	}
	return fd, nil
}

// open attaches a descriptor; false if there is no slot.
func (r *Rig) open(fd int, h Handler) bool {
	if len(r.free) == 0 {
		return false
	}
	slot := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	c := &r.conns[slot]
	c.handler = h
	c.gen = c.gen%loop.MaxGen + 1
	id := loop.MakeID(slot, c.gen)
	r.ops = append(r.ops, loop.Op{Kind: loop.Attach, Conn: id, FD: int32(fd)})
	h.Opened(id)
	return true
}

// Now is the time of this turn, in nanoseconds.
func (r *Rig) Now() int64 { return r.now }

// Capacity is the number of slots.
func (r *Rig) Capacity() int { return len(r.conns) }

// Send sends b, which must not change before the turn ends.
func (r *Rig) Send(id loop.ID, b []byte) {
	r.ops = append(r.ops, loop.Op{Kind: loop.Send, Conn: id, Data: b})
}

// Scratch is memory to build a message of this turn in: append to it and give the result to Keep.
func (r *Rig) Scratch() []byte { return r.scratch[len(r.scratch):] }

// Keep keeps b, grown from Scratch, until the turn ends.
func (r *Rig) Keep(b []byte) {
	if cap(b) > cap(r.scratch)-len(r.scratch) {
		r.scratch = b // it has moved; what was kept in the old memory stays there
		return
	}
	r.scratch = r.scratch[:len(r.scratch)+len(b)]
}

// Pause and Resume stop and start receiving.
func (r *Rig) Pause(id loop.ID) { r.ops = append(r.ops, loop.Op{Kind: loop.Pause, Conn: id}) }

// Resume receives again.
func (r *Rig) Resume(id loop.ID) { r.ops = append(r.ops, loop.Op{Kind: loop.Resume, Conn: id}) }

// Close closes a connection; nothing more is told of it.
func (r *Rig) Close(id loop.ID) {
	c := &r.conns[id.Slot()]
	if c.handler == nil || c.gen != id.Gen() {
		return
	}
	c.handler = nil
	r.free = append(r.free, id.Slot())
	r.ops = append(r.ops, loop.Op{Kind: loop.Close, Conn: id})
}

// Stopped reports that Stop was called.
func (r *Rig) Stopped() bool { return r.stopped }

// Deadline is never: whoever wants to be on time posts.
func (r *Rig) Deadline() int64 { return loop.Never }

// Tick begins a turn.
func (r *Rig) Tick(now int64) {
	r.now = now
	r.scratch = r.scratch[:0]
}

// Step passes an event to the handler of its connection.
func (r *Rig) Step(e *loop.Event) {
	if e.Kind == loop.Woken {
		r.doPosted()
		return
	}
	c := &r.conns[e.Conn.Slot()]
	if c.handler == nil || c.gen != e.Conn.Gen() {
		return
	}
	c.handler.Step(e)
	if e.Kind == loop.Ended || e.Kind == loop.Failed {
		r.Close(e.Conn)
	}
}

// doPosted does what was posted.
func (r *Rig) doPosted() {
	r.mu.Lock()
	todo := r.todo
	r.todo = nil
	r.mu.Unlock()
	for _, f := range todo {
		f()
	}
}

// Ops hands over what the handlers want done.
func (r *Rig) Ops() []loop.Op {
	ops := r.ops
	r.ops = r.ops[:0]
	return ops
}
