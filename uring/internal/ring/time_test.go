//go:build linux

package ring

import (
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func (r *rig) time(d time.Duration) *unix.Timespec {
	ts := (*unix.Timespec)(unsafe.Pointer(&r.put(make([]byte, unsafe.Sizeof(unix.Timespec{})))[0]))
	*ts = unix.NsecToTimespec(int64(d))
	return ts
}

func TestTimeout(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	start := time.Now()
	r.prepare(1).Timeout(r.time(3 * time.Millisecond))
	r.prepare(2).Timeout(r.time(time.Hour))
	r.push()
	r.expectError(1, unix.ETIME)
	if d := time.Since(start); d < 3*time.Millisecond {
		t.Errorf("after %v", d)
	}
	r.prepare(3).Cancel(2)
	r.push()
	r.expect(3, 0)
	r.expectError(2, unix.ECANCELED)
}

// A link ends where something fails.
func TestLinks(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	text := r.put([]byte("last"))
	send := r.prepare(1)
	send.SendNow(descriptor(near), unsafe.Pointer(&text[0]), len(text))
	send.Link()
	r.prepare(2).Shutdown(descriptor(near), unix.SHUT_WR)
	r.push()
	r.expect(1, len(text))
	r.expect(2, 0)
	readAll(t, far, len(text))

	broken := r.prepare(3)
	broken.SendNow(descriptor(near), unsafe.Pointer(&text[0]), len(text))
	broken.Link()
	r.prepare(4).Nop()
	r.push()
	r.expectError(3, unix.EPIPE)
	r.expectError(4, unix.ECANCELED)
}

func TestLinkTimeout(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, _ := pair(t)
	fill(t, near)
	large := r.put(make([]byte, 100))
	send := r.prepare(1)
	send.SendAll(descriptor(near), unsafe.Pointer(&large[0]), len(large))
	send.Link()
	r.prepare(2).LinkTimeout(r.time(3 * time.Millisecond))
	r.push()
	r.expectError(1, unix.ECANCELED)
	r.expectError(2, unix.ETIME)
}

func TestCancel(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{4, 64})
	near, far := pair(t)
	r.prepare(1).Cancel(77)
	r.push()
	r.expectError(1, unix.ENOENT)
	// Prepared before its target is armed and after: in the order of submission.
	for range 5 {
		r.prepare(2).Receive(descriptor(near), testGroup)
		e := r.prepare(3)
		e.Cancel(2)
		e.Silent()
		r.push()
		if c := r.await(2); unix.Errno(-c.Res) != unix.ECANCELED || c.More() {
			t.Fatalf("cancelled: %+v", c)
		}
	}
	// What had been received when it was cancelled has been told before.
	r.prepare(2).Receive(descriptor(near), testGroup)
	r.push()
	write(t, far, "in time")
	r.prepare(3).Cancel(2)
	r.push()
	c := r.await(2)
	if c.Res > 0 {
		id, _ := c.Buffer()
		b.Recycle(id)
		b.Publish()
		r.expectError(2, unix.ECANCELED)
		return
	}
	if got := readAll(t, near, 7); string(got) != "in time" {
		t.Errorf("read %q", got)
	}
}

// An eventfd wakes the thread that blocks; the poll stays armed, and the eventfd is never read.
func TestWake(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r.prepare(1).Poll(descriptor(fd), unix.EPOLLIN)
	r.push()
	ready := make(chan struct{})
	defer close(ready)
	go func() {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		for range ready {
			unix.Write(fd, one[:])
		}
	}()
	for range 500 {
		ready <- struct{}{}
		if c := r.await(1); c.Res&unix.EPOLLIN == 0 || !c.More() {
			t.Fatalf("poll: %+v", c)
		}
	}
}
