//go:build linux

package uring

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// rig drives a driver turn by turn, as a core would.
type rig struct {
	*testing.T
	*Driver
	seen []loop.Event // not yet expected; Data copied
}

// testTimeout bounds what must happen: generous, because tests share the machine.
const testTimeout = 60 * time.Second

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	if o.Connections == 0 {
		o.Connections = 64
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return &rig{T: t, Driver: d}
}

// turn is one pass of the loop; ops are submitted with it.
func (r *rig) turn(wait time.Duration, ops ...loop.Op) {
	events, _ := r.Wait(r.Now() + int64(wait))
	for _, e := range events {
		e.Data = bytes.Clone(e.Data)
		r.seen = append(r.seen, e)
	}
	r.Submit(ops)
}

// do submits in a turn of its own, without waiting for events.
func (r *rig) do(ops ...loop.Op) { r.turn(0, ops...) }

// expect turns until the next event, which must be this.
func (r *rig) expect(kind loop.EventKind, id loop.ID) loop.Event {
	r.Helper()
	for deadline := time.Now().Add(testTimeout); len(r.seen) == 0; {
		if time.Now().After(deadline) {
			r.Fatalf("no event, want kind %d of %x", kind, id)
		}
		r.turn(testTimeout)
	}
	e := r.seen[0]
	r.seen = r.seen[1:]
	if e.Kind != kind || e.Conn != id {
		r.Fatalf("event %+v, want kind %d of %x", e, kind, id)
	}
	return e
}

// expectData turns until text has been received from id.
func (r *rig) expectData(id loop.ID, text string) {
	r.Helper()
	for got := ""; got != text; {
		got += string(r.expect(loop.Received, id).Data)
		if len(got) > len(text) {
			r.Fatalf("received %q, want %q", got, text)
		}
	}
}

// quiet turns a few times and wants no event.
func (r *rig) quiet() {
	r.Helper()
	for range 3 {
		r.turn(time.Millisecond)
	}
	if len(r.seen) > 0 {
		r.Fatalf("event %+v, want none", r.seen[0])
	}
}

// tcpPair returns two ends of a TCP connection: a descriptor for the driver, and a peer.
func tcpPair(t testing.TB) (fd int32, peer *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	defer near.Close()
	return dup(t, near.(*net.TCPConn)), far.(*net.TCPConn)
}

func dup(t testing.TB, c *net.TCPConn) (fd int32) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(of uintptr) {
		n, err := unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fd = int32(n)
	})
	return fd
}

// attach attaches a new TCP connection as id.
func (r *rig) attach(id loop.ID) *net.TCPConn {
	r.Helper()
	fd, peer := tcpPair(r)
	r.do(loop.Op{Kind: loop.Attach, Conn: id, FD: fd})
	return peer
}

func sends(id loop.ID, data ...[]byte) []loop.Op {
	ops := make([]loop.Op, len(data))
	for i := range data {
		ops[i] = loop.Op{Kind: loop.Send, Conn: id, Data: data[i]}
	}
	return ops
}

func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// read reads exactly as much as text is long.
func read(t testing.TB, peer *net.TCPConn, text string) {
	t.Helper()
	peer.SetReadDeadline(time.Now().Add(testTimeout))
	got := make([]byte, len(text))
	if _, err := io.ReadFull(peer, got); err != nil {
		t.Fatalf("reading: %v", err)
	}
	if string(got) != text {
		t.Fatalf("read %.80q, want %.80q", got, text)
	}
}

// readEnd wants the end of file.
func readEnd(t testing.TB, peer *net.TCPConn) {
	t.Helper()
	peer.SetReadDeadline(time.Now().Add(testTimeout))
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d, %v, want the end of file", n, err)
	}
}

// pattern is n bytes that differ by place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i>>8*17 + i>>16)
	}
	return b
}

// descriptors counts the open ones of this process.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// until turns until the condition holds.
func (r *rig) until(holds func() bool) {
	r.Helper()
	for deadline := time.Now().Add(testTimeout); !holds(); {
		if time.Now().After(deadline) {
			r.Fatal("it did not happen in time")
		}
		r.turn(time.Millisecond)
	}
}

func (r *rig) expectAny() loop.Event {
	r.Helper()
	r.until(func() bool { return len(r.seen) > 0 })
	e := r.seen[0]
	r.seen = r.seen[1:]
	return e
}
