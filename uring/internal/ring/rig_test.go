//go:build linux

package ring

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The conformance suite: every operation the driver uses, over whichever ring the build tags select, and the ways in
// which rings for Go have been seen to fail. Run it plainly, with -race, and with -gcflags=all=-d=checkptr.

var without = flag.Uint("without", 0, "features to do without (see Features), as on an older kernel")

func TestMain(m *testing.M) {
	flag.Parse()
	testConfig.Without = Features(*without)
	if testing.Verbose() {
		fmt.Printf("ring: %s, without %03b\n", Name, testConfig.Without)
	}
	os.Exit(m.Run())
}

// rig is an enabled ring on a locked thread, with mapped memory for what the kernel reads.
type rig struct {
	*testing.T
	Ring
	mem  []byte
	used int
	got  []Completion
}

const (
	testFiles = 16
	// testTimeout bounds what must happen: generous, because tests share the machine.
	testTimeout = 60 * time.Second
)

var (
	testConfig = Config{Entries: 8, Completions: 16}
	noBuffers  = [2]int{}
)

// newRig makes the ring, with a file table, and count × size receive buffers of group 1 unless they are none.
func newRig(t *testing.T, c Config, buffers [2]int) (*rig, *Buffers) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	var b *Buffers
	if buffers != noBuffers {
		if b, err = NewBuffers(testGroup, buffers[0], buffers[1]); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Free() }) // runs before the ring is closed, which is the harder order
		if err := r.RegisterBuffers(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RegisterFiles(testFiles); err != nil {
		t.Fatal(err)
	}
	if err := r.Enable(); err != nil {
		t.Fatal(err)
	}
	mem, err := MapMemory(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { UnmapMemory(mem) })
	return &rig{T: t, Ring: r, mem: mem}, b
}

const testGroup = 1

// put copies text to memory that stays.
func (r *rig) put(text []byte) []byte {
	r.used = (r.used + 7) &^ 7
	b := r.mem[r.used : r.used+len(text)]
	r.used += copy(b, text)
	return b
}

// word is an int32 in memory that stays.
func (r *rig) word(v int) *int32 {
	p := (*int32)(unsafe.Pointer(&r.put(make([]byte, 4))[0]))
	*p = int32(v)
	return p
}

func (r *rig) prepare(userData uint64) *Entry {
	r.Helper()
	e := r.Entry()
	if e == nil {
		r.Fatal("the submission queue is full")
	}
	e.UserData = userData
	return e
}

// push submits, and lets the kernel work.
func (r *rig) push() {
	r.Helper()
	if err := r.Poll(); err != nil {
		r.Fatal(err)
	}
	if n := r.Unsubmitted(); n != 0 {
		r.Fatalf("%d entries left unsubmitted", n)
	}
}

// await returns the next completion of userData; others are kept.
func (r *rig) await(userData uint64) Completion {
	r.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); {
		for i, c := range r.got {
			if c.UserData == userData {
				r.got = append(r.got[:i], r.got[i+1:]...)
				return c
			}
		}
		if n := r.reap(); n == 0 {
			if err := r.Block(int64(10 * time.Millisecond)); err != nil {
				r.Fatal(err)
			}
		}
	}
	r.Fatalf("no completion of %d; others: %+v", userData, r.got)
	return Completion{}
}

func (r *rig) reap() int {
	var batch [5]Completion // less than the queue, and no divisor
	n := r.Reap(batch[:])
	r.got = append(r.got, batch[:n]...)
	return n
}

// expect awaits a completion with this result.
func (r *rig) expect(userData uint64, res int) Completion {
	r.Helper()
	c := r.await(userData)
	if int(c.Res) != res {
		r.Fatalf("completion of %d: %s, want %s", userData, result(int(c.Res)), result(res))
	}
	return c
}

func (r *rig) expectError(userData uint64, errno unix.Errno) {
	r.Helper()
	r.expect(userData, -int(errno))
}

func result(res int) string {
	if res < 0 {
		return unix.ErrnoName(unix.Errno(-res))
	}
	return fmt.Sprint(res)
}

// silent submits and wants no completion.
func (r *rig) silent() {
	r.Helper()
	r.push()
	for r.reap() > 0 {
	}
	if len(r.got) > 0 {
		r.Fatalf("completion %+v, want none", r.got[0])
	}
}

// pair returns two connected stream sockets, both non-blocking, as the sockets of a loop are.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(p[0])
		unix.Close(p[1])
	})
	return p[0], p[1]
}

func descriptor(fd int) File { return File{Index: int32(fd)} }

func slot(n int) File { return File{Index: int32(n), Fixed: true} }

// install puts a descriptor into a slot.
func (r *rig) install(fd, at int) File {
	r.Helper()
	r.prepare(999).Install(r.word(fd), uint32(at))
	r.push()
	r.expect(999, 1)
	return slot(at)
}

func write(t *testing.T, fd int, text string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
}

// readAll reads n bytes, from a socket that may not have them yet.
func readAll(t *testing.T, fd, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	for at, deadline := 0, time.Now().Add(testTimeout); at < n; {
		m, err := unix.Read(fd, b[at:])
		if m > 0 {
			at += m
			continue
		}
		if err != unix.EAGAIN || time.Now().After(deadline) {
			t.Fatalf("read %d of %d bytes: %d, %v", at, n, m, err)
		}
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		unix.Poll(poll, 10)
	}
	return b
}

// fill writes until the socket takes no more, and returns how much it took.
func fill(t *testing.T, fd int) (n int) {
	t.Helper()
	for {
		m, err := unix.Write(fd, make([]byte, 4096))
		if err == unix.EAGAIN {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
}

func wantOpen(t *testing.T, fd int, open bool) {
	t.Helper()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); (err == nil) != open {
		t.Fatalf("descriptor %d: %v, want open: %v", fd, err, open)
	}
}
