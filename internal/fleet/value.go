package fleet

import (
	"encoding/binary"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

const (
	// maxReadTables bounds the tables of a reply that is offered.
	maxReadTables = 1024
	// maxLeft bounds how long a reply is offered for.
	maxLeft = 24 * time.Hour

	valueVersion = 1
)

// overflow is the table that stands for those a Ledger does not tell apart: what it is differs from process to process.
const overflow = "(others)"

// isOffered reports whether a reply can be told to others: all of its tables have names that mean the same to them.
func isOffered(s *querycache.Shared) bool {
	if len(s.Tables) > maxReadTables || s.Left < time.Millisecond {
		return false
	}
	for _, name := range s.Tables {
		if name == overflow || len(name) > maxName {
			return false
		}
	}
	return true
}

// appendValue appends a reply as the store has it:
//
//	version 1, shape 8, position uvarint, left in ms uvarint, number of tables uvarint, of each length 1 and name, then the reply
func appendValue(b []byte, s *querycache.Shared) []byte {
	b = append(b, valueVersion)
	b = binary.BigEndian.AppendUint64(b, s.Shape)
	b = binary.AppendUvarint(b, s.Position)
	b = binary.AppendUvarint(b, uint64(min(s.Left, maxLeft)/time.Millisecond))
	b = binary.AppendUvarint(b, uint64(len(s.Tables)))
	for _, name := range s.Tables {
		b = append(b, byte(len(name)))
		b = append(b, name...)
	}
	return append(b, s.Reply...)
}

// readValue reads what appendValue has written; nil: it is malformed. The reply is not copied.
func readValue(b []byte) *querycache.Shared {
	d := decoder{rest: b, ok: true}
	version := d.byte()
	var s querycache.Shared
	if shape := d.bytes(8); shape != nil {
		s.Shape = binary.BigEndian.Uint64(shape)
	}
	s.Position = d.uvarint()
	left, n := d.uvarint(), d.uvarint()
	if !d.ok || version != valueVersion || left == 0 || left > uint64(maxLeft/time.Millisecond) || n > maxReadTables {
		return nil
	}
	s.Left = time.Duration(left) * time.Millisecond
	for range n {
		s.Tables = append(s.Tables, string(d.bytes(int(d.byte()))))
	}
	if s.Reply = d.rest; !d.ok || len(s.Reply) == 0 {
		return nil
	}
	return &s
}
