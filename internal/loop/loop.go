// Package loop is the contract between a core, which decides, and a driver, which performs.
//
// A core is a single-threaded state machine: it is told what happened (Step, Tick) and answers with
// operations (Ops). It has no clock, no sockets, no locks and no goroutines. A driver owns the sockets and
// the clock of one event loop. The whole loop is [Run]:
//
//	for !core.Stopped() {
//	    events, now := driver.Wait(core.Deadline())
//	    core.Tick(now)
//	    for i := range events { core.Step(&events[i]) }
//	    driver.Submit(core.Ops())
//	}
//
// One pass is a turn. Three drivers stand behind the contract: io_uring (package uring), epoll
// (internal/epoll) and a simulated one (internal/sim). A suite that all of them pass is in internal/loop/looptest.
//
// # Who owns the bytes
//
// Event.Data belongs to the driver and is valid until the Submit that ends the turn returns; a core that wants
// it longer copies it. Op.Data must stay unchanged until that same Submit returns, and no longer: a driver that
// could not send all of it keeps a copy of the rest. So bytes received in a turn can be sent on in that turn
// without being copied, and nobody counts references.
package loop

import "math"

// Never is the deadline of a core that waits for events only.
const Never = int64(math.MaxInt64)

// ID names one connection of one loop: a slot, reused, and the slot's generation, so that what is said of a
// closed connection is never taken for its successor. The upper 8 bits are zero and free for drivers to mark.
type ID uint64

// MaxGen is the largest generation of a slot; the core starts again at 1 after it. Zero is never used, so the
// zero ID names nothing.
const MaxGen = 1<<24 - 1

// MakeID composes an ID.
func MakeID(slot, gen uint32) ID { return ID(uint64(gen&MaxGen)<<32 | uint64(slot)) }

// Slot is the index of the connection, counted from 0, below the Capacity of the driver.
func (id ID) Slot() uint32 { return uint32(id) }

// Gen is the slot's generation, 1 to MaxGen.
func (id ID) Gen() uint32 { return uint32(id>>32) & MaxGen }

// EventKind says what happened to a connection.
type EventKind uint8

const (
	// Received: bytes came. Data is never empty.
	Received EventKind = iota + 1
	// Ended: the peer will send no more (end of file). Comes once, after the last Received.
	Ended
	// Failed: the connection broke; Errno says why. Nothing comes after it, nothing can be sent. Comes once. A
	// connection reports Ended, Failed, or Ended and then Failed.
	Failed
	// Congested: the socket took less than was sent; the driver keeps the rest and goes on sending it. More may
	// be sent and is queued behind it, without bound: the core must pause where it comes from.
	Congested
	// Drained: what was kept since Congested has been sent.
	Drained
	// Detached answers Detach: FD is the caller's again. Data holds bytes that came before the detachment and
	// were not reported; it is normally empty.
	Detached
	// Woken: somebody called Wake. Conn is zero.
	Woken
	// Accepted: a client has connected to the listening socket Conn. FD is the client's, non-blocking and close-on-exec;
	// a core that takes it writes Taken here.
	Accepted
)

// Event is one thing that happened.
type Event struct {
	Kind  EventKind
	Errno int32 // with Failed: the system's error number
	FD    int32 // with Detached and Accepted; a core that takes it writes Taken here
	Conn  ID
	Data  []byte
}

// OpKind says what a core wants done.
type OpKind uint8

const (
	// Attach takes over FD, a connected, non-blocking stream socket, as connection Conn, and begins receiving. The
	// driver may close FD once it holds the socket otherwise, unless KeepFD is set.
	Attach OpKind = iota + 1
	// Send sends Data. Several Sends to one connection in one turn arrive in order; none overtakes what is kept
	// from before. A Send to a failed or unknown connection is dropped.
	Send
	// Pause stops receiving; bytes already on their way up may still be reported in the next turns.
	Pause
	// Resume receives again.
	Resume
	// Finish sends what is kept, then closes. No events follow, whatever becomes of it. The core follows it with
	// Close when its patience ends.
	Finish
	// Close closes at once and forgets what is kept. No events follow. Closing what is closed does nothing.
	Close
	// Detach stops receiving and gives the socket back in a Detached event. Only for connections attached with
	// KeepFD, with nothing kept unsent. If the connection ends or fails meanwhile, the descriptor still comes with
	// Detached and its new owner will notice.
	Detach
	// Listen accepts from FD, a listening, non-blocking stream socket, as connection Conn: an Accepted for each client that
	// connects. Other loops, and other processes, may accept from the same socket. FD stays the caller's, who keeps it
	// open until this has ended, in one of three ways. Detach: what is accepted by then is told, and then Detached, whose
	// FD is Taken. Close: at once; what was accepted and has not been told is closed. Failed: there is no descriptor or no
	// memory for another client (EMFILE, ENFILE, ENOBUFS, ENOMEM), or the socket is none to accept from; clients wait in
	// the kernel's queue, and the core does Close and, when some time has passed, Listen again: drivers do not wait. What
	// went wrong with one client alone (ECONNABORTED) is not told. Other operations on Conn are bugs.
	Listen
)

