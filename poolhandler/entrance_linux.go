package poolhandler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/config"
)

// openEntrance opens a listening, non-blocking socket, which is nothing of Go's. Its queue is as long as a listener's may be
// (see guard.go).
func openEntrance(a config.ListenAddress) (l *entrance, err error) {
	l = &entrance{address: a}
	switch a.Network {
	case "fd":
		l.fd, err = inherited(a.Host)
	case "unix":
		l.fd, err = listenAtPath(a.Host)
	default:
		l.fd, err = listenAtPort(a.Network, net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))))
	}
	if err != nil {
		return nil, fmt.Errorf("listening at %s: %w%s", a, err, listenCure(err))
	}
	if backlog := maxBacklog(); backlog < somaxconn() {
		err = setBacklog(l.fd, backlog)
	}
	if err == nil {
		err = l.setMode(a.Mode)
	}
	if err != nil {
		abandonEntrances([]*entrance{l})
		return nil, fmt.Errorf("listening at %s: %w", a, err)
	}
	return l, nil
}

func listenCure(err error) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return "; another program has it: stop that one (`ss -ltnp` shows it), or choose another address"
	case errors.Is(err, unix.EACCES):
		return "; ports below 1024 need CAP_NET_BIND_SERVICE, and a path a directory that Caddy may write to"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "; no interface of this host has that address: `ip address` shows those it has"
	case errors.Is(err, unix.EMFILE):
		return "; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)"
	}
	return ""
}

// listenAtPort shares the port with other processes of this user, so that a successor can be there before this one leaves.
func listenAtPort(network, address string) (int, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if outer := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); outer != nil {
			return outer
		}
		return err
	}}
	lc.SetMultipathTCP(false)
	fd, err := ownDescriptor(lc.Listen(context.Background(), network, address))
	if err == nil {
		unsteer(fd)
	}
	return fd, err
}

// listenAtPath replaces what a program that has died left at the path, and nothing else.
func listenAtPath(path string) (int, error) {
	if !strings.HasPrefix(path, "@") {
		if err := clearPath(path); err != nil {
			return -1, err
		}
	}
	listener, err := net.Listen("unix", path)
	if err == nil {
		listener.(*net.UnixListener).SetUnlinkOnClose(false)
	}
	return ownDescriptor(listener, err)
}

// pathPatience is how long somebody at a path gets to take a connection.
const pathPatience = time.Second

func clearPath(path string) error {
	is, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case is.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is no socket; move it, or choose another path")
	}
	conn, err := net.DialTimeout("unix", path, pathPatience)
	if err == nil {
		conn.Close()
	}
	if err == nil || !errors.Is(err, unix.ECONNREFUSED) {
		return unix.EADDRINUSE
	}
	return os.Remove(path)
}

// ownDescriptor is the socket of a listener, taken out of Go.
func ownDescriptor(listener net.Listener, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	defer listener.Close()
	raw, err := listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	if outer := raw.Control(func(original uintptr) { fd, err = duplicate(int(original)) }); outer != nil {
		return -1, outer
	}
	return fd, err
}

// inherited is a listening socket that somebody else has made: systemd, for a .socket unit. The descriptor itself stays open
// for as long as the process lives.
func inherited(number string) (int, error) {
	original, err := strconv.Atoi(number)
	if err != nil {
		return -1, err
	}
	if listening, err := unix.GetsockoptInt(original, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return -1, fmt.Errorf("descriptor %d is no listening socket; have systemd start Caddy with a .socket unit (LISTEN_FDS is %q here)",
			original, os.Getenv("LISTEN_FDS"))
	}
	if kind, err := unix.GetsockoptInt(original, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return -1, fmt.Errorf("descriptor %d is no stream socket; write ListenStream= in the .socket unit", original)
	}
	unix.CloseOnExec(original)
	if err := unix.SetNonblock(original, true); err != nil {
		return -1, err
	}
	return duplicate(original)
}

// setMode sets the permissions of a path, 0200 where none are written, as Caddy does.
func (l *entrance) setMode(mode string) error {
	if l.address.Network != "unix" || strings.HasPrefix(l.address.Host, "@") {
		return nil
	}
	if mode == "" {
		mode = "0200"
	}
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err == nil {
		err = os.Chmod(l.address.Host, fs.FileMode(bits))
	}
	if err == nil && l.file == nil {
		l.file, err = os.Lstat(l.address.Host)
	}
	return err
}

// unlink removes the path, if it is still this socket's.
func (l *entrance) unlink() {
	if l.file == nil {
		return
	}
	if is, err := os.Lstat(l.address.Host); err == nil && os.SameFile(is, l.file) {
		os.Remove(l.address.Host)
	}
}

// acceptFD takes one client out of the queue of a listening, non-blocking socket.
func acceptFD(listening int) (int, error) {
	fd, _, err := unix.Accept4(listening, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}
