package epoll

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// wakeMark is the slot an epoll event of the waker carries: above every capacity.
const wakeMark = -1

// waker lets any goroutine interrupt the loop. The flag alone does while the loop is running; the eventfd is
// written only if the loop is asleep, or about to be:
//
//	Wake:  pending = true;  is it asleep?  then write
//	sleep: asleep = true;   is it pending? then do not sleep
//
// Whichever comes second sees the other. The eventfd is registered edge-triggered, where every write is an
// edge, so nobody has to read it.
type waker struct {
	pending, asleep atomic.Bool

	mu sync.Mutex // held while writing, so that Close does not give the number to somebody else meanwhile
	fd int
}

func (w *waker) open(epfd int) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("opening eventfd: %w (is RLIMIT_NOFILE high enough?)", err)
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeMark}
	if errno := control(epfd, unix.EPOLL_CTL_ADD, int32(fd), &e); errno != 0 {
		unix.Close(fd)
		return fmt.Errorf("registering eventfd: %w", errno)
	}
	w.fd = fd
	return nil
}

// Wake makes a present or the next Wait return with a Woken event.
func (w *waker) Wake() {
	if w.pending.Swap(true) || !w.asleep.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd >= 0 {
		one := [8]byte{0: 1}
		_, _ = unix.Write(w.fd, one[:]) // at the counter's maximum it would fail: after 2^64 wakes
	}
}

// taken reports whether somebody woke the loop since it was last asked. What a waker did before Wake is visible
// after it.
func (w *waker) taken() bool { return w.pending.Load() && w.pending.Swap(false) }

func (w *waker) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	unix.Close(w.fd)
	w.fd = -1
}
