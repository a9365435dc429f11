package querycache

import (
	"encoding/binary"
	"hash/maphash"
)

// A key is everything that must be equal for two reads to have the same reply, but for what is in the tables: whose pool of servers it
// is (pool, database and user), the settings that change results, how the reply is asked for, and what is asked, with all parameters.
//
//	pool 8 | settings 8 | kind 1 | length of types 4 | length of text 4 | types | text | tail
//
// Lengths stand before parts and the tail ends where the key does, so different parts make different keys.

// AppendKey appends the key of a read: types are the parameter types as a Parse has them, tail is what a Bind has behind its names
// (formats, values, result formats). Either may be empty.
func AppendKey(dst []byte, pool, settings uint64, kind Kind, types, text, tail []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, pool)
	dst = binary.LittleEndian.AppendUint64(dst, settings)
	dst = append(dst, byte(kind))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(types)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
	dst = append(dst, types...)
	dst = append(dst, text...)
	return append(dst, tail...)
}

// keySeed is of this process: who does not know it cannot make keys of equal hashes.
var keySeed = maphash.MakeSeed()

// Hash is the hash of a key, another one in every process, and never 0.
func Hash(key []byte) uint64 { return max(maphash.Bytes(keySeed, key), 1) }
