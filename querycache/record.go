package querycache

import (
	"bytes"
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// Recording is a reply while it passes. It is complete, and may be served again, only if
//
//  1. its messages are those of its kind, in that order, and nothing else: no notice, no ParameterStatus, no notification, no error, no
//     portal that is suspended, no COPY;
//  2. its command tag is SELECT with the number of its rows, so it is no SELECT INTO either;
//  3. it ends as it is to, outside a transaction or inside (status I or T); what follows is of the next reply;
//  4. it is no longer than its bound.
//
// Anything else fails it. The zero value is not begun: it has failed.
type Recording struct {
	kind  Kind
	state State
	ends  byte // the status that it is to end with
	max   int
	buf   []byte
	at    int // where in buf the next message begins
	part  int // of its kind, the next one
	skip  int // bytes of the ParseComplete that came first
	rows  int
	// The body of the RowDescription is buf[columns:columnsEnd].
	columns, columnsEnd int
}

// State is how far a Recording is.
type State uint8

// Of the states a recording goes through, Failed is the last, and the zero value.
const (
	Failed State = iota
	Going
	Complete
)

// Begin begins a recording of at most max bytes, a ParseComplete not counted, that is to end with a status of the transaction. It takes
// over buf, of earlier recordings, to write to.
func (r *Recording) Begin(kind Kind, ends byte, max int, buf []byte) {
	*r = Recording{kind: kind, state: Going, ends: ends, max: max, buf: buf[:0]}
}

// Add is bytes as the client is sent them, in any pieces. They are copied. It costs next to nothing once the recording has failed. It
// returns how many of them are of this reply, if that is complete now.
func (r *Recording) Add(b []byte) (taken int) {
	if r.state != Going {
		return 0
	}
	had := len(r.buf)
	b = b[:min(len(b), r.max+pgwire.HeaderLen-len(r.buf)+1)] // what is more is of the next reply, or too much
	r.buf = append(r.buf, b...)
	for r.state == Going && r.next() {
	}
	if r.state == Complete {
		r.buf = r.buf[:r.at]
	}
	if len(r.buf)-r.skip > r.max {
		r.state = Failed
	}
	return r.at - had
}

// next takes the next message, and reports whether it was there as a whole.
func (r *Recording) next() bool {
	b := r.buf[r.at:]
	if len(b) < pgwire.HeaderLen {
		return false
	}
	n := pgwire.FrameLen(b)
	if n < pgwire.HeaderLen || r.at+n > r.max+pgwire.HeaderLen {
		r.state = Failed
		return false
	}
	if len(b) < n {
		return false
	}
	r.take(b[0], b[pgwire.HeaderLen:n])
	r.at += n
	return true
}

// take looks at one message.
func (r *Recording) take(typ byte, body []byte) {
	var ok bool
	if r.part, ok = r.kind.follow(r.part, typ); !ok {
		r.state = Failed
		return
	}
	switch typ {
	case pgwire.ParseComplete:
		r.skip = pgwire.HeaderLen + len(body)
	case pgwire.RowDescription:
		r.columns = r.at + pgwire.HeaderLen
		r.columnsEnd = r.columns + len(body)
	case pgwire.DataRow:
		r.rows++
	case pgwire.CommandComplete:
		r.keep(selected(body, r.rows), Going)
	case pgwire.ReadyForQuery:
		r.keep(len(body) == 1 && body[0] == r.ends, Complete)
	}
}

// keep goes to a state if that is right, or fails.
func (r *Recording) keep(right bool, to State) {
	if r.state = Failed; right {
		r.state = to
	}
}

// selected reports whether the body of a CommandComplete says that so many rows were selected.
func selected(body []byte, rows int) bool {
	var digits [20]byte
	tag, _, ok := pgwire.CString(body)
	n, isSelect := bytes.CutPrefix(tag, []byte("SELECT "))
	return ok && isSelect && bytes.Equal(n, strconv.AppendInt(digits[:0], int64(rows), 10))
}

// State is how far it is.
func (r *Recording) State() State { return r.state }

// Reply is a copy, of exact size, of a complete one, as it is outside a transaction, without the ParseComplete that came first: whether
// there is one depends on who asks.
func (r *Recording) Reply() []byte {
	if r.state != Complete {
		panic("bug: querycache: a reply that is not complete was asked for")
	}
	reply := make([]byte, len(r.buf)-r.skip)
	copy(reply, r.buf[r.skip:])
	reply[len(reply)-1] = pgwire.StatusIdle // the last message is a ReadyForQuery
	return reply
}

// Rows is how many rows have passed.
func (r *Recording) Rows() int { return r.rows }

// Columns is the body of the RowDescription that has passed; nil: there was none. A view, valid until the next Begin, and as long as nobody
// uses what Buffer returns.
func (r *Recording) Columns() []byte {
	if r.columns == 0 {
		return nil
	}
	return r.buf[r.columns:r.columnsEnd:r.columnsEnd]
}

// Buffer is what it was written to, for another recording. This one is over.
func (r *Recording) Buffer() []byte {
	r.state = Failed
	return r.buf[:0]
}
