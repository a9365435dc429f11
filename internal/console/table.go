package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// kind is the type of a column, by the letter that PgBouncer's source has for it.
type kind byte

const (
	textKind    kind = 's'
	int4Kind    kind = 'i'
	int8Kind    kind = 'q'
	numericKind kind = 'N' // a whole number
)

var typeOIDs = map[kind]uint32{textKind: 25, int4Kind: 23, int8Kind: 20, numericKind: 1700}
var typeSizes = map[kind]int16{textKind: -1, int4Kind: 4, int8Kind: 8, numericKind: -1}

// columns is the names of a table's columns with their types: one letter each, in the order of the names.
type columns struct {
	kinds string
	names []string
}

// table is the answer to a SHOW: rows of strings, ints, int64s, uint64s, and nils, which are NULL.
type table struct {
	columns
	rows   [][]any
	notice string // what else there is to say
}

// maxRows bounds the clients, and the servers, of one answer: some 60 MiB each, and with the columns of sockets 95.
const maxRows = 100_000

// cut leaves out what is beyond maxRows, and says so.
func cut[T any](t *table, what string, rows []T) []T {
	if len(rows) <= maxRows {
		return rows
	}
	t.notice = fmt.Sprintf("only %d %s are shown; GET /postgres/%s of the admin API has all, page by page", maxRows, what, what)
	return rows[:maxRows]
}

func (t *table) add(row ...any) {
	if len(row) != len(t.names) || len(row) != len(t.kinds) {
		panic(fmt.Sprintf("bug: a row of %d values for %d columns of %d types: %v", len(row), len(t.names), len(t.kinds), t.names))
	}
	t.rows = append(t.rows, row)
}

// describe is the RowDescription, with the formats that were asked for.
func (c *columns) describe(formats []int16) *pgproto3.RowDescription {
	out := &pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, len(c.names))}
	for i, name := range c.names {
		k := kind(c.kinds[i])
		out.Fields[i] = pgproto3.FieldDescription{
			Name: []byte(name), DataTypeOID: typeOIDs[k], DataTypeSize: typeSizes[k], TypeModifier: -1, Format: formatOf(formats, i),
		}
	}
	return out
}

// formatOf is the format of a column: none asked for is text, and one is that of all.
func formatOf(formats []int16, column int) int16 {
	switch len(formats) {
	case 0:
		return pgproto3.TextFormat
	case 1:
		return formats[0]
	}
	return formats[column]
}

// checkFormats says why these formats cannot be those of the columns.
func (c *columns) checkFormats(formats []int16) error {
	if n := len(formats); n > 1 && n != len(c.names) {
		return &problem{state: protocolViolation, message: fmt.Sprintf("bind message has %d result formats but query has %d columns", n, len(c.names))}
	}
	for _, f := range formats {
		if f != pgproto3.TextFormat && f != pgproto3.BinaryFormat {
			return &problem{state: invalidParameterValue, message: fmt.Sprintf("unsupported format code: %d", f)}
		}
	}
	return nil
}

// dataRow is a row in the formats that were asked for.
func (c *columns) dataRow(row []any, formats []int16) *pgproto3.DataRow {
	out := &pgproto3.DataRow{Values: make([][]byte, len(row))}
	for i, v := range row {
		out.Values[i] = encode(kind(c.kinds[i]), v, formatOf(formats, i) == pgproto3.BinaryFormat)
	}
	return out
}

// encode is a value; nil is NULL.
func encode(k kind, v any, binary bool) []byte {
	if v == nil {
		return nil
	}
	if k == textKind {
		return []byte(strings.ToValidUTF8(v.(string), "�")) // clients choose names, and client_encoding is UTF8
	}
	n := whole(v)
	if k == int4Kind {
		n = min(n, math.MaxInt32) // PgBouncer's would overflow
	}
	if binary {
		return appendBinary(nil, k, n)
	}
	return strconv.AppendUint(nil, n, 10)
}

// whole is a number that is not negative.
func whole(v any) uint64 {
	switch n := v.(type) {
	case int:
		return uint64(max(n, 0))
	case int64:
		return uint64(max(n, 0))
	case uint64:
		return n
	}
	panic(fmt.Sprintf("bug: %T as a number", v))
}
