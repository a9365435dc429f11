//go:build linux

package ring

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSelfTest(t *testing.T) {
	if err := SelfTest(testConfig.Without); err != nil {
		t.Fatal(err)
	}
}

// Many times around both queues, in batches that do not divide them.
func TestNopsComeBackInOrder(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	next := uint64(0)
	for i := uint64(0); i < 1000; {
		for range 1 + i%7 {
			r.prepare(i).Nop()
			i++
		}
		r.push()
		for r.reap() > 0 {
		}
		for _, c := range r.got {
			if c.UserData != next || c.Res != 0 {
				t.Fatalf("completion %+v, want of %d", c, next)
			}
			next++
		}
		r.got = r.got[:0]
		if next != i {
			t.Fatalf("%d completions, want %d", next, i)
		}
	}
}

func TestQueueFull(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	n := 0
	for ; r.Entry() != nil; n++ {
	}
	if n < int(testConfig.Entries) || r.Unsubmitted() != n {
		t.Fatalf("%d entries, %d unsubmitted, want at least %d", n, r.Unsubmitted(), testConfig.Entries)
	}
	if err := r.Flush(); err != nil || r.Unsubmitted() != 0 || r.Entry() == nil {
		t.Fatalf("after Flush %d unsubmitted (%v), want room again", r.Unsubmitted(), err)
	}
}

// A used entry is zeroed: what the last operation set must not reach the next.
func TestEntriesAreZeroed(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	for i := range 3 * testConfig.Entries {
		e := r.prepare(uint64(i))
		if *e != (Entry{UserData: uint64(i)}) {
			t.Fatalf("entry %+v, want zeros", *e)
		}
		*e = Entry{Opcode: OpNop, OpFlags: 0, UserData: uint64(i)}
		r.push()
		r.expect(uint64(i), 0)
		// Leave junk behind, as an operation with every field would.
		*e = Entry{Opcode: 255, Flags: 255, Priority: 255, FD: -9, Offset: 9, Addr: 9, Len: 9, OpFlags: 9, FileIndex: 9, Addr3: 9}
	}
}

// A failing entry does not keep those behind it from being submitted (SUBMIT_ALL).
func TestFailureDoesNotStopTheBatch(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	r.prepare(1).Nop()
	r.prepare(2).Opcode = 250
	r.prepare(3).Nop()
	r.push()
	r.expect(1, 0)
	r.expectError(2, unix.EINVAL)
	r.expect(3, 0)
}

// More completions than the queue holds are late, not lost.
func TestOverflow(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	const n = 100
	for i := range uint64(n) {
		e := r.Entry()
		if e == nil {
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			e = r.Entry()
		}
		e.UserData = i
	}
	r.push()
	if !r.Overflown() {
		t.Error("not overflown")
	}
	for i := range uint64(n) {
		r.expect(i, 0)
	}
	if r.Overflown() {
		t.Error("still overflown")
	}
}

func TestBlock(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	start := time.Now()
	if err := r.Block(int64(5 * time.Millisecond)); err != nil || time.Since(start) < 5*time.Millisecond {
		t.Errorf("blocked %v, %v", time.Since(start), err)
	}
	if err := r.Block(0); err != nil {
		t.Error(err)
	}
	r.prepare(1).Nop()
	if err := r.Block(-1); err != nil {
		t.Error(err)
	}
	r.expect(1, 0)
	before := r.Enters()
	r.push()
	if n := r.Enters() - before; n != 1 {
		t.Errorf("%d system calls counted for one", n)
	}
}

// A ring made here may belong to another thread, but to one only.
func TestThreads(t *testing.T) {
	r, err := New(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		err := r.Enable()
		if err == nil {
			r.Entry().Nop()
			err = r.Poll()
		}
		done <- err
		<-done
		done <- r.Close()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.Entry().Nop()
	if err := r.Flush(); err == nil && r.Unsubmitted() == 0 {
		t.Error("two threads submit to one ring")
	}
	done <- nil
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Signals, as the Go scheduler sends them, end a Block early and nothing else.
func TestSignals(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	self, process := unix.Gettid(), unix.Getpid()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				unix.Tgkill(process, self, unix.SIGURG)
				runtime.Gosched()
			}
		}
	}()
	for i := range uint64(500) {
		r.prepare(i).Nop()
		if err := r.Block(int64(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		r.expect(i, 0)
		if err := r.Block(int64(20 * time.Microsecond)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := New(Config{Without: testConfig.Without}); !errors.Is(err, unix.EINVAL) && Name == "kernel" {
		t.Errorf("a ring of no entries: %v, want EINVAL", err)
	}
	r, err := New(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.RegisterFiles(1 << 30); !errors.Is(err, unix.EMFILE) {
		t.Errorf("a huge file table: %v, want EMFILE", err)
	}
	for _, count := range []int{0, 3, -1, 1 << 16} {
		if _, err := NewBuffers(1, count, 64); err == nil {
			t.Errorf("%d buffers are no error", count)
		}
	}
	if r.Supports(255) || !r.Supports(OpRecv) {
		t.Error("the probe says nonsense")
	}
}
