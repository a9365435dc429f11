//go:build linux && giouring

package ring

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Name says which implementation New returns.
const Name = "giouring"

// New makes a ring on giouring, disabled. It needs -ldflags=-checklinkname=0.
func New(c Config) (Ring, error) { return NewGiouring(c) }

// Giouring is a ring on github.com/pawelgaczynski/giouring. What of it is used, and what had to be worked around, is
// said at each method; it is tested against the version that go.mod names.
type Giouring struct {
	ring   *giouring.Ring
	probe  *giouring.Probe
	thread int
	enters uint64
	wait   waitArg
}

var _ Ring = (*Giouring)(nil)

// NewGiouring sets a ring up. The fields of giouring.Params are not exported, so the completion queue cannot be sized:
// it is twice the submission queue, which is therefore made as long as it takes.
func NewGiouring(c Config) (*Giouring, error) {
	g := &Giouring{ring: giouring.NewRing()}
	if err := g.ring.QueueInit(max(c.Entries, c.Completions/2), SetupFlags&^setupCQSize); err != nil {
		return nil, fmt.Errorf("io_uring_setup: %w", err)
	}
	var err error
	if g.probe, err = g.ring.GetProbeRing(); err != nil {
		g.ring.QueueExit()
		return nil, fmt.Errorf("asking for the operations of io_uring: %w", err)
	}
	return g, nil
}

// Enable implements Ring. RegisterRingFd is not used: UnregisterRingFd refuses to undo it (its condition is inverted), so
// that the ring would live as long as the thread, and before Linux 6.3 every registration after it fails.
func (g *Giouring) Enable() error {
	if _, err := g.ring.EnableRings(); err != nil {
		return fmt.Errorf("enabling io_uring: %w", err)
	}
	g.thread = unix.Gettid()
	return nil
}

// Entry implements Ring. None of the library's Prepare functions is used: prepareRW leaves OpcodeFlags and Addr3 of the
// entry's last use in place, and several others pass wrong addresses. The layout is the kernel's in both.
func (g *Giouring) Entry() *Entry {
	e := (*Entry)(unsafe.Pointer(g.ring.GetSQE()))
	if e != nil {
		*e = Entry{}
	}
	return e
}

// Unsubmitted implements Ring.
func (g *Giouring) Unsubmitted() int { return int(g.ring.SQReady()) }

// Flush implements Ring.
func (g *Giouring) Flush() error { return g.enter(g.ring.Submit) }

// Poll implements Ring. The library tells the Go scheduler of every system call.
func (g *Giouring) Poll() error { return g.enter(g.ring.SubmitAndGetEvents) }

func (g *Giouring) enter(submit func() (uint, error)) error {
	for {
		g.enters++
		if _, err := submit(); !errors.Is(err, unix.EINTR) {
			return enteringError(err)
		}
	}
}

// Block implements Ring. SubmitAndWaitTimeout allocates at every call, so this submits and waits in two.
func (g *Giouring) Block(nanos int64) error {
	if g.Unsubmitted() > 0 {
		if err := g.Flush(); err != nil {
			return err
		}
	}
	g.wait.limit(nanos)
	g.enters++
	_, err := g.ring.Enter2(0, 1, enterGetEvents|enterExtArg, unsafe.Pointer(&g.wait), extArgBytes)
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ETIME) {
		return nil
	}
	return enteringError(err)
}

func enteringError(err error) error {
	if err == nil {
		return nil
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return entering(errno)
	}
	return err
}

// Reap implements Ring, one by one: PeekBatchCQE hands out stale pointers where the queue wraps.
func (g *Giouring) Reap(into []Completion) int {
	n := 0
	for ; n < len(into) && g.ring.CQReady() > 0; n++ {
		c, err := g.ring.PeekCQE()
		if err != nil {
			break
		}
		into[n] = Completion{UserData: c.UserData, Res: c.Res, Flags: c.Flags}
		g.ring.CQESeen(c)
	}
	return n
}

// Linger implements Ring: the library does not show the word that tells.
func (g *Giouring) Linger(int) bool { return true }

// Overflown implements Ring.
func (g *Giouring) Overflown() bool { return g.ring.CQHasOverflow() }

// RegisterFiles implements Ring, by the bare call: RegisterFilesSparse swallows its error, and RegisterFiles passes
// 8-byte numbers where the kernel reads 4.
func (g *Giouring) RegisterFiles(n int) error {
	table := giouring.RsrcRegister{Nr: uint32(n), Flags: giouring.RsrcRegisterSparse}
	_, errno := g.ring.Register(g.ring.RingFd(), giouring.RegisterFiles2, unsafe.Pointer(&table), uint32(unsafe.Sizeof(table)))
	if errno != 0 {
		return fmt.Errorf("registering a table of %d files: %w", n, errno)
	}
	return nil
}

// RegisterBuffers implements Ring. The ring of buffers is ours: the library's corrupts itself beyond 4,096 entries.
func (g *Giouring) RegisterBuffers(b *Buffers) error {
	reg := &giouring.BufReg{
		RingAddr:    uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b.mem)))),
		RingEntries: uint32(b.count),
		Bgid:        b.group,
	}
	if _, err := g.ring.RegisterBufferRing(reg, 0); err != nil {
		return fmt.Errorf("registering %d receive buffers: %w", b.count, err)
	}
	return nil
}

// Supports implements Ring.
func (g *Giouring) Supports(op uint8) bool { return g.probe.IsSupported(op) }

// Features implements Ring: none is used, see Enable; without its array of indexes the library overwrites the header of
// the ring.
func (g *Giouring) Features() Features { return 0 }

// Enters implements Ring. The library may enter more than once per call; that is not seen.
func (g *Giouring) Enters() uint64 { return g.enters }

// Close implements Ring.
func (g *Giouring) Close() error {
	if g.ring == nil {
		return nil
	}
	if g.thread == 0 || g.thread == unix.Gettid() {
		g.letGo()
	}
	g.ring.QueueExit()
	g.ring = nil
	return nil
}

func (g *Giouring) letGo() {
	cancel := &giouring.SyncCancelReg{Fd: -1, Flags: cancelAll | cancelAny}
	cancel.Timeout.Sec = 1
	g.ring.RegisterSyncCancel(cancel)
	g.ring.UnregisterFiles()
}
