package changes

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

const (
	// maxMessageBytes is what is kept of a message. Only a row can be longer, of which the first bytes are enough; the rest is skipped.
	maxMessageBytes = 1 << 20
	// maxRows bounds the rows of an answer: a few for each table of a database.
	maxRows = 1 << 20
	// partingTime is how long a connection that is closed may take to say so.
	partingTime = 100 * time.Millisecond
)

// conn is a logged-in connection. One goroutine reads, one writes.
type conn struct {
	net.Conn
	in    *bufio.Reader
	body  []byte // of the message that was received last
	out   []byte
	spare func() bool // the end of its context does not break it any more
}

func newConn(c net.Conn) *conn {
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 32<<10), spare: func() bool { return true }}
}

// receive is the next message. The whole of it, header included, is valid until the next call; what is longer than maxMessageBytes is
// cut there.
func (c *conn) receive() (kind byte, message []byte, err error) {
	header, err := c.in.Peek(pgwire.HeaderLen)
	if err != nil {
		return 0, nil, readError(err)
	}
	kind = header[0]
	length := pgwire.FrameLen(header)
	if length < pgwire.HeaderLen || length > pgwire.MaxFrame {
		return 0, nil, fmt.Errorf("the server sent message %q with a length that no message can have", kind)
	}
	kept := min(length, maxMessageBytes)
	if cap(c.body) < kept {
		c.body = make([]byte, kept)
	}
	if _, err := io.ReadFull(c.in, c.body[:kept]); err != nil {
		return 0, nil, readError(err)
	}
	if _, err := c.in.Discard(length - kept); err != nil {
		return 0, nil, readError(err)
	}
	return kind, c.body[:kept], nil
}

func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server has closed the connection")
	}
	return fmt.Errorf("reading from the server: %w", err)
}

// send sends messages. It gives up after the patience.
func (c *conn) send(messages []byte, patience time.Duration) error {
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write(messages); err != nil {
		return fmt.Errorf("writing to the server: %w", err)
	}
	return nil
}

// ask sends a query and returns its rows, NULLs empty.
func (c *conn) ask(text string, patience time.Duration) (rows [][]string, err error) {
	c.out = pgwire.AppendQuery(c.out[:0], text)
	if err := c.send(c.out, patience); err != nil {
		return nil, err
	}
	var refused error
	for {
		kind, message, err := c.receive()
		switch {
		case err != nil && refused != nil:
			return nil, refused // a FATAL one
		case err != nil:
			return nil, err
		case kind == 'E':
			refused = newServerError(message)
		case kind == 'D' && len(rows) == maxRows:
			return nil, fmt.Errorf("the server answers with more than %d rows", maxRows)
		case kind == 'D':
			rows = append(rows, row(message[pgwire.HeaderLen:]))
		case kind == 'Z':
			return rows, refused
		}
	}
}

func row(body []byte) []string {
	columns := pgwire.Columns(nil, body)
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = string(c)
	}
	return out
}

// part says farewell, which a server that hangs does not delay, and closes. Postgres drops the temporary slot then.
func (c *conn) part() {
	c.spare()
	c.SetDeadline(time.Now().Add(partingTime))
	_, _ = c.Write(pgwire.AppendEmpty(nil, pgwire.Terminate)) // whether or not it hears us
	c.Close()
}

// copyData makes a message for the stream.
func copyData(body []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte{pgwire.CopyData}, uint32(4+len(body)))
	return append(out, body...)
}

// serverError is an ErrorResponse.
type serverError struct{ code, message string }

func newServerError(message []byte) *serverError {
	return &serverError{string(pgwire.ErrorField(message, 'C')), string(pgwire.ErrorField(message, 'M'))}
}

func (e *serverError) Error() string {
	return fmt.Sprintf("the server says: %s (SQLSTATE %s)", e.message, e.code)
}
