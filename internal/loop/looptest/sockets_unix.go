//go:build unix

package looptest

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// Run runs the suite over socket pairs and over TCP.
func Run(t *testing.T, open Open) {
	t.Run("unix", func(t *testing.T) { RunOver(t, open, SocketPairs{}) })
	t.Run("tcp", func(t *testing.T) { RunOver(t, open, Loopback{}) })
}

// SocketPairs is connected pairs of Unix sockets.
type SocketPairs struct{}

// Pair makes one.
func (SocketPairs) Pair(t *testing.T) (int, Far) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatalf("making a socket pair: %v", err)
	}
	return prepared(t, fds[0]), &socket{fd: prepared(t, fds[1])}
}

// Near is the socket itself.
func (SocketPairs) Near(fd int) Far { return &socket{fd: fd} }

// Sockets is true.
func (SocketPairs) Sockets() bool { return true }

// Loopback is TCP connections of this host with itself.
type Loopback struct{}

// Pair makes one.
func (Loopback) Pair(t *testing.T) (int, Far) {
	t.Helper()
	near, far, err := loopbackPair()
	if err != nil {
		t.Fatalf("connecting over loopback: %v", err)
	}
	for _, fd := range []int{near, far} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			t.Fatalf("setting TCP_NODELAY: %v", err)
		}
	}
	return prepared(t, near), &socket{fd: prepared(t, far), tcp: true}
}

// Near is the socket itself.
func (Loopback) Near(fd int) Far { return &socket{fd: fd, tcp: true} }

// Sockets is true.
func (Loopback) Sockets() bool { return true }

// loopbackPair returns the accepted and the connecting end.
func loopbackPair() (near, far int, err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err := unix.Listen(listener, 1); err != nil {
		return 0, 0, err
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return 0, 0, err
	}
	if far, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return 0, 0, err
	}
	if err = unix.Connect(far, address); err == nil {
		near, _, err = unix.Accept(listener)
	}
	if err != nil {
		unix.Close(far)
	}
	return near, far, err
}

func prepared(t *testing.T, fd int) int {
	t.Helper()
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatalf("setting O_NONBLOCK: %v", err)
	}
	return fd
}

// socket is a Far that is a socket. It is closed once, whoever asks.
type socket struct {
	fd     int
	tcp    bool
	closed bool
}

func (s *socket) Write(p []byte) (int, error) {
	n, err := unix.SendmsgN(s.fd, p, nil, nil, unix.MSG_NOSIGNAL)
	return passed(n, err)
}

func (s *socket) Read(p []byte) (int, error) {
	n, err := passed(unix.Read(s.fd, p))
	if n == 0 && err == nil {
		// Ask again, to tell "nothing there" from "at the end".
		n, e := unix.Read(s.fd, p)
		if n == 0 && e == nil {
			return 0, io.EOF
		}
		return passed(n, e)
	}
	return n, err
}

// passed makes "not now" no error.
func passed(n int, err error) (int, error) {
	switch err {
	case nil:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	case unix.ECONNRESET, unix.EPIPE:
		return 0, ErrReset
	}
	return 0, err
}

func (s *socket) CloseWrite() error { return unix.Shutdown(s.fd, unix.SHUT_WR) }

// Reset closes a TCP socket without lingering, which sends a reset. A Unix socket resets its peer if it is closed with
// bytes unread; the caller sees to those.
func (s *socket) Reset() {
	if s.tcp {
		_ = unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	s.Close()
}

func (s *socket) Close() {
	if !s.closed {
		s.closed = true
		_ = unix.Close(s.fd)
	}
}
