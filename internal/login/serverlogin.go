package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

const (
	// maxServerMessageBytes bounds a message of a server during login: notices and errors can be long.
	maxServerMessageBytes = 64 << 10
	// maxServerMessages bounds how many there may be: Postgres sends some twenty.
	maxServerMessages = 1000
)

// serverLogin is one login to a server.
//
//	SSLRequest, TLS? ── StartupMessage ── authentication ── AuthenticationOk ── ParameterStatus…, BackendKeyData ──
//	ReadyForQuery: done
type serverLogin struct {
	*reader
	secure        *secure.Conn // if the connection is encrypted
	target        Target
	messages      int // so far
	authenticated bool
	ready         bool          // there was the ReadyForQuery
	exchange      *saslExchange // once the server has asked for SASL
	server        Server
}

// run logs in. Then s.conn is what to go on with, encrypted or not.
func (s *serverLogin) run(ctx context.Context, conn net.Conn) (err error) {
	if s.secure, err = encryptServer(ctx, conn, s.target.Address, s.target.TLS); err != nil {
		return err
	}
	if s.secure != nil {
		conn = s.secure
	}
	s.reader = newReader(conn, nil)
	if err := s.sendStartup(); err != nil {
		return s.alertBehind(err)
	}
	return s.read()
}

// alertBehind is what the server has said before it closed the connection that we could not write to: with TLS 1.3 it
// looks at our certificate after we take the handshake for done.
func (s *serverLogin) alertBehind(err error) error {
	if s.secure == nil || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	if said := s.fill(1); isAlert(said) {
		return said
	}
	return err
}

// handOver takes TLS off the socket. It may have read further than we have: what that is, is said to an idle session too.
func (s *serverLogin) handOver() error {
	if s.secure == nil {
		return nil
	}
	inner, unread, err := s.secure.Release()
	if err != nil {
		return fmt.Errorf("taking TLS off the connection: %w", err)
	}
	s.server.Layer = s.secure
	s.reader = newReader(&released{Conn: inner, layer: s.secure}, unread)
	return s.read()
}

// read reads to the ReadyForQuery. What was read ahead of it is said to an idle session: read on to its end, so that the
// socket is handed out between two messages and nothing is lost.
func (s *serverLogin) read() error {
	for !s.ready || len(s.unread()) > 0 {
		if s.messages++; s.messages > maxServerMessages {
			return fmt.Errorf("the server sent more than %d messages during login", maxServerMessages)
		}
		kind, raw, err := s.message(maxServerMessageBytes)
		if err != nil {
			return err
		}
		if err := s.handle(kind, raw); err != nil {
			return err
		}
	}
	return nil
}

// handle takes one message in.
func (s *serverLogin) handle(kind byte, raw []byte) error {
	body := raw[headerBytes:]
	switch {
	case kind == 'E':
		return newServerError(raw)
	case kind == 'N':
		return nil // a notice to whoever logs in: nobody is there yet
	case kind == 'R' && !s.authenticated:
		return s.authenticate(body)
	case kind == 'S' && s.authenticated:
		var m pgproto3.ParameterStatus
		if err := m.Decode(body); err != nil {
			return fmt.Errorf("decoding ParameterStatus: %w", err)
		}
		s.server.Params = append(s.server.Params, Setting{m.Name, m.Value})
		return nil
	case kind == 'K' && s.authenticated && !s.ready:
		var m pgproto3.BackendKeyData
		if err := m.Decode(body); err != nil {
			return fmt.Errorf("decoding BackendKeyData: %w", err)
		}
		s.server.PID, s.server.Secret = m.ProcessID, m.SecretKey
		return nil
	case kind == 'Z' && s.authenticated && !s.ready:
		if string(body) != "I" {
			return fmt.Errorf("the server's first ReadyForQuery has status %q, not idle", body)
		}
		s.ready = true
		return nil
	case kind == 'v':
		return errors.New("the server does not speak protocol 3.0")
	}
	return fmt.Errorf("the server sent message %q, which has no place in a login", kind)
}
