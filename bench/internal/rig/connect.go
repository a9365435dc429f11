package rig

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Connect connects to an address from another, both IPv4, at any port, for a handler. It does not wait: what is sent goes
// when the connection is there, and if it cannot be the handler is told by Failed. Call it on the loop.
func (r *Rig) Connect(to netip.AddrPort, from netip.Addr, h Handler) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	if err := connect(fd, to, from); err != nil {
		unix.Close(fd)
		return err
	}
	if !r.open(fd, h) {
		unix.Close(fd)
		return fmt.Errorf("no room for more than %d connections", len(r.conns))
	}
	return nil
}

// connect begins to connect a socket.
func connect(fd int, to netip.AddrPort, from netip.Addr) error {
	if err := ChooseSource(fd); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}); err != nil {
		return fmt.Errorf("taking %v as the source: %w", from, err)
	}
	err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connecting to %v: %w", to, err)
	}
	return nil
}

// ChooseSource lets a socket that is bound to an address find its port when it connects, when it is known which are free
// towards that peer: those of connections that were closed in the last minute are not.
func ChooseSource(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("letting the port be found late: %w", err)
	}
	return nil
}

// Source is the n-th of many addresses of this machine. A connection blocks its pair of address and port for a minute
// after its end, so that one address would be out of ports after 28,000.
func Source(n uint64) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + n%64)}) }
