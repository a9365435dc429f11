//go:build linux

package ring

// Ring is a submission queue, a completion queue and the tables that belong to them. All methods but Close, and
// the registrations before Enable, are called on the thread that called Enable.
type Ring interface {
	// Enable binds the ring to the calling thread, which must be locked to its goroutine (runtime.LockOSThread) until
	// Close. Tables and buffers are registered before, from any thread.
	Enable() error
	// Entry returns a zeroed entry to prepare, nil if the queue is full. It is submitted, in order, by the next Flush,
	// Poll or Block.
	Entry() *Entry
	// Unsubmitted counts the entries prepared and not yet submitted.
	Unsubmitted() int
	// Flush submits, and leaves everything else for later. It does not block.
	Flush() error
	// Poll submits and lets the kernel do what has become possible. It does not block, and holds on to the processor
	// meanwhile: the Go scheduler is not told.
	Poll() error
	// Linger looks so many times, each about a nanosecond, whether a Poll would bring something, and reports as soon as
	// it would.
	Linger(looks int) bool
	// Block submits and waits until there is a completion, a signal comes, or the time has passed; negative: no limit.
	// It returns nil in each case.
	Block(nanos int64) error
	// Reap takes completions out of the queue, as many as there are and the slice holds.
	Reap(into []Completion) int
	// Overflown reports that the kernel holds completions back because the queue was full; a Poll brings them.
	Overflown() bool
	// RegisterFiles makes a file table of n empty slots.
	RegisterFiles(n int) error
	// RegisterBuffers tells the kernel of a ring of buffers; see NewBuffers.
	RegisterBuffers(b *Buffers) error
	// Supports reports that the kernel knows the operation.
	Supports(op uint8) bool
	// Features are those in use; RegisteredRing from Enable on.
	Features() Features
	// Enters counts the io_uring_enter calls. Only the ring's thread may ask.
	Enters() uint64
	// Close cancels what is under way, closes what the file table holds, and frees the ring. Called on the ring's own
	// thread it has all happened on return; from elsewhere, or if the thread has ended, some time later.
	Close() error
}

// Config sizes a ring.
type Config struct {
	// Entries and Completions are the lengths of the queues, powers of 2.
	Entries, Completions uint32
	// Without are the features not to be used even where they can be had.
	Without Features
}
