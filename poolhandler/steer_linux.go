package poolhandler

import (
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// When a process ends whose port another has too, it closes its socket, and the kernel resets whom it has put into that
// socket's queue meanwhile. Accepting all of them right before leaves a gap. So the kernel is first told to put everybody into
// the other's queue (SO_ATTACH_REUSEPORT_CBPF: a program that says which of the sockets, by their order), and who had begun
// to shake hands with the old socket has handshakePatience to finish. Measured on one host with 16 connecting all the time,
// in 100 hand-overs: 23 resets by closing alone, 2 by accepting first, none by steering away first. The sysctl
// net.ipv4.tcp_migrate_req has the kernel do all of this by itself; not everybody may set it.

// handshakePatience is for clients as far away as that.
const handshakePatience = time.Second

// A connection to this host takes ownPatience at the most, and is in the queue of one of the sockets then: there it is looked
// for as long as queuePatience.
const (
	ownPatience   = time.Second
	queuePatience = 25 * time.Millisecond
)

// steerAway has the kernel give all who come from now on to the only other socket of the port, and tells whether it does.
// Which of the two is which, the kernel does not tell: so one is tried, and a connection made to see.
func (l *entrance) steerAway(p *process) bool {
	if sharersOf(l.fd) != 2 {
		return false
	}
	for index := range uint32(2) {
		if steer(l.fd, index) != nil {
			return false
		}
		if gets, err := l.getsOwn(p); err == nil && !gets {
			return true
		}
	}
	unsteer(l.fd)
	return false
}

// steer has the kernel put everybody who connects to a shared port into the queue of the socket with this index.
func steer(fd int, index uint32) error {
	program := [...]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: index}}
	header := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		uintptr(unsafe.Pointer(&header)), unsafe.Sizeof(header), 0)
	if errno != 0 {
		return fmt.Errorf("steering connections: %w", errno)
	}
	return nil
}

// unsteer has the kernel deal out connections again. A socket that has just come to a port does it too: what a predecessor
// has said about the order of sockets is not true any more.
func unsteer(fd int) { unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0) }

// getsOwn makes a connection to the port and tells whether this socket gets it. Others who come are let in.
func (l *entrance) getsOwn(p *process) (bool, error) {
	conn, err := net.DialTimeout("tcp", l.reachable(), ownPatience)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	for end := time.Now().Add(queuePatience); time.Now().Before(end); l.await(queuePatience / 5) {
		for fd, err := acceptFD(l.fd); err == nil; fd, err = acceptFD(l.fd) {
			if peerOf(fd) == conn.LocalAddr().String() {
				closeFD(fd)
				return true, nil
			}
			p.accepted(l.name, fd)
		}
	}
	return false, nil
}

// reachable is where this host reaches the socket.
func (l *entrance) reachable() string {
	name, err := unix.Getsockname(l.fd)
	if err != nil {
		return ""
	}
	at := tcpAddr(name)
	switch {
	case at.IP.Equal(net.IPv4zero):
		at.IP = net.IPv4(127, 0, 0, 1)
	case at.IP.Equal(net.IPv6unspecified):
		at.IP = net.IPv6loopback
	}
	return at.String()
}

func peerOf(fd int) string {
	name, err := unix.Getpeername(fd)
	if err != nil {
		return ""
	}
	return tcpAddr(name).String()
}

func tcpAddr(name unix.Sockaddr) *net.TCPAddr {
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	}
	return &net.TCPAddr{}
}

// await waits until somebody connects.
func (l *entrance) await(patience time.Duration) {
	polled := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	_, _ = unix.Poll(polled, int(patience/time.Millisecond))
}
