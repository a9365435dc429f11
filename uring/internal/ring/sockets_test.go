//go:build linux

package ring

import (
	"bytes"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// received checks a completion of a multishot receive, and gives its buffer back.
func (r *rig) received(b *Buffers, userData uint64, text string) Completion {
	r.Helper()
	c := r.expect(userData, len(text))
	id, picked := c.Buffer()
	if !picked || string(b.Bytes(id, len(text))) != text {
		r.Fatalf("received %v %q, want %q", picked, b.Bytes(id, int(c.Res)), text)
	}
	b.Recycle(id)
	b.Publish()
	return c
}

func TestMultishotReceive(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		r, b := newRig(t, testConfig, [2]int{4, 64})
		near, far := pair(t)
		f := descriptor(near)
		if fixed {
			f = r.install(near, 3)
		}
		r.prepare(1).Receive(f, testGroup)
		r.silent()
		for range 10 { // more often than there are buffers
			write(t, far, "text")
			if c := r.received(b, 1, "text"); !c.More() {
				t.Fatal("disarmed")
			}
		}
		unix.Shutdown(far, unix.SHUT_WR)
		if c := r.expect(1, 0); c.More() {
			t.Error("still armed after the end of file")
		}
	}
}

// What has arrived is told without a system call; giouring, which cannot tell, says that it may have.
func TestLinger(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{4, 64})
	near, far := pair(t)
	r.prepare(1).Receive(descriptor(near), testGroup)
	r.push()
	if _, ours := r.Ring.(*Kernel); ours && r.Linger(1000) {
		t.Error("there are news before anything has arrived")
	}
	write(t, far, "text")
	enters := r.Enters()
	if !r.Linger(1) {
		t.Error("no news of what has arrived")
	}
	if n := r.Enters() - enters; n > 0 {
		t.Errorf("looking took %d system calls", n)
	}
	r.received(b, 1, "text")
}

// When no buffer is free the receive ends with ENOBUFS; armed again, it goes on where it was.
func TestReceiveWithoutBuffers(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{2, 4})
	near, far := pair(t)
	r.prepare(1).Receive(descriptor(near), testGroup)
	write(t, far, "aaaabbbbcccc")
	r.push()
	var ids []uint16
	for _, text := range []string{"aaaa", "bbbb"} {
		c := r.expect(1, 4)
		id, _ := c.Buffer()
		if string(b.Bytes(id, 4)) != text {
			t.Fatalf("received %q, want %q", b.Bytes(id, 4), text)
		}
		ids = append(ids, id)
	}
	r.expectError(1, unix.ENOBUFS)
	for _, id := range ids {
		b.Recycle(id)
	}
	b.Publish()
	r.prepare(1).Receive(descriptor(near), testGroup)
	r.received(b, 1, "cccc")
}

// The ring of buffers goes around: more receives than its 16-bit tail can count, and more entries than 4,096.
func TestManyBuffers(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{8192, 16})
	near, far := pair(t)
	r.prepare(1).Receive(descriptor(near), testGroup)
	r.push()
	word := make([]byte, 2)
	for i := range 70_000 {
		word[0], word[1] = byte(i), byte(i>>8)
		if _, err := unix.Write(far, word); err != nil {
			t.Fatal(err)
		}
		c := r.received(b, 1, string(word))
		if !c.More() {
			r.prepare(1).Receive(descriptor(near), testGroup)
		}
	}
}

func TestSendNow(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	f := r.install(near, 0)
	text := r.put([]byte("hello"))
	r.prepare(1).SendNow(f, unsafe.Pointer(&text[0]), len(text))
	r.push()
	r.expect(1, len(text))
	e := r.prepare(2)
	e.SendNow(f, unsafe.Pointer(&text[0]), len(text))
	e.Silent()
	r.silent()
	if got := readAll(t, far, 10); string(got) != "hellohello" {
		t.Errorf("read %q", got)
	}
}

// The bytes are free when the call that submits returns, however little the socket took: the completion is there.
func TestSendNowFallsShort(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	unix.SetsockoptInt(near, unix.SOL_SOCKET, unix.SO_SNDBUF, 32<<10)
	large := r.put(bytes.Repeat([]byte("x"), 512<<10))
	e := r.prepare(1)
	e.SendNow(descriptor(near), unsafe.Pointer(&large[0]), len(large))
	e.Silent()
	r.push()
	var c [1]Completion
	if r.Reap(c[:]) != 1 {
		t.Fatal("no completion in the call that submitted")
	}
	if n := int(c[0].Res); n <= 0 || n >= len(large) {
		t.Fatalf("sent %d of %d", n, len(large))
	}
	clear(large)
	if got := readAll(t, far, int(c[0].Res)); bytes.Contains(got, []byte{0}) {
		t.Error("what was sent has been changed afterwards")
	}
	fill(t, near)
	e = r.prepare(2)
	e.SendNow(descriptor(near), unsafe.Pointer(&large[0]), 10)
	e.Silent()
	r.push()
	r.expectError(2, unix.EAGAIN)
}

