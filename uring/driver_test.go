//go:build linux

package uring

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

var (
	alice = loop.MakeID(3, 1)
	bob   = loop.MakeID(5, 9)
)

func TestEcho(t *testing.T) {
	r := newRig(t, Options{})
	peer := r.attach(alice)
	for _, text := range []string{"hello", "again"} {
		write(t, peer, text)
		e := r.expect(loop.Received, alice)
		r.do(sends(alice, e.Data)...)
		read(t, peer, text)
	}
	peer.Close()
	r.expect(loop.Ended, alice)
	r.do(loop.Op{Kind: loop.Close, Conn: alice})
	r.quiet()
}

// Bytes received in a turn can be sent on in that turn without a copy.
func TestForwardWithinTheTurn(t *testing.T) {
	r := newRig(t, Options{Buffers: 4, BufferBytes: 512})
	from, to := r.attach(alice), r.attach(bob)
	text := string(pattern(200 << 10))
	go io.WriteString(from, text)
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(t, to, text)
	}()
	for n := 0; n < len(text); {
		events, _ := r.Wait(r.Now() + int64(testTimeout))
		var ops []loop.Op
		for _, e := range events {
			if e.Kind == loop.Received {
				ops = append(ops, sends(bob, e.Data)...)
				n += len(e.Data)
			}
		}
		r.Submit(ops)
	}
	<-done
}

// Several sends in a turn arrive in order, whatever form the send takes.
func TestSendsOfATurnAreOne(t *testing.T) {
	whole := pattern(100 << 10)
	cut := func(at ...int) (parts [][]byte) {
		last := 0
		for _, i := range at {
			parts = append(parts, whole[last:i])
			last = i
		}
		return parts
	}
	apart := func(parts [][]byte) [][]byte {
		for i := range parts {
			parts[i] = bytes.Clone(parts[i])
		}
		return parts
	}
	tiny := make([][]byte, 1500)
	for i := range tiny {
		tiny[i] = bytes.Clone(whole[i*20 : i*20+20])
	}
	for _, c := range []struct {
		name  string
		parts [][]byte
	}{
		{"contiguous", cut(10, 20, 300)},
		{"gathered", apart(cut(10, 20, 300))},
		{"vectors", apart(cut(10, 20, 30<<10))},
		{"more vectors than the kernel takes", tiny},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{})
			peer := r.attach(alice)
			before := r.count.submitted
			r.do(sends(alice, c.parts...)...)
			if n := r.count.submitted - before; n != 1 {
				t.Errorf("%d submissions, want 1", n)
			}
			read(t, peer, string(bytes.Join(c.parts, nil)))
		})
	}
}

func TestCongestion(t *testing.T) {
	r := newRig(t, Options{})
	peer := r.attach(alice)
	first, second, third := pattern(8<<20), []byte("second"), pattern(3<<20)
	want := string(first) + string(second) + string(third)
	r.do(sends(alice, first)...)
	clear(first) // ours again: what was not sent has been copied
	r.expect(loop.Congested, alice)
	r.do(sends(alice, second)...)
	r.do(sends(alice, third)...)
	clear(third)
	r.quiet()
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(t, peer, want)
	}()
	r.expect(loop.Drained, alice)
	<-done
	r.do(sends(alice, second)...)
	read(t, peer, "second")
	r.quiet()
	if n := r.count.short; n != 1 {
		t.Errorf("%d short sends, want 1", n)
	}
}

func TestPauseAndResume(t *testing.T) {
	r := newRig(t, Options{})
	peer := r.attach(alice)
	r.do(loop.Op{Kind: loop.Pause, Conn: alice})
	write(t, peer, "one")
	r.quiet()
	r.do(loop.Op{Kind: loop.Resume, Conn: alice})
	r.expectData(alice, "one")
	r.do(loop.Op{Kind: loop.Pause, Conn: alice}, loop.Op{Kind: loop.Resume, Conn: alice})
	write(t, peer, "two")
	r.expectData(alice, "two")
	r.do(loop.Op{Kind: loop.Pause, Conn: alice})
	peer.Close()
	r.quiet()
	r.do(loop.Op{Kind: loop.Resume, Conn: alice})
	r.expect(loop.Ended, alice)
}

func TestHalfClose(t *testing.T) {
	r := newRig(t, Options{})
	peer := r.attach(alice)
	write(t, peer, "question")
	peer.CloseWrite()
	r.expectData(alice, "question")
	r.expect(loop.Ended, alice)
	r.do(sends(alice, []byte("answer"))...)
	read(t, peer, "answer")
	r.quiet()
}

func TestReset(t *testing.T) {
	r := newRig(t, Options{})
	peer := r.attach(alice)
	peer.SetLinger(0)
	peer.Close()
	if e := r.expect(loop.Failed, alice); e.Errno != int32(unix.ECONNRESET) {
		t.Errorf("errno %d, want ECONNRESET", e.Errno)
	}
	r.do(sends(alice, []byte("to nobody"))...)
	r.quiet()
	r.do(loop.Op{Kind: loop.Close, Conn: alice})
}

