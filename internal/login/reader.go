package login

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// readAheadBytes is what one read may bring beyond what was asked for. A whole login fits.
const readAheadBytes = 1024

// reader reads a connection in exact portions, and knows what it has read ahead. Its memory is bounded by the
// largest portion asked for, or what it began with.
type reader struct {
	conn net.Conn
	buf  []byte // buf[at:] has been read from the connection and not been asked for
	at   int
}

// newReader begins with bytes that somebody else has read already. It copies them.
func newReader(conn net.Conn, already []byte) *reader {
	r := &reader{conn: conn, buf: make([]byte, 0, max(readAheadBytes, len(already)))}
	r.buf = append(r.buf, already...)
	return r
}

// unread is what was read ahead. It is the caller's if nothing is read any more.
func (r *reader) unread() []byte { return r.buf[r.at:] }

// next returns exactly n bytes, valid until the next call. It fails with io.EOF only if there was none at all.
func (r *reader) next(n int) ([]byte, error) {
	if err := r.fill(n); err != nil {
		return nil, err
	}
	r.at += n
	return r.buf[r.at-n : r.at], nil
}

// fill reads until n bytes are unread.
func (r *reader) fill(n int) error {
	if len(r.unread()) >= n {
		return nil
	}
	if cap(r.buf)-r.at < n {
		moved := r.buf[:0]
		if cap(r.buf) < n {
			moved = make([]byte, 0, n)
		}
		r.buf, r.at = append(moved, r.unread()...), 0
	}
	for len(r.unread()) < n {
		got, err := r.conn.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+got]
		if err != nil && len(r.unread()) < n {
			if errors.Is(err, io.EOF) && len(r.unread()) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// errOversized says that a message is longer, or shorter, than any that could be meant.
var errOversized = errors.New("message of impossible length")

// headerBytes is a message's type and length.
const headerBytes = 5

// message reads one message with a type. raw is the whole of it, header included, valid until the next call.
func (r *reader) message(maxBody int) (kind byte, raw []byte, err error) {
	if err := r.fill(headerBytes); err != nil {
		return 0, nil, err
	}
	header := r.unread()[:headerBytes]
	kind = header[0]
	body := int64(binary.BigEndian.Uint32(header[1:])) - 4
	if body < 0 || body > int64(maxBody) {
		return kind, nil, fmt.Errorf("%w: type %q, %d bytes, not 0 to %d", errOversized, kind, body, maxBody)
	}
	raw, err = r.next(headerBytes + int(body))
	return kind, raw, err
}
