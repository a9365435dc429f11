//go:build linux

package uring

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

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

// A shutdown is performed late, by number of slot; it must not hit the slot's next connection.
func TestShutdownHitsNobodyElse(t *testing.T) {
	r := newRig(t, Options{})
	id := alice
	r.attach(id)
	for range 200 {
		fd, peer := tcpPair(t)
		next := loop.MakeID(id.Slot(), id.Gen()+1)
		r.do(loop.Op{Kind: loop.Finish, Conn: id}) // prepares the shutdown
		r.do(loop.Op{Kind: loop.Close, Conn: id}, loop.Op{Kind: loop.Attach, Conn: next, FD: fd})
		r.seen = nil
		write(t, peer, "hello")
		r.expectData(next, "hello")
		id = next
	}
	r.quiet()
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
	var n int
	var err error
	r.until(func() bool { // it may still be on its way
		n, err = unix.Read(int(fd), got)
		return err != unix.EAGAIN
	})
	if err != nil || string(got[:n]) != "after" {
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

// A connection that has failed is left like any other.
func TestLeavingWhatFailed(t *testing.T) {
	for _, kind := range []loop.OpKind{loop.Finish, loop.Close} {
		r := newRig(t, Options{})
		peer := r.attach(alice)
		peer.SetLinger(0)
		peer.Close()
		r.expect(loop.Failed, alice)
		r.do(loop.Op{Kind: kind, Conn: alice})
		r.until(func() bool { return r.conn(alice) == nil })
		r.quiet()
	}
}