// What a server says before it leaves is heard, though sending to it fails first.
func TestLastWordsBeforeFailure(t *testing.T) {
	r := newRig(t, Options{})
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(pair[1], []byte("FATAL")); err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[1])
	r.do(append([]loop.Op{{Kind: loop.Attach, Conn: alice, FD: int32(pair[0])}}, sends(alice, []byte("SELECT"))...)...)
	r.expectData(alice, "FATAL")
	if len(r.seen) == 0 {
		r.turn(testTimeout)
	}
	if r.seen[0].Kind == loop.Ended {
		r.seen = r.seen[1:]
	}
	if e := r.expect(loop.Failed, alice); e.Errno != int32(unix.EPIPE) {
		t.Errorf("errno %d, want EPIPE", e.Errno)
	}
	r.quiet()
}

// Failure while a lot is kept.
func TestFailureWhileCongested(t *testing.T) {
	for _, paused := range []bool{false, true} {
		r := newRig(t, Options{})
		peer := r.attach(alice)
		if paused {
			r.do(loop.Op{Kind: loop.Pause, Conn: alice})
		}
		r.do(sends(alice, pattern(8<<20))...)
		r.expect(loop.Congested, alice)
		peer.SetLinger(0)
		peer.Close()
		r.expect(loop.Failed, alice)
		r.quiet()
		r.do(loop.Op{Kind: loop.Close, Conn: alice})
		r.quiet()
	}
}

func TestFinish(t *testing.T) {
	t.Run("sends what is kept", func(t *testing.T) {
		r := newRig(t, Options{})
		peer := r.attach(alice)
		data := pattern(8 << 20)
		r.do(append(sends(alice, data), loop.Op{Kind: loop.Finish, Conn: alice})...)
		done := make(chan struct{})
		go func() {
			defer close(done)
			read(t, peer, string(data))
			readEnd(t, peer)
			peer.Close()
		}()
		r.until(func() bool { return r.conn(alice) == nil })
		<-done
		r.quiet()
	})
	t.Run("is heard although something is unread", func(t *testing.T) {
		r := newRig(t, Options{})
		peer := r.attach(alice)
		r.do(loop.Op{Kind: loop.Pause, Conn: alice})
		r.quiet()
		write(t, peer, strings.Repeat("pipelined ", 1000))
		r.do(append(sends(alice, []byte("going away")), loop.Op{Kind: loop.Finish, Conn: alice})...)
		r.do()
		read(t, peer, "going away")
		readEnd(t, peer)
		peer.Close()
		r.until(func() bool { return r.conn(alice) == nil })
		r.quiet()
	})
	t.Run("ends by Close", func(t *testing.T) {
		r := newRig(t, Options{})
		r.attach(alice)
		r.do(append(sends(alice, pattern(8<<20)), loop.Op{Kind: loop.Finish, Conn: alice})...)
		r.quiet()
		r.do(loop.Op{Kind: loop.Close, Conn: alice})
		r.quiet()
	})
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

// A slot can be used again in the turn that closes it; what comes late for the old connection is not taken for the
// new one.
func TestSlotReuse(t *testing.T) {
	r := newRig(t, Options{})
	old := r.attach(alice)
	r.do(sends(alice, pattern(8<<20))...)
	r.expect(loop.Congested, alice)
	write(t, old, "too late")
	fd, peer := tcpPair(t)
	next := loop.MakeID(alice.Slot(), alice.Gen()+1)
	r.do(loop.Op{Kind: loop.Close, Conn: alice}, loop.Op{Kind: loop.Attach, Conn: next, FD: fd},
		loop.Op{Kind: loop.Send, Conn: next, Data: []byte("welcome")},
		loop.Op{Kind: loop.Send, Conn: alice, Data: []byte("dropped")})
	r.seen = nil // reported before
	write(t, peer, "hello")
	read(t, peer, "welcome")
	r.expectData(next, "hello")
	r.quiet()
	if len(r.kept.free) != len(r.kept.all) {
		t.Errorf("%d of %d kept are free", len(r.kept.free), len(r.kept.all))
	}
	old.SetReadDeadline(time.Now().Add(testTimeout))
	if _, err := io.Copy(io.Discard, old); err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the old connection is still open: %v", err)
	}
}

func (r *rig) expectAny() loop.Event {
	r.Helper()
	r.until(func() bool { return len(r.seen) > 0 })
	e := r.seen[0]
	r.seen = r.seen[1:]
	return e
}

func TestDetach(t *testing.T) {
	r := newRig(t, Options{})
	fd, peer := tcpPair(t)
	r.do(loop.Op{Kind: loop.Attach, Conn: alice, FD: fd, KeepFD: true})
	write(t, peer, "in")
	r.expectData(alice, "in")
	r.do(loop.Op{Kind: loop.Detach, Conn: alice})
	if e := r.expect(loop.Detached, alice); e.FD != fd || len(e.Data) != 0 {
		t.Fatalf("detached %+v, want descriptor %d", e, fd)
	}
	write(t, peer, "after")
	r.quiet()
	got := make([]byte, 16)
	if n, err := unix.Read(int(fd), got); err != nil || string(got[:n]) != "after" {
		t.Fatalf("read %q, %v", got[:max(n, 0)], err)
	}
	// Another loop takes it on.
	next := loop.MakeID(alice.Slot(), alice.Gen()+1)
	r.do(loop.Op{Kind: loop.Attach, Conn: next, FD: fd})
	write(t, peer, "there")
	r.expectData(next, "there")
}

