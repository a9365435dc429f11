package main

import (
	"fmt"
	"net"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// reserve returns the address if nobody has it, else one with a free port, and whoever asks next gets another.
// release gives it back.
//
// That nobody listens is not enough: Caddy's sockets share their port with those of a second Caddy, and two
// playgrounds that start at the same time would take turns at each other's clients. So each owns a name in the system's
// abstract namespace of Unix sockets, which dies with its process and leaves no file.
func reserve(addr string) (reserved string, release func() error, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, fmt.Errorf("reserving %s: %w", addr, err)
	}
	for range 100 {
		name, err := net.Listen("unix", "@pgmux-dev "+addr)
		if err == nil && free(addr) {
			return addr, name.Close, nil
		}
		if err == nil {
			name.Close()
		}
		port, err := pgtest.FreePort()
		if err != nil {
			return "", nil, err
		}
		addr = net.JoinHostPort(host, fmt.Sprint(port))
	}
	return "", nil, fmt.Errorf("reserving a port on %s: found none that is free", host)
}

// free reports that nobody listens at an address.
func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	l.Close()
	return true
}
