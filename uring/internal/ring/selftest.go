//go:build linux

package ring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrMissing: the kernel lacks something.
var ErrMissing = errors.New("the kernel lacks an operation")

// SelfTest makes a ring and has it do, in small, what the driver does in earnest. A kernel, a sandbox or an emulation
// that accepts the calls but does something else is found out here. Features can be left out.
func SelfTest(without Features) error {
	result := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and whatever might still be tied to it ends too.
		runtime.LockOSThread()
		result <- selfTest(without)
	}()
	return <-result
}

func selfTest(without Features) error {
	r, err := New(Config{Entries: selfTestEntries, Completions: 16, Without: without})
	if err != nil {
		return err
	}
	t := tester{ring: r}
	err = t.run()
	return errors.Join(err, r.Close(), t.free())
}

// tester talks to itself through a socketpair: out is a descriptor, in is slot 1 of the file table.
type tester struct {
	ring    Ring
	buffers *Buffers
	mem     []byte // for what the kernel reads: a goroutine's stack may move
	pair    [2]int
	event   int
	got     []Completion
}

const (
	selfTestEntries = 8
	selfTestBytes   = 64
	selfTestGroup   = 7
	selfTestSlot    = 1
)

// User data of the self-test.
const (
	testInstall = iota + 1
	testReceive
	testSend
	testWake
	testCancel
	testClose
	testAround
)

func (t *tester) run() error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"operations", t.operations},
		{"set-up", t.setUp},
		{"echo", t.echo},
		{"around the queues", t.around},
		{"second echo", t.echo},
		{"wake", t.wakeUp},
		{"cancel", t.cancel},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("self-test, %s: %w", step.name, err)
		}
	}
	return nil
}

func (t *tester) operations() error {
	for _, op := range []uint8{OpRecv, OpSend, OpSendmsg, OpPollAdd, OpAsyncCancel, OpClose, OpFilesUpdate, OpShutdown} {
		if !t.ring.Supports(op) {
			return fmt.Errorf("%w: number %d", ErrMissing, op)
		}
	}
	return nil
}

func (t *tester) setUp() (err error) {
	if t.pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if t.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return err
	}
	if t.mem, err = MapMemory(pageBytes); err != nil {
		return err
	}
	if t.buffers, err = NewBuffers(selfTestGroup, 4, selfTestBytes); err != nil {
		return err
	}
	if err = t.ring.RegisterBuffers(t.buffers); err != nil {
		return err
	}
	if err = t.ring.RegisterFiles(2); err != nil {
		return err
	}
	if err = t.ring.Enable(); err != nil {
		return err
	}
	fd := (*int32)(unsafe.Pointer(&t.mem[0]))
	*fd = int32(t.pair[1])
	t.entry(testInstall).Install(fd, selfTestSlot)
	t.entry(testReceive).Receive(File{selfTestSlot, true}, selfTestGroup)
	t.entry(testWake).Poll(File{Index: int32(t.event)}, unix.EPOLLIN)
	if err = t.ring.Flush(); err != nil {
		return err
	}
	_, err = t.expect(testInstall, 1)
	return err
}

// echo sends from the slot's peer to the slot, by a multishot receive that must stay armed.
func (t *tester) echo() error {
	text := t.mem[:copy(t.mem, "a message through the ring")]
	e := t.entry(testSend)
	e.SendNow(File{Index: int32(t.pair[0])}, unsafe.Pointer(&text[0]), len(text))
	e.Silent()
	if err := t.ring.Poll(); err != nil {
		return err
	}
	c, err := t.expect(testReceive, int32(len(text)))
	if err != nil {
		return err
	}
	id, picked := c.Buffer()
	if !picked || !c.More() || !bytes.Equal(t.buffers.Bytes(id, len(text)), text) {
		return fmt.Errorf("multishot receive into a provided buffer: flags %#x: %w", c.Flags, ErrMissing)
	}
	t.buffers.Recycle(id)
	t.buffers.Publish()
	return nil
}

// around goes around both queues, one entry a turn: each is submitted once, in its turn.
func (t *tester) around() error {
	for i := range uint64(3 * selfTestEntries) {
		t.entry(testAround + i).Nop()
		if _, err := t.expect(testAround+i, 0); err != nil {
			return err
		}
	}
	return nil
}

func (t *tester) wakeUp() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	if _, err := unix.Write(t.event, one[:]); err != nil {
		return err
	}
	_, err := t.expect(testWake, unix.EPOLLIN)
	return err
}

func (t *tester) cancel() error {
	t.entry(testCancel).Cancel(testReceive)
	if _, err := t.expect(testCancel, 0); err != nil {
		return err
	}
	if _, err := t.expect(testReceive, -int32(unix.ECANCELED)); err != nil {
		return err
	}
	t.entry(testClose).CloseSlot(selfTestSlot)
	_, err := t.expect(testClose, 0)
	return err
}

func (t *tester) entry(userData uint64) *Entry {
	e := t.ring.Entry()
	e.UserData = userData
	return e
}

// selfTestTimeout is far more than any of this takes.
const selfTestTimeout = 2 * time.Second

// expect waits for the completion of userData, and keeps the others for later.
func (t *tester) expect(userData uint64, res int32) (Completion, error) {
	for deadline := time.Now().Add(selfTestTimeout); time.Now().Before(deadline); {
		for i, c := range t.got {
			if c.UserData != userData {
				continue
			}
			t.got = append(t.got[:i], t.got[i+1:]...)
			if c.Res != res {
				return c, unexpected(c.Res, res)
			}
			return c, nil
		}
		if err := t.ring.Block(int64(selfTestTimeout)); err != nil {
			return Completion{}, err
		}
		var batch [16]Completion
		t.got = append(t.got, batch[:t.ring.Reap(batch[:])]...)
	}
	return Completion{}, fmt.Errorf("operation %d did not complete: %w", userData, unix.ETIMEDOUT)
}

func unexpected(got, want int32) error {
	if got < 0 {
		return unix.Errno(-got)
	}
	return fmt.Errorf("result %d, want %d", got, want)
}

func (t *tester) free() error {
	if t.pair != [2]int{} {
		unix.Close(t.pair[0])
		unix.Close(t.pair[1])
	}
	if t.event != 0 {
		unix.Close(t.event)
	}
	var errs []error
	if t.mem != nil {
		errs = append(errs, UnmapMemory(t.mem))
	}
	if t.buffers != nil {
		errs = append(errs, t.buffers.Free())
	}
	return errors.Join(errs...)
}
