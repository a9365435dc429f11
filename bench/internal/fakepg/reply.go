package fakepg

import (
	"encoding/binary"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// The replies without content.
var (
	parseComplete  = wire.Append(nil, '1')
	bindComplete   = wire.Append(nil, '2')
	closeComplete  = wire.Append(nil, '3')
	noData         = wire.Append(nil, 'n')
	noParameters   = wire.Append(nil, 't', wire.Int16(0))
	emptyQuery     = wire.Append(nil, 'I')
	rolledBack     = complete("ROLLBACK")
	readyStatus    = map[byte][]byte{'I': ready('I'), 'T': ready('T'), 'E': ready('E')}
	simpleSelect   = append(append(append([]byte{}, oneColumn...), oneRow...), append(complete("SELECT 1"), ready('I')...)...)
	failedOnDemand = wire.AppendError(nil, "22012", "division by zero")
	inFailed       = wire.AppendError(nil, "25P02", "current transaction is aborted, commands ignored until end of transaction block")
)

// The columns and the row of `SELECT 1`: ?column?, an int4 as text, of no table.
var (
	oneColumn = columns(1, 23, 4)
	oneRow    = appendRow(nil, []byte("1"))
)

func ready(status byte) []byte { return wire.Append(nil, wire.ReadyForQuery, []byte{status}) }

func complete(tag string) []byte { return wire.Append(nil, 'C', wire.Text(tag)) }

// textColumns is the RowDescription of so many texts.
func textColumns(n int) []byte { return columns(n, 25, -1) }

// columns is the RowDescription of so many columns of a type, which has a size.
func columns(n, kind, size int) []byte {
	body := wire.Int16(n)
	for range n {
		for _, part := range [][]byte{wire.Text("?column?"), wire.Int32(0), wire.Int16(0), wire.Int32(kind), wire.Int16(size), wire.Int32(-1), wire.Int16(0)} {
			body = append(body, part...)
		}
	}
	return wire.Append(nil, 'T', body)
}

// appendRow appends a DataRow; nil is NULL.
func appendRow(out []byte, values ...[]byte) []byte {
	at := len(out)
	out = append(out, wire.DataRow, 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint16(out, uint16(len(values)))
	for _, v := range values {
		if v == nil {
			out = binary.BigEndian.AppendUint32(out, 1<<32-1)
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(v)))
		out = append(out, v...)
	}
	binary.BigEndian.PutUint32(out[at+1:], uint32(len(out)-at-1))
	return out
}
