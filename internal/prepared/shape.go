package prepared

import (
	"hash/maphash"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// Shape is a fingerprint of the columns that a statement returns, as far as Postgres tells them and holds a prepared
// statement to them: their names, types and type modifiers. It means the same on every shard of this process. The zero
// value is one that is not known.
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
	var h maphash.Hash
	h.SetSeed(seeds[0])
	for rest := body[min(2, len(body)):]; ; {
		name, fields, ok := pgwire.CString(rest)
		if !ok || len(fields) < columnFields {
			break
		}
		_, _ = h.Write(rest[:len(name)+1])
		_, _ = h.Write(fields[columnType : columnType+4])
		_, _ = h.Write(fields[columnModifier : columnModifier+4])
		rest = fields[columnFields:]
	}
	return max(Shape(h.Sum64()), manyShapes)
}

// Where the fields of a column stand behind its name: a table and a column of it, a type and its length and modifier, a
// format.
const (
	columnType     = 6
	columnModifier = 12
	columnFields   = 18
)
