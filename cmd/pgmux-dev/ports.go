package main

import (
	"fmt"
	"net"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// reserve returns the address if nobody has it, else one with a free port, and whoever asks next gets another.
// release gives it back. Two playgrounds that start at the same time would else take turns at each other's clients.
func reserve(addr string) (reserved string, release func() error, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, fmt.Errorf("reserving %s: %w", addr, err)
	}
	for range 100 {
		if claim := pgtest.Claim("pgmux-dev", addr); claim != nil {
			return addr, claim.Close, nil
		}
		port, err := pgtest.FreePort()
		if err != nil {
			return "", nil, err
		}
		addr = net.JoinHostPort(host, fmt.Sprint(port))
	}
	return "", nil, fmt.Errorf("reserving a port on %s: found none that is free", host)
}
