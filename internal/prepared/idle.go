package prepared

import "encoding/binary"

// idleList is the statements nobody refers to, most recently released first.
type idleList struct {
	newest, oldest StmtID
	count, bytes   int
}

func (s *Statements) linkIdle(id StmtID) {
	st := &s.list[id]
	st.prev, st.next = None, s.idle.newest
	if s.idle.newest != None {
		s.list[s.idle.newest].prev = id
	} else {
		s.idle.oldest = id
	}
	s.idle.newest = id
	s.idle.count++
	s.idle.bytes += len(st.data)
}

func (s *Statements) unlinkIdle(id StmtID) {
	st := &s.list[id]
	if st.prev != None {
		s.list[st.prev].next = st.next
	} else {
		s.idle.newest = st.next
	}
	if st.next != None {
		s.list[st.next].prev = st.prev
	} else {
		s.idle.oldest = st.prev
	}
	s.idle.count--
	s.idle.bytes -= len(st.data)
}

// Sum is the beginning of a statement's hash: with it, an ID can be remembered without a reference, see Recall.
func (s *Statements) Sum(id StmtID) uint32 { return s.at(id).hash.sum() }

// Recall takes a reference to a statement that was known by its ID and Sum, and may have been forgotten since; false: it has.
func (s *Statements) Recall(id StmtID, sum uint32) bool {
	if st := &s.list[id]; st.data == nil || st.hash.sum() != sum {
		return false
	}
	s.retain(id)
	return true
}

func (h Hash) sum() uint32 { return binary.LittleEndian.Uint32(h[:]) }

// forgetOldest forgets the statement that has been idle longest. It reports false if there is none.
func (s *Statements) forgetOldest() bool {
	id := s.idle.oldest
	if id == None {
		return false
	}
	s.unlinkIdle(id)
	st := &s.list[id]
	s.retire(st.hash, st.version)
	delete(s.byHash, st.hash)
	s.bytes -= len(st.data)
	*st = statement{}
	s.free = append(s.free, id)
	return true
}

// retire remembers the version of a statement that is forgotten: servers may still hold older copies, which must
// not be taken for good when the same text comes again. When there is no more room for that, every statement
// to come begins with a version that none has had, and is prepared once more than needed.
func (s *Statements) retire(h Hash, version uint32) {
	if version == s.baseline {
		delete(s.retired, h)
		return
	}
	s.retired[h] = version
	if len(s.retired) <= maxRetired {
		return
	}
	s.baseline++
	for _, v := range s.retired {
		s.baseline = max(s.baseline, v+1)
	}
	for i := range s.list {
		s.baseline = max(s.baseline, s.list[i].version+1)
	}
	clear(s.retired)
}

func (s *Statements) firstVersion(h Hash) uint32 {
	if v, ok := s.retired[h]; ok {
		return v
	}
	return s.baseline
}
