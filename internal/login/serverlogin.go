package login

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// maxServerMessageBytes bounds a message of a server during login: notices and errors can be long.
	maxServerMessageBytes = 64 << 10
	// maxServerMessages bounds how many there may be: Postgres sends some twenty.
	maxServerMessages = 1000
)

// serverLogin is one login to a server.
//
//	StartupMessage ── authentication ── AuthenticationOk ── ParameterStatus…, BackendKeyData ── ReadyForQuery: done
type serverLogin struct {
	*reader
	target        Target
	authenticated bool
	exchange      *saslExchange // once the server has asked for SASL
	server        Server
}

func (s *serverLogin) run() error {
	if err := s.sendStartup(); err != nil {
		return err
	}
	ready := false
	// What was read ahead of a ReadyForQuery is said to an idle session: read on to its end, so that the socket is
	// handed out between two messages and nothing is lost.
	for n := 0; !ready || len(s.unread()) > 0; n++ {
		if n == maxServerMessages {
			return fmt.Errorf("the server sent more than %d messages during login", maxServerMessages)
		}
		kind, raw, err := s.message(maxServerMessageBytes)
		if err != nil {
			return err
		}
		now, err := s.handle(kind, raw, ready)
		if err != nil {
			return err
		}
		ready = ready || now
	}
	return nil
}

// handle takes one message in, and tells whether it was the ReadyForQuery.
func (s *serverLogin) handle(kind byte, raw []byte, ready bool) (bool, error) {
	body := raw[headerBytes:]
	switch {
	case kind == 'E':
		return false, newServerError(raw)
	case kind == 'N':
		return false, nil // a notice to whoever logs in: nobody is there yet
	case kind == 'R' && !s.authenticated:
		return false, s.authenticate(body)
	case kind == 'S' && s.authenticated:
		var m pgproto3.ParameterStatus
		if err := m.Decode(body); err != nil {
			return false, fmt.Errorf("decoding ParameterStatus: %w", err)
		}
		s.server.Params = append(s.server.Params, Setting{m.Name, m.Value})
		return false, nil
	case kind == 'K' && s.authenticated && !ready:
		var m pgproto3.BackendKeyData
		if err := m.Decode(body); err != nil {
			return false, fmt.Errorf("decoding BackendKeyData: %w", err)
		}
		s.server.PID, s.server.Secret = m.ProcessID, m.SecretKey
		return false, nil
	case kind == 'Z' && s.authenticated && !ready:
		if string(body) != "I" {
			return false, fmt.Errorf("the server's first ReadyForQuery has status %q, not idle", body)
		}
		return true, nil
	case kind == 'v':
		return false, errors.New("the server does not speak protocol 3.0")
	}
	return false, fmt.Errorf("the server sent message %q, which has no place in a login", kind)
}
