//go:build !linux

package uring

import (
	"errors"
	"runtime"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Driver exists on Linux only.
type Driver struct{ loop.Driver }

// Probe says that io_uring is Linux.
func Probe() error {
	return &Unavailable{
		Cause: errors.New("this is " + runtime.GOOS + ": " + errors.ErrUnsupported.Error()),
		Cure:  "run on Linux 6.1 or later",
	}
}

// New fails as Probe does.
func New(Options) (*Driver, error) { return nil, Probe() }

// Stats is zero.
func (d *Driver) Stats() Stats { return Stats{} }
