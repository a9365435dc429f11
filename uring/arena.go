//go:build linux

package uring

import (
	"unsafe"

	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// arena is memory for what submissions of one turn point to and nobody else holds: small sends gathered into one,
// messages and vectors, descriptors to install. The kernel has read it when it has taken the submissions.
type arena struct {
	mem  []byte
	used int
}

// arenaBytes: a turn that needs more enters the kernel once more.
const arenaBytes = 256 << 10

func (a *arena) open() (err error) {
	a.mem, err = ring.MapMemory(arenaBytes)
	return err
}

func (a *arena) close() error {
	if a.mem == nil {
		return nil
	}
	return ring.UnmapMemory(a.mem)
}

func (a *arena) reset() { a.used = 0 }

// fits tells whether n bytes are left, with what aligning them may take.
func (a *arena) fits(n int) bool { return a.used+n+arenaAlign <= len(a.mem) }

const arenaAlign = 8

func (a *arena) bytes(n int) []byte {
	a.used = (a.used + arenaAlign - 1) &^ (arenaAlign - 1)
	b := a.mem[a.used : a.used+n : a.used+n]
	a.used += n
	return b
}

func (a *arena) int32() *int32 { return (*int32)(unsafe.Pointer(&a.bytes(4)[0])) }
