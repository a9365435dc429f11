//go:build linux

package ring

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MapMemory returns zeroed memory that is not Go's: page-aligned, never moved, unseen by the collector. UnmapMemory
// gives it back.
func MapMemory(bytes int) ([]byte, error) {
	m, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", bytes, err)
	}
	return m, nil
}

// UnmapMemory frees memory of MapMemory.
func UnmapMemory(m []byte) error { return unix.Munmap(m) }
