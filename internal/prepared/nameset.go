package prepared

import (
	"bytes"
	"hash/maphash"
)

// NameID is a name that at least one client of the shard uses.
type NameID uint32

// MaxNameBytes bounds the names of a shard, each counted once. A name may be as long as a message.
const MaxNameBytes = 256 << 20

// nameSet holds every name once: most clients use the same ones, S_1, stmtcache_…, lrupsc_….
type nameSet struct {
	byHash map[uint64]NameID // the first of those with that hash
	names  slab[nameEntry]
	bytes  blocks
	size   int
}

type nameEntry struct {
	hash  uint64
	next  NameID // with the same hash
	refs  uint32
	block uint32
	len   uint32
}

// find is the name's ID, 0 if nobody uses it.
func (s *nameSet) find(name []byte) NameID {
	return s.among(s.byHash[nameHash(name)], name)
}

func (s *nameSet) among(id NameID, name []byte) NameID {
	for id != 0 {
		e := s.names.at(uint32(id))
		if int(e.len) == len(name) && bytes.Equal(s.view(id), name) {
			break
		}
		id = e.next
	}
	return id
}

// view is the name's bytes, valid until it is released.
func (s *nameSet) view(id NameID) []byte {
	e := s.names.at(uint32(id))
	return s.bytes.view(e.block, int(e.len))
}

// retain returns the name's ID with one more reference, 0 if there is no room for it.
func (s *nameSet) retain(name []byte) NameID {
	h := nameHash(name)
	first := s.byHash[h]
	if id := s.among(first, name); id != 0 {
		s.names.at(uint32(id)).refs++
		return id
	}
	if s.size+blockSize(len(name)) > MaxNameBytes {
		return 0
	}
	s.size += blockSize(len(name))
	id := NameID(s.names.take())
	*s.names.at(uint32(id)) = nameEntry{
		hash: h, next: first, refs: 1, block: s.bytes.store(name), len: uint32(len(name)),
	}
	s.byHash[h] = id
	return id
}

// release gives one reference back.
func (s *nameSet) release(id NameID) {
	e := s.names.at(uint32(id))
	if e.refs--; e.refs > 0 {
		return
	}
	s.unchain(id, e)
	s.size -= blockSize(int(e.len))
	s.bytes.drop(e.block, int(e.len))
	s.names.put(uint32(id))
}

func (s *nameSet) unchain(id NameID, e *nameEntry) {
	switch first := s.byHash[e.hash]; {
	case first != id:
		for s.names.at(uint32(first)).next != id {
			first = s.names.at(uint32(first)).next
		}
		s.names.at(uint32(first)).next = e.next
	case e.next != 0:
		s.byHash[e.hash] = e.next
	default:
		delete(s.byHash, e.hash)
	}
}

func nameHash(name []byte) uint64 { return maphash.Bytes(seeds[0], name) }