// Op is one thing to do.
type Op struct {
	Kind   OpKind
	KeepFD bool  // with Attach: the descriptor stays open, so that Detach can give it back
	FD     int32 // with Attach and Listen
	Conn   ID
	Data   []byte // with Send
	Layer  Layer  // with Attach: what stands between the socket's bytes and the core's; nil: nothing
}

// Layer stands between the bytes of a socket and those that a core sends and receives: TLS, after its handshake
// (package internal/secure). One goroutine at a time uses it. It outlives a Detach: attach the socket with it again.
type Layer interface {
	// Open takes bytes of the socket and appends what they carry to plain. ended: the peer has said, inside the layer,
	// that it will send no more. An error is final.
	Open(cipher, plain []byte) (out []byte, ended bool, err error)
	// Seal appends to cipher what carries b, and whatever the layer itself has to say before it. An error is final.
	Seal(cipher, b []byte) ([]byte, error)
	// Own appends to cipher what the layer itself has to say: alerts, key updates. Often nothing.
	Own(cipher []byte) []byte
	// End appends to cipher what tells the peer that no more is sent.
	End(cipher []byte) []byte
}

// Core is what a driver drives.
type Core interface {
	// Stopped reports that the loop may end.
	Stopped() bool
	// Deadline is when Tick wants to be called at the latest, in the driver's clock; Never for no deadline.
	Deadline() int64
	// Tick tells the time, in nanoseconds of a clock that never goes back.
	Tick(now int64)
	// Step tells one event. Events of one connection come in order.
	Step(e *Event)
	// Ops returns what to do, in order, and forgets it. The slice is the core's, valid until the next Step or Tick.
	Ops() []Op
}

// Driver performs. All methods but Wake and Now are called from the one thread that drives the loop. Wait and
// Submit take turns.
type Driver interface {
	// Wait returns what has happened, at least one event unless the deadline has passed or the wait was
	// interrupted, and the time now. The slice and its Data are valid until Submit returns.
	Wait(deadline int64) ([]Event, int64)
	// Submit performs the operations. What they bring about is told by the next Wait.
	Submit(ops []Op)
	// Wake makes a present or the next Wait return with a Woken event. Any goroutine may call it, also after Close.
	Wake()
	// Now is the clock Wait returns. Any goroutine may call it.
	Now() int64
	// Capacity is the number of connections the driver can hold at once; slots are below it.
	Capacity() int
	// Close closes every connection and the driver itself, and the descriptors of Detached and Accepted events that Wait has
	// not returned; listening sockets stay open.
	Close() error
}

// Timed is a core that wants to know how long its turns take, from Wait to the end of Submit.
type Timed interface {
	// Turned tells of one turn, in nanoseconds.
	Turned(took int64)
}

// Taken is the FD of a Detached or Accepted event whose descriptor the core has made its own.
const Taken = -1

// Run drives the core until it stops. Descriptors of Detached and Accepted events that the core has not taken then, also
// because it panics, are given to lost.
func Run(c Core, d Driver, lost func(fd int)) {
	var events []Event
	var now int64
	timed, _ := c.(Timed)
	defer func() { Untaken(events, lost) }()
	for !c.Stopped() {
		events, now = d.Wait(c.Deadline())
		c.Tick(now)
		for i := range events {
			c.Step(&events[i])
		}
		d.Submit(c.Ops())
		if timed != nil {
			timed.Turned(d.Now() - now)
		}
	}
}

// Untaken gives the descriptors of Detached and Accepted events that nobody has taken to lost.
func Untaken(events []Event, lost func(fd int)) {
	for i := range events {
		if e := &events[i]; (e.Kind == Detached || e.Kind == Accepted) && e.FD != Taken {
			lost(int(e.FD))
			e.FD = Taken
		}
	}
}
