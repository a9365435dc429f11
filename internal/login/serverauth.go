package login

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// authenticate answers one Authentication message.
func (s *serverLogin) authenticate(body []byte) error {
	if len(body) < 4 {
		return errors.New("the server sent an Authentication message without a type")
	}
	kind := binary.BigEndian.Uint32(body)
	if s.exchange != nil {
		return s.continueSASL(kind, body)
	}
	switch kind {
	case pgproto3.AuthTypeOk:
		s.authenticated = true
		return nil
	case pgproto3.AuthTypeCleartextPassword:
		return s.sendPlain()
	case pgproto3.AuthTypeMD5Password:
		return s.sendMD5(body)
	case pgproto3.AuthTypeSASL:
		return s.beginSASL(body)
	}
	return permanent("the server asks for authentication of type %d, which is not supported: "+
		"use scram-sha-256, md5, password or trust in its pg_hba.conf", kind)
}

func (s *serverLogin) sendPlain() error {
	if s.target.Secret.kind != plainSecret {
		return s.missing("its password in plain text")
	}
	return s.send(&pgproto3.PasswordMessage{Password: s.target.Secret.text})
}

func (s *serverLogin) sendMD5(body []byte) error {
	var m pgproto3.AuthenticationMD5Password
	if err := m.Decode(body); err != nil {
		return fmt.Errorf("decoding AuthenticationMD5Password: %w", err)
	}
	hash, ok := s.target.Secret.md5Hash(s.target.User)
	if !ok {
		return s.missing("a password or an md5 hash")
	}
	return s.send(&pgproto3.PasswordMessage{Password: md5Answer(hash, m.Salt)})
}

// missing says what the server's method needs and what there is instead.
func (s *serverLogin) missing(needed string) error {
	return permanent("the server asks user %q for %s, but what we have is %s: give this user's password in auth, "+
		"or name another user with server_user", s.target.User, needed, kindNames[s.target.Secret.kind])
}

// saslExchange is SCRAM with a server.
type saslExchange struct {
	client   *scram.Client
	answered bool // our proof has been sent
}

func (s *serverLogin) beginSASL(body []byte) error {
	var m pgproto3.AuthenticationSASL
	if err := m.Decode(body); err != nil {
		return fmt.Errorf("decoding AuthenticationSASL: %w", err)
	}
	if !slices.Contains(m.AuthMechanisms, scram.Mechanism) {
		return permanent("the server offers SASL mechanisms %q and not %s", m.AuthMechanisms, scram.Mechanism)
	}
	if s.target.Secret.kind != plainSecret {
		return s.missing("its password (SCRAM)")
	}
	password := s.target.Secret.text
	s.exchange = &saslExchange{client: scram.NewClient(func(salt []byte, iterations int) (scram.Keys, error) {
		return process.derive(password, salt, iterations), nil
	}, newNonce())}
	first, err := s.exchange.client.Step(nil)
	if err != nil {
		return err
	}
	return s.send(&pgproto3.SASLInitialResponse{AuthMechanism: scram.Mechanism, Data: first})
}

// continueSASL goes on until the server has proved that it knows the password, and does not believe that it is
// satisfied before.
func (s *serverLogin) continueSASL(kind uint32, body []byte) error {
	switch {
	case kind == pgproto3.AuthTypeOk && s.exchange.client.Authenticated():
		s.authenticated = true
		return nil
	case kind == pgproto3.AuthTypeSASLContinue && !s.exchange.answered:
		answer, err := s.step(body)
		if err != nil {
			return err
		}
		s.exchange.answered = true
		return s.send(&pgproto3.SASLResponse{Data: answer})
	case kind == pgproto3.AuthTypeSASLFinal && s.exchange.answered && !s.exchange.client.Authenticated():
		_, err := s.step(body)
		return err
	}
	return fmt.Errorf("the server broke the SCRAM exchange with an Authentication message of type %d", kind)
}

func (s *serverLogin) step(body []byte) ([]byte, error) {
	answer, err := s.exchange.client.Step(body[4:])
	if errors.Is(err, scram.ErrSignature) {
		return nil, &configurationError{err}
	}
	return answer, err
}
