package prepared

import (
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
)

// Hash is what a statement says, in 128 bits, the same on every shard of this process and on no other process.
type Hash [16]byte

// Two seeds, drawn when the process starts: nobody outside can look for texts with equal hashes.
var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// hashOf hashes the parts one by one and then their hashes, so that no byte can pass from one part to the next.
func hashOf(settings uint64, types, text []byte) (h Hash) {
	var parts [5 * 8]byte
	binary.LittleEndian.PutUint64(parts[0:], settings)
	binary.LittleEndian.PutUint64(parts[8:], maphash.Bytes(seeds[0], types))
	binary.LittleEndian.PutUint64(parts[16:], maphash.Bytes(seeds[1], types))
	binary.LittleEndian.PutUint64(parts[24:], maphash.Bytes(seeds[0], text))
	binary.LittleEndian.PutUint64(parts[32:], maphash.Bytes(seeds[1], text))
	binary.LittleEndian.PutUint64(h[0:], maphash.Bytes(seeds[0], parts[:]))
	binary.LittleEndian.PutUint64(h[8:], maphash.Bytes(seeds[1], parts[:]))
	return h
}

// ServerNamePrefix begins every name we give to a statement on a server. No client may see one (trap 20).
const ServerNamePrefix = "pgmux_"

// ServerNameLen is the length of such a name, far below the 63 bytes SQL cuts names to.
const ServerNameLen = len(ServerNamePrefix) + 2*len(Hash{})

// AppendServerName appends the name of a statement on servers.
func AppendServerName(dst []byte, h Hash) []byte {
	return hex.AppendEncode(append(dst, ServerNamePrefix...), h[:])
}

// ParseServerName is the way back, for what a server says of our statements. It reports false for other names.
func ParseServerName(name []byte) (h Hash, ok bool) {
	if len(name) != ServerNameLen || string(name[:len(ServerNamePrefix)]) != ServerNamePrefix {
		return h, false
	}
	_, err := hex.Decode(h[:], name[len(ServerNamePrefix):])
	return h, err == nil
}
