package prepared

import "bytes"

// StmtID is a statement of one shard. IDs are small and used again.
type StmtID uint32

// None is no statement.
const None StmtID = 0

const (
	// MaxText is the longest text, and the longest list of parameter types, that is shared. Longer ones are seldom
	// sent twice, and the caller passes them through.
	MaxText = 1 << 20
	// MaxTextBytes bounds all texts of a shard.
	MaxTextBytes = 256 << 20
	// MaxIdle is how many statements that nobody refers to are remembered, so that a client that prepares, closes and
	// prepares again costs no allocation. Servers keep theirs longer.
	MaxIdle = 1024
	// MaxIdleBytes bounds their texts.
	MaxIdleBytes = 4 << 20
	// maxRetired bounds the versions remembered of statements that are not.
	maxRetired = 4096
)

// Statements gives equal statements one StmtID. The zero value is not usable: NewStatements.
type Statements struct {
	byHash map[Hash]StmtID
	list   []statement // by StmtID; the first is nobody's
	free   []StmtID
	idle   idleList
	bytes  int // of all texts, the idle ones included

	retired  map[Hash]uint32 // versions of forgotten statements that were invalidated
	baseline uint32          // the version of statements that are not in retired
}

// statement is one text. What Go's collector sees of it is one pointer.
type statement struct {
	hash     Hash
	settings uint64
	data     []byte // server name, types, text
	types    int32  // length of types
	refs     int32
	version  uint32
	prev     StmtID // in the idle list, towards the most recently released
	next     StmtID
}

// NewStatements returns an empty table.
func NewStatements() *Statements {
	return &Statements{
		byHash:  make(map[Hash]StmtID),
		list:    make([]statement, 1),
		retired: make(map[Hash]uint32),
	}
}

// Intern returns the statement with these settings, parameter types (the raw part of Parse: a count and as many OIDs)
// and text (without its terminating zero), and retains it. It keeps no reference to the arguments. It
// returns None at a bound: types or text longer than MaxText, or all texts beyond MaxTextBytes.
func (s *Statements) Intern(settings uint64, types, text []byte) StmtID {
	if len(text) > MaxText || len(types) > MaxText {
		return None
	}
	h := hashOf(settings, types, text)
	if id, ok := s.byHash[h]; ok {
		st := &s.list[id]
		if st.settings != settings || !bytes.Equal(st.typeBytes(), types) || !bytes.Equal(st.text(), text) {
			return None // two texts with one hash: the second is passed through
		}
		s.retain(id)
		return id
	}
	return s.add(h, settings, types, text)
}

func (s *Statements) add(h Hash, settings uint64, types, text []byte) StmtID {
	size := ServerNameLen + len(types) + len(text)
	for s.bytes+size > MaxTextBytes {
		if !s.forgetOldest() {
			return None
		}
	}
	s.bytes += size
	data := make([]byte, 0, size)
	data = AppendServerName(data, h)
	data = append(data, types...)
	data = append(data, text...)

	id := s.slot()
	s.list[id] = statement{
		hash: h, settings: settings, data: data, types: int32(len(types)), refs: 1, version: s.firstVersion(h),
	}
	s.byHash[h] = id
	return id
}

// slot is an unused ID.
func (s *Statements) slot() StmtID {
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		return id
	}
	s.list = append(s.list, statement{})
	return StmtID(len(s.list) - 1)
}

// Retain counts one more reference.
func (s *Statements) Retain(id StmtID) {
	s.at(id)
	s.retain(id)
}

func (s *Statements) retain(id StmtID) {
	st := &s.list[id]
	if st.refs == 0 {
		s.unlinkIdle(id)
	}
	st.refs++
}

// Release counts one reference less. Without any, the ID and all views of the statement are invalid.
func (s *Statements) Release(id StmtID) {
	st := s.at(id)
	st.refs--
	if st.refs > 0 {
		return
	}
	s.linkIdle(id)
	for s.idle.count > MaxIdle || s.idle.bytes > MaxIdleBytes {
		s.forgetOldest()
	}
}

// Find is the statement with that hash, if anybody refers to it.
func (s *Statements) Find(h Hash) (StmtID, bool) {
	id, ok := s.byHash[h]
	return id, ok && s.list[id].refs > 0
}

// Text is the statement's text. A view, valid as long as the reference.
func (s *Statements) Text(id StmtID) []byte { return s.at(id).text() }

// Types is the parameter types, as they were in Parse. A view, valid as long as the reference.
func (s *Statements) Types(id StmtID) []byte { return s.at(id).typeBytes() }

// ServerName is the statement's name on servers, without a terminating zero. A view, valid as long as the reference.
func (s *Statements) ServerName(id StmtID) []byte {
	return s.at(id).data[:ServerNameLen:ServerNameLen]
}

// Settings is what it was interned with.
func (s *Statements) Settings(id StmtID) uint64 { return s.at(id).settings }

// Hash is the statement's key in every ServerSet.
func (s *Statements) Hash(id StmtID) Hash { return s.at(id).hash }

// Version is what a server's copy must have to be used.
func (s *Statements) Version(id StmtID) uint32 { return s.at(id).version }

// Invalidate makes every server's copy Stale.
func (s *Statements) Invalidate(id StmtID) { s.at(id).version++ }

// Len is the number of statements somebody refers to.
func (s *Statements) Len() int { return len(s.byHash) - s.idle.count }

// Bytes is the memory of all texts, those remembered without need included.
func (s *Statements) Bytes() int { return s.bytes }

// at is the statement that id refers to.
func (s *Statements) at(id StmtID) *statement {
	st := &s.list[id]
	if st.refs <= 0 {
		panic("bug: a prepared statement is used without a reference")
	}
	return st
}

func (st *statement) typeBytes() []byte {
	return st.data[ServerNameLen : ServerNameLen+int(st.types) : ServerNameLen+int(st.types)]
}

func (st *statement) text() []byte { return st.data[ServerNameLen+int(st.types):] }
