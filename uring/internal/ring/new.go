//go:build linux && !giouring

package ring

// Name says which implementation New returns.
const Name = "kernel"

// New makes a ring, disabled.
func New(c Config) (Ring, error) { return NewKernel(c) }
