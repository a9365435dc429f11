// Package uring drives an event loop by io_uring: the fast one of the drivers behind the contract of internal/loop.
//
// # A turn
//
// Under load a turn is one system call. [Driver.Submit] prepares what the core asked for, enters the kernel once,
// which sends while it is at it and receives what has arrived since, and takes the results over as the events of the
// next [Driver.Wait]. Only when there are none does Wait enter by itself: a few times without blocking, as long as
// that keeps finding something, and else to sleep.
//
// # A connection
//
//	           Attach                     Pause: cancel
//	unknown ───────────▶ receiving ◀───────────────────────▶ paused
//	                         │            Resume: arm
//	                         │ end of file: Ended; error: Failed
//	                         ▼
//	  Close, or Finish and peer done, or Detach ───────────▶ unknown
//
// Receiving is one multishot receive that fills buffers the kernel picks from a ring; it is armed again whenever the
// kernel ends it. Sending is one send for all that a turn sends to a connection, done inline while it is being
// submitted, without a completion. Only if it falls short the rest is copied, and goes out by one send at a time that
// waits for the socket ([kept]).
//
// Sockets live in the file table of the ring, at the index of their slot, so that they cost no descriptor. Every
// submission carries slot, generation and kind, never an address, so a late completion finds its connection or finds
// it gone.
package uring
