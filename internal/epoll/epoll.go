// Package epoll is the loop driver for Linux without io_uring: readiness from epoll, then raw recv and send.
//
// A connection is registered once, edge-triggered, for reading. An edge puts it in the ready queue, and it stays
// there until a receive came back short; so a turn that ends early, for lack of room in the arena, forgets
// nothing, and pausing and resuming cost no system call. Interest in writing is registered only while the
// socket refuses bytes.
//
//	edge ──▶ ready queue ──recv──▶ Received            short: out of the queue until the next edge
//	              ▲                   │ full: again next turn, behind the others
//	              └───────────────────┘
//	Send ──gather──▶ send ──short──▶ kept, Congested ──edge──▶ send ──▶ Drained
//
// Listening sockets are registered level-triggered, and for one of the loops that listen (EPOLLEXCLUSIVE): a turn accepts
// a bounded number of clients, and what is left is reported again.
//
// One turn is one epoll_wait, and one recv and one send for each connection that has something: a busy
// connection gets at most MaxReceive bytes a turn. The system calls are raw, as nothing in them waits, except for
// the one that blocks when there is nothing to do: a raw call that blocked would hold up the garbage collector,
// and a blocking call where there is work costs a hand-off of the processor each time (10 % measured).
package epoll

const (
	// DefaultConnections bounds Capacity where RLIMIT_NOFILE does not; its slab is 20 MiB of address space, touched
	// only as far as slots are used.
	DefaultConnections = 1 << 20
	// DefaultArena is what one turn may receive over all connections: enough for 1,000 connections with a query each,
	// or 16 with a full receive, and little enough to stay in the second-level cache when it is not full.
	DefaultArena = 1 << 20
	// MaxReceive is what one connection may receive in a turn.
	MaxReceive = 64 << 10
)

// Options is what New can be told. The zero value is the default.
type Options struct {
	// Connections bounds Capacity. 0: DefaultConnections. RLIMIT_NOFILE bounds it too.
	Connections int
	// Arena is the bytes one turn may receive, at least MaxReceive. 0: DefaultArena.
	Arena int
}

// Stats counts what a driver has done. The system calls are their sum: Polls, Sleeps, Receives, Sends, Controls,
// Closes and Accepts.
type Stats struct {
	Turns    uint64 // Wait was called
	Polls    uint64 // epoll_wait that returned at once
	Sleeps   uint64 // epoll_wait that could block
	Receives uint64
	Sends    uint64
	Controls uint64 // epoll_ctl and shutdown
	Closes   uint64
	Accepts  uint64

	BytesReceived, BytesSent uint64
}

// Syscalls is their number, all kinds together.
func (s Stats) Syscalls() uint64 {
	return s.Polls + s.Sleeps + s.Receives + s.Sends + s.Controls + s.Closes + s.Accepts
}
