package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Listen listens on an address: host:port, or the path of a Unix socket if it begins with a slash. The socket, and the
// way to it, are open to every user: a pooler may run as another one.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen(networkOf(address), address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if networkOf(address) == "unix" {
		err = errors.Join(os.Chmod(address, 0o777), os.Chmod(filepath.Dir(address), 0o755))
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("opening the socket to other users: %w", err)
	}
	return l, nil
}

// Dial connects to an address as Listen takes it.
func Dial(address string) (net.Conn, error) { return net.Dial(networkOf(address), address) }

// networkOf tells the kind of an address.
func networkOf(address string) string {
	if address[0] == '/' {
		return "unix"
	}
	return "tcp"
}

// Serve accepts connections until the listener closes. Each is welcomed, with a number of its own, on its own
// goroutine, and then handed to the handler.
func (r *Rig) Serve(l net.Listener, h Handler, welcome func(c net.Conn, number uint32) error) {
	for number := uint32(1); ; number++ {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		go func() {
			if err := welcome(c, number); err != nil {
				c.Close()
				return
			}
			if err := r.Adopt(c, h); err != nil {
				fmt.Fprintln(os.Stderr, "taking a connection:", err)
			}
		}()
	}
}
