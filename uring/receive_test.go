//go:build linux

package uring

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

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
	r.until(func() bool { return len(r.seen) > 0 })
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
		// Where the send learns of the reset first, the receive finds no more than an end.
		e := r.expectAny()
		if e.Kind == loop.Ended {
			e = r.expectAny()
		}
		if e.Kind != loop.Failed || e.Conn != alice {
			t.Fatalf("event %+v, want Failed", e)
		}
		r.quiet()
		r.do(loop.Op{Kind: loop.Close, Conn: alice})
		r.quiet()
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
