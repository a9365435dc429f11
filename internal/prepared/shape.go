package prepared

import (
	"encoding/binary"
	"math/bits"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// Shape is a fingerprint of the columns that a statement returns, as far as Postgres tells them and holds a prepared
// statement to them: their names, types and type modifiers. It means the same in every process of this version, so that they can tell each
// other what a reply returns. The zero value is one that is not known.
type Shape uint64

// Copy is what is known of a statement on a server.
type Copy struct {
	// Shape is what it returns, 0 if that has not been asked. It stays the same as long as the copy lives: Postgres refuses
	// it rather than return anything else.
	Shape Shape
	// At is a number of the caller's: when it was made.
	At uint32
}

const (
	// NoRows is the shape of what returns nothing.
	NoRows Shape = 1 + iota
	// TooWide is that of a description too long to be looked at.
	TooWide
	// manyShapes is the first of all others.
	manyShapes
)

// ShapeOf is the shape that the body of a RowDescription tells. The formats of the columns, which each Bind chooses, and
// the tables that they come from are no part of it.
func ShapeOf(body []byte) Shape {
	sum := uint64(shapeVersion)
	for rest := body[min(2, len(body)):]; ; {
		name, fields, ok := pgwire.CString(rest)
		if !ok || len(fields) < columnFields {
			break
		}
		sum = mixed(sum, rest[:len(name)+1])
		sum = mixed(sum, fields[columnType:columnType+4])
		sum = mixed(sum, fields[columnModifier:columnModifier+4])
		rest = fields[columnFields:]
	}
	return max(Shape(sum), manyShapes)
}

// shapeVersion is another one where shapes are made otherwise, so that they are not taken for what they are not.
const shapeVersion = 0x706f6f6c_73686101

// mixed adds bytes, and how many there are, to a sum: who knows how could look for two that are equal, but to have clients take the one for the
// other he would have to own what they select from.
func mixed(sum uint64, b []byte) uint64 {
	sum ^= uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		sum = mix(sum ^ binary.LittleEndian.Uint64(b))
	}
	var last [8]byte
	copy(last[:], b)
	return mix(sum ^ binary.LittleEndian.Uint64(last[:]))
}

// mix spreads every bit over all: a product with an odd number, its upper half folded into the lower one, and what it came from.
func mix(v uint64) uint64 {
	high, low := bits.Mul64(v, 0x9e3779b97f4a7c15)
	return high ^ low ^ bits.RotateLeft64(v, 32)
}

// Where the fields of a column stand behind its name: a table and a column of it, a type and its length and modifier, a
// format.
const (
	columnType     = 6
	columnModifier = 12
	columnFields   = 18
)
