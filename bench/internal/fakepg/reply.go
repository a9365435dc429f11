package fakepg

import (
	"bytes"
	"strings"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// verb is what a statement does, as far as the fake knows.
type verb uint8

const (
	other    verb = iota // answered with its first word as the tag
	nothing              // the empty query
	selects              // one row of one column: 1
	begins               // opens a transaction
	commits              // ends one
	rollback             // ends one, whatever its state
	fails                // an error, on demand
)

// statement is what is remembered of a text.
type statement struct {
	verb verb
	tag  string // of CommandComplete
}

// oneColumn is the RowDescription of `SELECT 1`: ?column?, an int4 as text, of no table.
var oneColumn = wire.Append(nil, 'T', wire.Int16(1), wire.Text("?column?"),
	wire.Int32(0), wire.Int16(0), wire.Int32(23), wire.Int16(4), wire.Int32(-1), wire.Int16(0))

// oneRow is the DataRow and the CommandComplete of `SELECT 1`.
var oneRow = wire.Append(wire.Append(nil, wire.DataRow, wire.Int16(1), wire.Int32(1), []byte("1")),
	'C', wire.Text("SELECT 1"))

// The replies without content.
var (
	parseComplete  = wire.Append(nil, '1')
	bindComplete   = wire.Append(nil, '2')
	closeComplete  = wire.Append(nil, '3')
	noData         = wire.Append(nil, 'n')
	noParameters   = wire.Append(nil, 't', wire.Int16(0))
	emptyQuery     = wire.Append(nil, 'I')
	readyStatus    = map[byte][]byte{'I': ready('I'), 'T': ready('T'), 'E': ready('E')}
	simpleSelect   = append(append([]byte{}, oneColumn...), append(oneRow, ready('I')...)...)
	failedOnDemand = wire.AppendError(nil, "22012", "division by zero")
	inFailed       = wire.AppendError(nil, "25P02", "current transaction is aborted, commands ignored until end of transaction block")
)

func ready(status byte) []byte { return wire.Append(nil, wire.ReadyForQuery, []byte{status}) }

// read makes a statement of a text.
func read(sql []byte) statement {
	if bytes.HasPrefix(sql, []byte("SELECT ")) {
		return statement{verb: selects} // without the allocations below
	}
	word := strings.ToUpper(strings.TrimRight(strings.TrimSpace(string(sql)), ";"))
	if strings.HasPrefix(word, "DISCARD ALL") {
		return statement{tag: "DISCARD ALL"}
	}
	if strings.HasPrefix(word, "DEALLOCATE ALL") {
		return statement{tag: "DEALLOCATE ALL"}
	}
	word, _, _ = strings.Cut(word, " ")
	switch word {
	case "":
		return statement{verb: nothing}
	case "SELECT":
		return statement{verb: selects}
	case "BEGIN", "START":
		return statement{verb: begins, tag: "BEGIN"}
	case "COMMIT", "END":
		return statement{verb: commits, tag: "COMMIT"}
	case "ROLLBACK", "ABORT":
		return statement{verb: rollback, tag: "ROLLBACK"}
	case "FAIL":
		return statement{verb: fails}
	}
	return statement{tag: word}
}
