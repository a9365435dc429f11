//go:build linux

package ring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	enterGetEvents  = 1 << 0
	enterExtArg     = 1 << 3
	enterRegistered = 1 << 4
	enterNoIOWait   = 1 << 7
)

// waitArg is struct io_uring_getevents_arg and the time it points to.
type waitArg struct {
	sigmask     uint64
	sigmaskSize uint32
	_           uint32
	timeout     uint64
	time        [2]int64 // struct __kernel_timespec
}

const extArgBytes = 24

// limit sets the time to wait; negative: no limit. The argument points to itself, and so must be on the heap.
func (w *waitArg) limit(nanos int64) {
	w.timeout = 0
	if nanos >= 0 {
		w.time = [2]int64{nanos / 1e9, nanos % 1e9}
		w.timeout = uint64(uintptr(unsafe.Pointer(&w.time)))
	}
}

// rawSubmissions is how many submissions may be performed without the Go scheduler's knowledge. A send takes some 3 µs,
// and all the while the collector could not stop this thread: so this bounds a pause to about half a millisecond.
const rawSubmissions = 128

// Flush implements Ring.
func (k *Kernel) Flush() error { return k.enterNow(0) }

// Poll implements Ring.
func (k *Kernel) Poll() error { return k.enterNow(enterGetEvents) }

// enterNow enters and must not block, as the Go scheduler is not told, unless much is to be done: it never asks for
// completions.
func (k *Kernel) enterNow(flags uintptr) error {
	for {
		submit := k.publish()
		k.enters.Add(1)
		call := unix.RawSyscall6
		if submit > rawSubmissions {
			call = unix.Syscall6
		}
		_, _, errno := call(unix.SYS_IO_URING_ENTER, k.enter, submit, 0, flags|k.enterReg, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		return entering(errno)
	}
}

// Block implements Ring.
func (k *Kernel) Block(nanos int64) error {
	k.wait.limit(nanos)
	submit := k.publish()
	k.enters.Add(1)
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, k.enter, submit, 1, k.enterWait|k.enterReg,
		uintptr(unsafe.Pointer(&k.wait)), extArgBytes)
	if errno == unix.EINTR || errno == unix.ETIME {
		return nil
	}
	return entering(errno)
}

// publish shows the kernel what has been prepared, and counts it.
func (k *Kernel) publish() uintptr {
	atomic.StoreUint32(k.sqTail, k.prepared)
	return uintptr(k.prepared - atomic.LoadUint32(k.sqHead))
}

// ErrBusy is a passing shortage: of memory for requests, or of room for completions. Reap and try again.
var ErrBusy = errors.New("the kernel is short of memory for io_uring requests")

func entering(errno unix.Errno) error {
	switch errno {
	case 0:
		return nil
	case unix.EAGAIN, unix.EBUSY, unix.ENOMEM:
		return ErrBusy
	}
	return fmt.Errorf("io_uring_enter: %w", errno)
}

// Enters implements Ring.
func (k *Kernel) Enters() uint64 { return k.enters.Load() }
