package querycache

import (
	"crypto/sha256"
	"encoding/binary"
)

// A shared key is a key as other processes make it, too. Pool and settings are hashes in a key that mean nothing elsewhere; in their place is
// told, by names, whose reply it is (AppendName).
//
//	version 1 | length of whose 4 | whose | kind and what follows, of the key

// sharedVersion is another one where a reply means something else to those that come after us.
const sharedVersion = 1

// private is how many bytes of a key mean nothing to other processes.
const private = 16

// AppendName appends one of the parts that say whose reply it is: they are told apart by their lengths, so different parts make different
// names.
func AppendName(dst []byte, name string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(name)))
	return append(dst, name...)
}

// SharedKeyOf is the shared key of a read with that key; whose is AppendName of everything that pool and settings stand for in it.
func SharedKeyOf(key, whose []byte) (shared SharedKey) {
	if len(key) < private {
		panic("bug: querycache: what is to be shared has no key")
	}
	h := sha256.New()
	h.Write(AppendName([]byte{sharedVersion}, string(whose)))
	h.Write(key[private:])
	h.Sum(shared[:0])
	return shared
}
