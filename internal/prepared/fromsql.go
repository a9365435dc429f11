package prepared

import (
	"bytes"
	"encoding/binary"
)

// A statement made by PREPARE in SQL is kept as the client said it, from PREPARE to its end, with the place in it where
// its name stands. On servers the same text makes it, with the server's name in that place. So what Postgres says of it
// later, in errors and in pg_prepared_statements, is about the client's own text.
//
// Two of them are one if the texts are equal, name included. So the statements that one client makes in this way are never
// one under two names, and to replace one name by another in a text of several statements is safe.

// maxSQLName is the longest name that SQL can give.
const maxSQLName = 63

// sqlKey is where the name stands, and the name as Postgres understands it, in an odd number of bytes: in place of the
// parameter types, of which Parse has an even number of bytes.
type sqlKey [8 + maxSQLName + 1]byte

// InternSQL is Intern for the text of one PREPARE in which name stands at text[start:end]. It returns None at a bound, or
// if the name cannot be one.
func (s *Statements) InternSQL(settings uint64, name, text []byte, start, end int) StmtID {
	if len(name) == 0 || len(name) > maxSQLName || len(text) > MaxText {
		return None
	}
	var key sqlKey
	binary.LittleEndian.PutUint32(key[0:], uint32(start))
	binary.LittleEndian.PutUint32(key[4:], uint32(end))
	n := 8 + copy(key[8:], name)
	return s.Intern(settings, key[:n|1], text)
}

// FromSQL reports whether PREPARE has made the statement.
func (s *Statements) FromSQL(id StmtID) bool { return s.at(id).types&1 == 1 }

// SQLName is the name that PREPARE has given the statement. A view, valid as long as the reference.
func (s *Statements) SQLName(id StmtID) []byte {
	name := s.at(id).typeBytes()[8:]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	return name
}

// SQLNameAt is where in its text the name of a statement made by PREPARE stands.
func (s *Statements) SQLNameAt(id StmtID) (start, end int) {
	key := s.at(id).typeBytes()
	return int(binary.LittleEndian.Uint32(key)), int(binary.LittleEndian.Uint32(key[4:]))
}

// AppendPrepare appends the text that makes the statement on a server under the server's name for it.
func (s *Statements) AppendPrepare(dst []byte, id StmtID) []byte {
	text := s.Text(id)
	start, end := s.SQLNameAt(id)
	dst = append(dst, text[:start]...)
	dst = append(dst, s.ServerName(id)...)
	return append(dst, text[end:]...)
}
