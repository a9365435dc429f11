package poolhandler

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// What we ask of the system beyond package net. Elsewhere nothing is provisioned, so nothing of this is reached.

// fileLimit is RLIMIT_NOFILE.
func fileLimit() (uint64, error) {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return min(l.Cur, 1<<40), err // it may be "infinity"
}

// nextFD is the number that the next descriptor will have.
func nextFD() (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return fd, err
}

func closeFD(fd int) { unix.Close(fd) }

// duplicate is another descriptor of the same socket.
func duplicate(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// socketPair is two sockets, each the other's peer.
func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// setBacklog sets how many connections may wait to be accepted.
func setBacklog(fd, backlog int) error { return unix.Listen(fd, backlog) }

// Keep-alive of connections: the first probe after five idle minutes, then every half minute, and dead after five
// unanswered. Go's own 15 seconds would be 66,000 probes a second for a million idle clients.
const (
	keepIdle     = 300
	keepInterval = 30
	keepCount    = 5
)

// setOptions sets what we care about on a TCP socket, whoever made it. A Unix socket has none of it and says so;
// nothing depends on it.
func setOptions(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepIdle)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepInterval)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepCount)
}

// listenName is the port or path of a listening stream socket, "" for anything else.
func listenName(fd int) string {
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return ""
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		return ""
	}
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return strconv.Itoa(a.Port)
	case *unix.SockaddrInet6:
		return strconv.Itoa(a.Port)
	case *unix.SockaddrUnix:
		return a.Name
	}
	return ""
}
