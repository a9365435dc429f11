package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The codes that stand where a StartupMessage has its protocol version.
const (
	version3      = 3 << 16
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssRequest    = 80877104
)

// startupLimit is the largest startup packet, as in Postgres (MAX_STARTUP_PACKET_LENGTH).
const startupLimit = 10000

// messageLimit bounds what is read before the first ReadyForQuery.
const messageLimit = 1 << 20

// errCancel says that a connection was made for a CancelRequest only.
var errCancel = errors.New("a cancel request, not a session")

// Login is the client's side: it logs in to a server that trusts it, and returns at ReadyForQuery.
func Login(c io.ReadWriter, user, database string) error {
	return Enter(c, Identity{User: user, Database: database})
}

// awaitReady reads up to ReadyForQuery.
func awaitReady(r io.Reader) error {
	for {
		tag, body, err := readMessage(r)
		switch {
		case err != nil:
			return fmt.Errorf("waiting for ReadyForQuery: %w", err)
		case tag == ReadyForQuery:
			return nil
		case tag == ErrorResponse:
			return fmt.Errorf("server refuses: %s", ErrorText(body))
		}
	}
}

// RoundTrip sends one query and reads its whole reply.
func RoundTrip(c io.ReadWriter, query []byte) error {
	if _, err := c.Write(query); err != nil {
		return fmt.Errorf("sending a query: %w", err)
	}
	return awaitReady(c)
}

// Welcome is the server's side: it refuses encryption, reads the startup message and lets everybody in. pid and
// secret become the cancel key.
func Welcome(c io.ReadWriter, pid, secret uint32) error {
	if err := readStartup(c); err != nil {
		return err
	}
	b := Append(nil, Authentication, Int32(authOK))
	for _, p := range Parameters {
		b = Append(b, 'S', Text(p[0]), Text(p[1]))
	}
	b = Append(b, 'K', Int32(int(pid)), Int32(int(secret)))
	b = Append(b, ReadyForQuery, []byte("I"))
	if _, err := c.Write(b); err != nil {
		return fmt.Errorf("answering the startup message: %w", err)
	}
	return nil
}

// Parameters is what a Postgres 15 reports.
var Parameters = [][2]string{
	{"application_name", ""},
	{"client_encoding", "UTF8"},
	{"DateStyle", "ISO, MDY"},
	{"default_transaction_read_only", "off"},
	{"in_hot_standby", "off"},
	{"integer_datetimes", "on"},
	{"IntervalStyle", "postgres"},
	{"is_superuser", "on"},
	{"server_encoding", "UTF8"},
	{"server_version", "15.14"},
	{"session_authorization", "bench"},
	{"standard_conforming_strings", "on"},
	{"TimeZone", "UTC"},
}

// readStartup reads up to a StartupMessage.
func readStartup(c io.ReadWriter) error {
	for {
		var head [8]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return fmt.Errorf("reading the startup message: %w", err)
		}
		size, code := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
		if size < 8 || size > startupLimit {
			return fmt.Errorf("startup message of %d bytes", size)
		}
		if _, err := io.CopyN(io.Discard, c, int64(size)-8); err != nil {
			return fmt.Errorf("reading the startup message: %w", err)
		}
		switch code {
		case sslRequest, gssRequest:
			if _, err := c.Write([]byte("N")); err != nil {
				return fmt.Errorf("refusing encryption: %w", err)
			}
		case cancelRequest:
			return errCancel
		default:
			return nil
		}
	}
}

// readMessage reads one message.
func readMessage(r io.Reader) (tag byte, body []byte, err error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > messageLimit {
		return 0, nil, fmt.Errorf("message %q of %d bytes", head[0], size)
	}
	body = make([]byte, size-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}