func TestSendToNobody(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	unix.Shutdown(far, unix.SHUT_RDWR)
	text := r.put([]byte("hello"))
	e := r.prepare(1)
	e.SendNow(descriptor(near), unsafe.Pointer(&text[0]), len(text))
	e.Silent()
	r.push()
	r.expectError(1, unix.EPIPE) // and no SIGPIPE
}

// SendAll waits for the socket although that is non-blocking, and completes once.
func TestSendAll(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	before := fill(t, near)
	large := r.put(bytes.Repeat([]byte("y"), 900<<10))
	r.prepare(1).SendAll(descriptor(near), unsafe.Pointer(&large[0]), len(large))
	r.silent()
	readAll(t, far, before)
	done := make(chan []byte)
	go func() { done <- readAll(t, far, len(large)) }()
	r.expect(1, len(large))
	if got := <-done; !bytes.Equal(got, large) {
		t.Error("something else was read")
	}
}

func TestSendVectors(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	one, two := r.put([]byte("one")), r.put([]byte("two"))
	vectors := unsafe.Slice((*unix.Iovec)(unsafe.Pointer(&r.put(make([]byte, 32))[0])), 2)
	vectors[0].Base, vectors[1].Base = &one[0], &two[0]
	vectors[0].SetLen(3)
	vectors[1].SetLen(3)
	m := (*unix.Msghdr)(unsafe.Pointer(&r.put(make([]byte, unsafe.Sizeof(unix.Msghdr{})))[0]))
	m.Iov = &vectors[0]
	m.SetIovlen(2)
	e := r.prepare(1)
	e.SendVectorsNow(descriptor(near), m)
	e.Silent()
	r.silent()
	if got := readAll(t, far, 6); string(got) != "onetwo" {
		t.Errorf("read %q", got)
	}
	fill(t, near)
	r.prepare(2).SendVectorsNow(descriptor(near), m)
	r.push()
	r.expectError(2, unix.EAGAIN)
}

func TestShutdown(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	near, far := pair(t)
	f := r.install(near, 2)
	r.prepare(1).Shutdown(f, unix.SHUT_WR)
	r.push()
	r.expect(1, 0)
	if n, err := unix.Read(far, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("read %d, %v, want the end of file", n, err)
	}
	write(t, far, "still listening")
}

// listener returns a listening socket and a way to connect to it.
func listener(t *testing.T) (fd int, connect func() int) {
	t.Helper()
	socket := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	fd = socket()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 100); err != nil {
		t.Fatal(err)
	}
	to, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, func() int {
		fd := socket()
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
		return fd
	}
}

func TestMultishotAccept(t *testing.T) {
	r, _ := newRig(t, testConfig, noBuffers)
	l, connect := listener(t)
	r.prepare(1).Accept(descriptor(l))
	r.push()
	for range 20 {
		far := connect()
		c := r.await(1)
		if c.Res < 0 || !c.More() {
			t.Fatalf("accepted %+v", c)
		}
		write(t, far, "hi")
		readAll(t, int(c.Res), 2)
		if flags, _ := unix.FcntlInt(uintptr(c.Res), unix.F_GETFL, 0); flags&unix.O_NONBLOCK == 0 {
			t.Error("accepted socket blocks")
		}
		unix.Close(int(c.Res))
	}
}

// Accepting into the file table, until that is full: what came too much is closed, and accepting must be armed again.
func TestMultishotAcceptFixed(t *testing.T) {
	r, b := newRig(t, testConfig, [2]int{4, 64})
	l, connect := listener(t)
	r.prepare(1).AcceptFixed(descriptor(l))
	r.push()
	for range testFiles {
		far := connect()
		c := r.await(1)
		if c.Res < 0 || !c.More() {
			t.Fatalf("accepted %s", result(int(c.Res)))
		}
		write(t, far, "hi")
		r.prepare(2).Receive(slot(int(c.Res)), testGroup)
		r.received(b, 2, "hi")
	}
	far := connect()
	c := r.await(1)
	if unix.Errno(-c.Res) != unix.ENFILE || c.More() {
		t.Fatalf("accepted %s into a full table", result(int(c.Res)))
	}
	if n, err := unix.Read(far, make([]byte, 1)); n > 0 {
		t.Errorf("read %d, %v from a connection nobody has", n, err)
	}
}
