//go:build unix

package login

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// TakeFD takes a plain socket out of Go: the descriptor is a duplicate, close-on-exec and non-blocking, and the
// net.Conn is closed, which leaves the runtime's poller and timers behind. On an error the connection is as it
// was. What conn wraps, if anything, must not have read ahead.
//
// Never by way of File().Fd(): it makes the socket blocking, also in the duplicate.
func TakeFD(conn net.Conn) (int, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("taking over a connection: %T is not a plain socket", conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("taking over a connection: %w", err)
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return -1, fmt.Errorf("taking over a connection: %w", err)
	}
	if dupErr != nil {
		return -1, fmt.Errorf("taking over a connection (is the limit of open files reached?): %w", dupErr)
	}
	conn.Close() // cannot lose anything: the duplicate keeps the socket
	return fd, nil
}
