//go:build e2e

package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// client is a raw protocol client that writes down what it is told.
type client struct {
	t    testing.TB
	conn net.Conn
	*pgproto3.Frontend
	// pid and secret are its cancel key.
	pid    uint32
	secret []byte
	// heard is everything received, one message a line, without what differs between two sessions.
	heard []string
}

// connect logs a raw client in as role app.
func connect(t testing.TB, addr string, params ...string) *client {
	t.Helper()
	c, err := tryConnect(t, addr, params...)
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	return c
}

// tryConnect logs in, with further startup parameters as name, value, …; user and database may be among them.
func tryConnect(t testing.TB, addr string, params ...string) (*client, error) {
	t.Helper()
	c, err := dial(t, addr)
	if err != nil {
		return nil, err
	}
	return c, c.logIn(pgproto3.ProtocolVersion30, params...)
}

// logIn logs in over a connection that is there.
func (c *client) logIn(version uint32, params ...string) error {
	startup := &pgproto3.StartupMessage{ProtocolVersion: version, Parameters: map[string]string{"user": "app", "database": "app"}}
	for i := 0; i+1 < len(params); i += 2 {
		startup.Parameters[params[i]] = params[i+1]
	}
	c.Send(startup)
	if err := c.Flush(); err != nil {
		return err
	}
	for {
		msg, err := c.receive()
		if err != nil {
			return err
		}
		if refused, ok := msg.(*pgproto3.ErrorResponse); ok {
			return fmt.Errorf("%s %s: %s (%s %s)", refused.Severity, refused.Code, refused.Message, refused.Detail, refused.Hint)
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			c.sortParameters()
			return nil
		}
	}
}

// dial connects without a word said.
func dial(t testing.TB, addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, Frontend: pgproto3.NewFrontend(conn, conn)}, nil
}

// sortParameters: servers report parameters in an order of their own.
func (c *client) sortParameters() { slices.Sort(c.heard) }

// receive reads one message and writes it down.
func (c *client) receive() (pgproto3.BackendMessage, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	msg, err := c.Receive()
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
			err = io.EOF
		}
		return nil, err
	}
	if key, ok := msg.(*pgproto3.BackendKeyData); ok {
		c.pid, c.secret = key.ProcessID, slices.Clone(key.SecretKey)
	}
	c.heard = append(c.heard, line(msg))
	return msg, nil
}

// newTable is the object id of a table that is not one of Postgres's own.
var newTable = regexp.MustCompile(`"TableOID":(1638[4-9]|1639\d|16[4-9]\d\d|1[7-9]\d{3}|\d{6,}|[2-9]\d{4})`)

// line is a message as a line of text, less process ids, keys and object ids that a new table changes.
func line(msg pgproto3.BackendMessage) string {
	switch m := msg.(type) {
	case *pgproto3.BackendKeyData:
		return "BackendKeyData"
	case *pgproto3.NotificationResponse:
		return fmt.Sprintf("NotificationResponse %s %s", m.Channel, m.Payload)
	case *pgproto3.ErrorResponse:
		return fmt.Sprintf("ErrorResponse %s %s %q detail %q hint %q position %d where %q", m.Severity, m.Code,
			m.Message, m.Detail, m.Hint, m.Position, m.Where)
	case *pgproto3.NoticeResponse:
		return fmt.Sprintf("NoticeResponse %s %s %q", m.Severity, m.Code, m.Message)
	}
	text, err := json.Marshal(msg)
	if err != nil {
		return fmt.Sprintf("%T (%v)", msg, err)
	}
	text = newTable.ReplaceAll(text, []byte(`"TableOID":"new"`))
	if len(text) > 300 {
		text = fmt.Appendf(text[:200], "… %d bytes", len(text))
	}
	return string(text)
}

// say sends messages in one piece.
func (c *client) say(msgs ...pgproto3.FrontendMessage) {
	c.t.Helper()
	for _, m := range msgs {
		c.Send(m)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if err := c.Flush(); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
}

// hear receives until the n-th ReadyForQuery and returns what was said meanwhile.
func (c *client) hear(n int) []string {
	c.t.Helper()
	return c.hearUntil("ReadyForQuery", n)
}

// hearUntil receives until the n-th message of a type.
func (c *client) hearUntil(kind string, n int) []string {
	c.t.Helper()
	from := len(c.heard)
	for n > 0 {
		msg, err := c.receive()
		if err != nil {
			c.t.Fatalf("receiving: %v; heard so far:\n%s", err, strings.Join(c.heard[from:], "\n"))
		}
		if strings.HasSuffix(fmt.Sprintf("%T", msg), "."+kind) {
			n--
		}
	}
	return c.heard[from:]
}

// hearEnd receives until the connection ends.
func (c *client) hearEnd() []string {
	c.t.Helper()
	from := len(c.heard)
	for {
		if _, err := c.receive(); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				c.t.Fatalf("the connection stays open; heard:\n%s", strings.Join(c.heard[from:], "\n"))
			}
			c.heard = append(c.heard, "end")
			return c.heard[from:]
		}
	}
}

// query runs a simple query.
func (c *client) query(sql string) []string {
	c.t.Helper()
	c.say(&pgproto3.Query{String: sql})
	return c.hear(1)
}

// value runs a simple query with one answer.
func (c *client) value(sql string) string {
	c.t.Helper()
	c.say(&pgproto3.Query{String: sql})
	value := ""
	for {
		msg, err := c.receive()
		if err != nil {
			c.t.Fatalf("receiving the answer to %q: %v", sql, err)
		}
		switch m := msg.(type) {
		case *pgproto3.DataRow:
			value = string(m.Values[0])
		case *pgproto3.ErrorResponse:
			c.t.Fatalf("%q: %s %s: %s", sql, m.Severity, m.Code, m.Message)
		case *pgproto3.ReadyForQuery:
			return value
		}
	}
}

// vanish closes the connection without a word, as a killed process does.
func (c *client) vanish() { c.conn.Close() }

// leave says goodbye.
func (c *client) leave() {
	c.say(&pgproto3.Terminate{})
	c.conn.Close()
}

// cancel sends a CancelRequest with the client's key and waits until it was taken.
func (c *client) cancel(addr string) {
	c.t.Helper()
	sendCancel(c.t, addr, c.pid, c.secret)
}

func sendCancel(t testing.TB, addr string, pid uint32, secret []byte) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatalf("connecting to cancel: %v", err)
	}
	defer conn.Close()
	packet := binary.BigEndian.AppendUint32(nil, uint32(12+len(secret)))
	packet = binary.BigEndian.AppendUint32(packet, 80877102)
	packet = binary.BigEndian.AppendUint32(packet, pid)
	packet = append(packet, secret...)
	if _, err := conn.Write(packet); err != nil {
		t.Fatalf("sending a cancel: %v", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, conn)
}

// contains reports whether a line of a transcript has all the words.
func contains(lines []string, words ...string) bool {
	return slices.ContainsFunc(lines, func(l string) bool {
		for _, w := range words {
			if !strings.Contains(l, w) {
				return false
			}
		}
		return true
	})
}

// mustContain demands a line with all the words.
func mustContain(t testing.TB, lines []string, words ...string) {
	t.Helper()
	if !contains(lines, words...) {
		t.Fatalf("no message with %q in:\n%s", words, strings.Join(lines, "\n"))
	}
}

// mustNotContain demands that no line has all the words.
func mustNotContain(t testing.TB, lines []string, words ...string) {
	t.Helper()
	if contains(lines, words...) {
		t.Fatalf("a message with %q in:\n%s", words, strings.Join(lines, "\n"))
	}
}
