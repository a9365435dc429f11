//go:build linux

package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// params is struct io_uring_params.
type params struct {
	entries, completions uint32
	flags                uint32
	_                    [2]uint32 // the kernel-side polling thread, not used
	features             uint32
	_                    [4]uint32
	sq                   struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

const (
	setupCQSize       = 1 << 3
	setupClamp        = 1 << 4
	setupDisabled     = 1 << 6
	setupSubmitAll    = 1 << 7
	setupTaskrunFlag  = 1 << 9
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13
	setupNoArray      = 1 << 16

	// SetupFlags of every ring. Kernels before 6.1 refuse DEFER_TASKRUN; on them io_uring is slower than epoll, so
	// there is no second choice of flags. A ring starts disabled, so that it can be made on one thread and belong to
	// another: the one that enables it. With TASKRUN_FLAG a word in memory tells that the kernel has something to do, so
	// that looking is no system call. What newer kernels have on top is in Features.
	SetupFlags = setupCQSize | setupClamp | setupDisabled | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun | setupTaskrunFlag

	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1
	featExtArg     = 1 << 8
	featCQESkip    = 1 << 11
	featNoIOWait   = 1 << 17
	featsNeeded    = featSingleMmap | featNoDrop | featExtArg | featCQESkip

	offsetRings   = 0
	offsetEntries = 0x10000000

	sqOverflown = 1 << 1
	sqTaskrun   = 1 << 2
)

// Kernel is the ring that speaks to the kernel itself.
type Kernel struct {
	fd        int
	used      Features
	without   Features
	enter     uintptr // the descriptor to enter by: registered, once enabled
	enterReg  uintptr // flag that says so
	enterWait uintptr // flags of an enter that blocks
	thread    int     // which enabled the ring; 0: none yet
	rings     []byte  // both queues
	entryMem  []byte

	sqHead, sqTail, sqFlags *uint32
	entries                 []Entry
	prepared                uint32 // entries handed out; published as the tail when entering
	cqHead, cqTail          *uint32
	cqes                    []Completion

	enters atomic.Uint64
	wait   waitArg // read by the kernel during Block
	known  [256]bool
}

var _ Ring = (*Kernel)(nil)

// NewKernel sets a ring up, disabled.
func NewKernel(c Config) (*Kernel, error) {
	if c.Without&NoArray != 0 {
		return newKernel(c, 0)
	}
	return newKernel(c, setupNoArray)
}

// newKernel sets a ring up with flags of newer kernels, or, where those are unknown, without.
func newKernel(c Config, newer uint32) (*Kernel, error) {
	p := params{completions: c.Completions, flags: SetupFlags | newer}
	fd, errno := setUp(c.Entries, &p)
	if errno == unix.EINVAL {
		p = params{completions: c.Completions, flags: SetupFlags}
		fd, errno = setUp(c.Entries, &p)
	}
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	k := &Kernel{fd: int(fd), without: c.Without, enter: fd, enterWait: enterGetEvents | enterExtArg}
	if err := k.open(&p); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

func setUp(entries uint32, p *params) (fd uintptr, errno unix.Errno) {
	fd, _, errno = unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	return fd, errno
}

func (k *Kernel) open(p *params) error {
	if p.features&featsNeeded != featsNeeded {
		return fmt.Errorf("io_uring_setup: features %#x, need %#x: %w", p.features, uint32(featsNeeded), unix.EINVAL)
	}
	if p.features&featNoIOWait != 0 && k.without&NoIOWait == 0 {
		k.used |= NoIOWait
		k.enterWait |= enterNoIOWait
	}
	if err := k.mapQueues(p); err != nil {
		return err
	}
	return k.probe()
}

func (k *Kernel) mapQueues(p *params) error {
	// Where there is no array its offset is 0.
	bytes := max(int(p.sq.array)+int(p.entries)*4, int(p.cq.cqes)+int(p.completions)*int(unsafe.Sizeof(Completion{})))
	var err error
	if k.rings, err = k.mapRing(offsetRings, bytes); err != nil {
		return err
	}
	if k.entryMem, err = k.mapRing(offsetEntries, int(p.entries)*int(unsafe.Sizeof(Entry{}))); err != nil {
		return err
	}
	word := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&k.rings[offset])) }
	k.sqHead, k.sqTail, k.sqFlags = word(p.sq.head), word(p.sq.tail), word(p.sq.flags)
	k.cqHead, k.cqTail = word(p.cq.head), word(p.cq.tail)
	k.entries = unsafe.Slice((*Entry)(unsafe.Pointer(&k.entryMem[0])), p.entries)
	k.cqes = unsafe.Slice((*Completion)(unsafe.Pointer(&k.rings[p.cq.cqes])), p.completions)
	if p.flags&setupNoArray != 0 {
		k.used |= NoArray
		return nil
	}
	// The queue proper is an array of indexes into the entries; ours never changes.
	order := unsafe.Slice(word(p.sq.array), p.entries)
	for i := range order {
		order[i] = uint32(i)
	}
	return nil
}

func (k *Kernel) mapRing(offset int64, bytes int) ([]byte, error) {
	m, err := unix.Mmap(k.fd, offset, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("mapping the queues of io_uring: %w", err)
	}
	return m, nil
}

// Close implements Ring.
func (k *Kernel) Close() error {
	if k.fd < 0 {
		return nil
	}
	if k.thread == 0 || k.thread == unix.Gettid() {
		k.letGo()
	}
	for _, m := range [][]byte{k.rings, k.entryMem} {
		if m != nil {
			unix.Munmap(m)
		}
	}
	err := unix.Close(k.fd)
	k.fd, k.rings, k.entryMem = -1, nil, nil
	return err
}
