//go:build linux

package ring

import (
	"encoding/binary"
	"unsafe"
)

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// pollMask arranges poll events as the kernel reads them: halves swapped on big-endian systems (poll32_events).
func pollMask(events uint32) uint32 {
	if bigEndian {
		return events<<16 | events>>16
	}
	return events
}

// halves composes the 32-bit word that holds two neighbouring 16-bit fields.
func halves(first, second uint16) uint32 {
	pair := [2]uint16{first, second}
	return *(*uint32)(unsafe.Pointer(&pair))
}
