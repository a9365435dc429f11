//go:build unix

package looptest

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// queueLength is how many clients may wait to be accepted.
const queueLength = 1000

// Listen listens at a path.
func (SocketPairs) Listen(t *testing.T) (int, func() Far) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	fd := listening(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: path})
	return fd, func() Far { return &socket{fd: connected(t, unix.AF_UNIX, fd)} }
}

// Listen listens on a port.
func (Loopback) Listen(t *testing.T) (int, func() Far) {
	t.Helper()
	fd := listening(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	return fd, func() Far { return &socket{fd: connected(t, unix.AF_INET, fd), tcp: true} }
}

func listening(t *testing.T, family int, at unix.Sockaddr) int {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatalf("making a socket: %v", err)
	}
	if err := unix.Bind(fd, at); err != nil {
		t.Fatalf("binding: %v", err)
	}
	if err := unix.Listen(fd, queueLength); err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return prepared(t, fd)
}

// connected is a socket connected to one that listens here: both kinds have connected when they are in the queue.
func connected(t *testing.T, family, listener int) int {
	t.Helper()
	to, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatalf("asking where it listens: %v", err)
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatalf("making a socket: %v", err)
	}
	if err := unix.Connect(fd, to); err != nil {
		t.Fatalf("connecting: %v", err)
	}
	return prepared(t, fd)
}

// flagsOf tells what is so about a descriptor.
func flagsOf(t *testing.T, fd int) (blocks, inherited bool) {
	t.Helper()
	status, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil {
		t.Fatal(err)
	}
	return status&unix.O_NONBLOCK == 0, own&unix.FD_CLOEXEC == 0
}

// forbidDescriptors does something while the process may open no more descriptors.
func forbidDescriptors(t *testing.T, do func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	do()
}
