package load

import (
	"encoding/binary"
	"fmt"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// visit is a short connection: it logs in, asks one query, and goes. It reads no socket.
type visit struct {
	entrance wire.Entrance
	partial  []byte // of a message that has not come as a whole
	asked    bool
	rows     int
}

// messageLimit bounds a message that a visitor is told.
const messageLimit = 1 << 16

// begin begins anew, and appends what is said first to b.
func (v *visit) begin(b []byte, who wire.Identity) []byte {
	v.partial, v.asked, v.rows = v.partial[:0], false, 0
	return v.entrance.Begin(b, who)
}

// received takes what came and appends the answer to b. over: the answer is the last word, after which the visitor closes.
func (v *visit) received(data, b []byte) (answer []byte, over bool, err error) {
	if len(v.partial) > 0 {
		v.partial = append(v.partial, data...)
		data = v.partial
	}
	for err == nil && !over && len(data) >= 5 {
		total := 1 + int(binary.BigEndian.Uint32(data[1:]))
		if total < 5 || total > messageLimit {
			return b, false, fmt.Errorf("a visitor received a message %q of %d bytes", data[0], total)
		}
		if total > len(data) {
			break
		}
		b, over, err = v.message(data[0], data[5:total], b)
		data = data[total:]
	}
	if over && len(data) > 0 {
		err = fmt.Errorf("a visitor received %d bytes after the end of its reply", len(data))
	}
	v.partial = append(v.partial[:0], data...)
	return b, over, err
}

// message takes one message.
func (v *visit) message(tag byte, body, b []byte) (answer []byte, over bool, err error) {
	if !v.asked {
		b, v.asked, err = v.entrance.Step(tag, body, b)
		if v.asked {
			b = wire.AppendQuery(b, sql)
		}
		return b, false, err
	}
	switch tag {
	case wire.DataRow:
		v.rows++
	case wire.ErrorResponse:
		return b, false, fmt.Errorf("a query failed: %s", wire.ErrorText(body))
	case wire.ReadyForQuery:
		if v.rows != 1 || string(body) != "I" {
			return b, false, fmt.Errorf("a reply with %d rows and status %q", v.rows, body)
		}
		return wire.Append(b, wire.Terminate), true, nil
	}
	return b, false, nil
}