func TestDetachOfWhatEnded(t *testing.T) {
	r := newRig(t, Options{})
	fd, peer := tcpPair(t)
	r.do(loop.Op{Kind: loop.Attach, Conn: alice, FD: fd, KeepFD: true})
	peer.SetLinger(0)
	peer.Close()
	r.expect(loop.Failed, alice)
	r.do(loop.Op{Kind: loop.Detach, Conn: alice})
	if e := r.expect(loop.Detached, alice); e.FD != fd {
		t.Fatalf("detached %+v, want descriptor %d", e, fd)
	}
	unix.Close(int(fd))
}

func TestAttachOfNoSocket(t *testing.T) {
	r := newRig(t, Options{})
	r.do(loop.Op{Kind: loop.Attach, Conn: alice, FD: 9999})
	if e := r.expect(loop.Failed, alice); e.Errno != int32(unix.EBADF) {
		t.Errorf("errno %d, want EBADF", e.Errno)
	}
}

func TestWake(t *testing.T) {
	r := newRig(t, Options{})
	for range 300 {
		go r.Wake()
		r.expect(loop.Woken, 0)
	}
	r.quiet()
	r.Wake()
	r.Wake()
	r.expect(loop.Woken, 0)
	r.quiet()
	r.Driver.Close()
	r.Wake()
}

func TestDeadline(t *testing.T) {
	r := newRig(t, Options{})
	for _, d := range []time.Duration{-time.Second, 0, 3 * time.Millisecond} {
		start := r.Now()
		events, now := r.Wait(start + int64(d))
		if len(events) > 0 || now < start+int64(d) || now > start+int64(testTimeout) {
			t.Errorf("waiting %v: %d events after %v", d, len(events), time.Duration(now-start))
		}
		r.Submit(nil)
	}
}

// More connections speak at once than there are buffers.
func TestStarvation(t *testing.T) {
	const connections, rounds = 40, 5
	r := newRig(t, Options{Buffers: 4, BufferBytes: 64})
	peers := make([]*net.TCPConn, connections)
	for i := range peers {
		peers[i] = r.attach(loop.MakeID(uint32(i), 1))
	}
	text := string(pattern(1000))
	for range rounds {
		for _, p := range peers {
			write(t, p, text)
		}
		got := make([]string, connections)
		for total := 0; total < connections*len(text); {
			e := r.expectAny()
			got[e.Conn.Slot()] += string(e.Data)
			total += len(e.Data)
		}
		for i := range got {
			if got[i] != text {
				t.Fatalf("connection %d received %d bytes, not what was sent", i, len(got[i]))
			}
		}
	}
	if r.count.starved == 0 {
		t.Error("never short of buffers")
	}
}

// A turn may do more than the queues hold.
func TestSmallQueues(t *testing.T) {
	const connections = 40
	r := newRig(t, Options{Entries: 4, Completions: 8, Buffers: 64})
	var attach, talk []loop.Op
	peers := make([]*net.TCPConn, connections)
	for i := range peers {
		id := loop.MakeID(uint32(i), 1)
		var fd int32
		fd, peers[i] = tcpPair(t)
		attach = append(attach, loop.Op{Kind: loop.Attach, Conn: id, FD: fd})
		talk = append(talk, sends(id, []byte("hel"), []byte("lo"))...)
	}
	r.do(attach...)
	r.do(talk...)
	for _, p := range peers {
		read(t, p, "hello")
		write(t, p, "there")
	}
	for range peers {
		r.expectAny()
	}
	big := talk[:0]
	for i := range peers {
		big = append(big, sends(loop.MakeID(uint32(i), 1), pattern(6<<20))...)
	}
	r.do(big...)
	for range peers {
		if e := r.expectAny(); e.Kind != loop.Congested {
			t.Fatalf("event %+v, want Congested", e)
		}
	}
}

func TestNothingLeaks(t *testing.T) {
	before := descriptors(t)
	d, err := New(Options{Connections: 64})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, Driver: d}
	for i := range 5 {
		fd, peer := tcpPair(t)
		r.do(loop.Op{Kind: loop.Attach, Conn: loop.MakeID(uint32(i), 1), FD: fd, KeepFD: i%2 == 0})
		defer peer.Close()
		defer readEndOrReset(t, peer)
	}
	r.do(loop.Op{Kind: loop.Close, Conn: loop.MakeID(0, 1)}, loop.Op{Kind: loop.Finish, Conn: loop.MakeID(1, 1)})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// What is left is the peers' ends.
	if after := descriptors(t); after > before+5 {
		t.Errorf("%d descriptors before, %d after", before, after-5)
	}
}

func readEndOrReset(t *testing.T, peer *net.TCPConn) {
	peer.SetReadDeadline(time.Now().Add(testTimeout))
	if _, err := peer.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("a connection of a closed driver: %v", err)
	}
}
