//go:build !linux

package epoll

import (
	"errors"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Driver exists on Linux only.
type Driver struct{ loop.Driver }

// New fails.
func New(Options) (*Driver, error) {
	return nil, errors.New("opening epoll: this system has none; run on Linux")
}

// Stats is never reached: there is no Driver.
func (d *Driver) Stats() Stats { return Stats{} }
