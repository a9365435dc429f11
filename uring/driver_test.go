//go:build linux

package uring

import (
	"errors"
	"io"
	"net"
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

func TestAttachOfNoSocket(t *testing.T) {
	r := newRig(t, Options{})
	r.do(loop.Op{Kind: loop.Attach, Conn: alice, FD: 9999})
	if e := r.expect(loop.Failed, alice); e.Errno != int32(unix.EBADF) {
		t.Errorf("errno %d, want EBADF", e.Errno)
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
