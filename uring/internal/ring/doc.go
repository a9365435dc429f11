// Package ring is io_uring as this program needs it: a pair of queues shared with the kernel, memory the kernel picks
// receive buffers from, and the operations of the driver, each prepared in one place.
//
// A ring belongs to one thread (SINGLE_ISSUER), and the kernel does the rest of an operation, such as copying what
// has arrived, only when that thread asks for it (DEFER_TASKRUN): nothing happens to the buffers or to the completion
// queue outside [Ring.Poll] and [Ring.Block].
//
// There are two implementations behind [Ring], and one conformance suite: the kernel's interface spoken directly,
// and, under build tag giouring, github.com/pawelgaczynski/giouring (docs/decisions/0001 says why it is not the
// default).
package ring
