//go:build linux

package ring

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket in the file table lives on when its descriptor is closed, and ends when its slot is.
func TestSlots(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{4, 64})
	pairs, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := pairs[0], pairs[1]
	defer unix.Close(far)
	// As the driver does: install, close and receive in one batch, in this order.
	e := r.prepare(1)
	e.Install(r.word(near), 5)
	e.Silent()
	e = r.prepare(2)
	e.CloseFD(int32(near))
	e.Silent()
	r.prepare(3).Receive(slot(5), testGroup)
	r.silent()
	wantOpen(t, near, false)
	write(t, far, "alive")
	r.received(b, 3, "alive")
	// And to leave: cancel and empty the slot. The far end sees it at once.
	e = r.prepare(4)
	e.Cancel(3)
	e.Silent()
	e = r.prepare(5)
	e.CloseSlot(5)
	e.Silent()
	r.push()
	r.expectError(3, unix.ECANCELED)
	if n, err := unix.Read(far, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("read %d, %v, want the end of file", n, err)
	}
	r.prepare(6).CloseSlot(5)
	r.push()
	r.expectError(6, unix.EBADF)
}

func TestInstallErrors(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, _ := pair(t)
	r.prepare(1).Install(r.word(9999), 0)
	r.prepare(2).Install(r.word(near), testFiles)
	r.prepare(3).Receive(slot(0), testGroup)
	r.push()
	r.expectError(1, unix.EBADF)
	r.expectError(2, unix.EINVAL)
	r.expectError(3, unix.EBADF)
}

// Another socket in a slot replaces the first; what is under way on the first goes on.
func TestReplaceSlot(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{4, 64})
	near1, far1 := pair(t)
	near2, far2 := pair(t)
	r.install(near1, 1)
	r.prepare(1).Receive(slot(1), testGroup)
	r.silent()
	r.install(near2, 1)
	r.prepare(2).Receive(slot(1), testGroup)
	r.silent()
	write(t, far1, "first")
	r.received(b, 1, "first")
	write(t, far2, "second")
	r.received(b, 2, "second")
}

func TestInstallAnywhere(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	r.install(near, 0)
	fd := r.word(near)
	r.prepare(1).InstallAnywhere(fd)
	r.push()
	r.expect(1, 1)
	if *fd <= 0 || *fd >= testFiles {
		t.Fatalf("slot %d", *fd)
	}
	text := r.put([]byte("hi"))
	r.prepare(2).SendNow(slot(int(*fd)), unsafe.Pointer(&text[0]), 2)
	r.push()
	r.expect(2, 2)
	readAll(t, far, 2)
}

// Close, Shutdown and Nop on entries that were used for operations with more fields.
func TestUsedEntries(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, _ := pair(t)
	l, _ := listener(t)
	for range 2 * testConfig.Entries {
		text := r.put([]byte("x"))
		r.prepare(1).SendNow(descriptor(near), unsafe.Pointer(&text[0]), 1)
		r.prepare(2).AcceptFixed(descriptor(l))
		r.push()
		r.expect(1, 1)
		r.prepare(3).Cancel(2)
		r.push()
		r.expect(3, 0)
		r.expectError(2, unix.ECANCELED)
		fd, err := unix.Dup(near)
		if err != nil {
			t.Fatal(err)
		}
		r.prepare(4).CloseFD(int32(fd))
		r.prepare(5).Nop()
		r.push()
		r.expect(4, 0)
		r.expect(5, 0)
		wantOpen(t, fd, false)
	}
}

// Closing the ring, with receives armed, closes the sockets in its table before it returns.
func TestCloseLetsGo(t *testing.T) {
	r, _ := newRig(t, testConfig, [2]int{4, 64})
	far := make([]int, testFiles)
	for i := range far {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		far[i] = p[1]
		defer unix.Close(p[1])
		r.install(p[0], i)
		unix.Close(p[0])
		r.prepare(1).Receive(slot(i), testGroup)
		r.silent()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, fd := range far {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, int(testTimeout/time.Millisecond)); n != 1 || err != nil {
			t.Fatalf("the far end hears nothing: %d, %v", n, err)
		}
		if n, err := unix.Read(fd, make([]byte, 1)); n != 0 || err != nil {
			t.Fatalf("read %d, %v, want the end of file", n, err)
		}
	}
}
