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
		return missing(s.target.User, "its password in plain text", s.target.Secret)
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
		return missing(s.target.User, "a password or an md5 hash", s.target.Secret)
	}
	return s.send(&pgproto3.PasswordMessage{Password: md5Answer(hash, m.Salt)})
}

// missing says what the server's method needs and what there is instead.
func missing(user, needed string, have Secret) error {
	return secretless("the server asks user %q for %s, but what we have is %s: give this user's password in auth, "+
		"or name another user with server_user", user, needed, kindNames[have.kind])
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
	keys, err := s.target.Secret.loginKeys(s.target.User)
	if err != nil {
		return err
	}
	s.exchange = &saslExchange{client: scram.NewClient(keys, newNonce())}
	mechanism, ok := s.exchange.client.Choose(m.AuthMechanisms, s.binding())
	switch {
	case s.secure == nil && slices.Contains(m.AuthMechanisms, scram.MechanismPlus):
		// As libpq has it: the server sees TLS where we see none.
		return permanent("the server offers %s, and this connection is not encrypted: somebody between takes TLS away; "+
			"connect to the server itself, or use mode require in server_tls", scram.MechanismPlus)
	case !ok:
		return permanent("the server offers SASL mechanisms %q, and we have %s, and on a TLS connection %s",
			m.AuthMechanisms, scram.Mechanism, scram.MechanismPlus)
	}
	first, err := s.exchange.client.Step(nil)
	if err != nil {
		return err
	}
	return s.send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: first})
}

// binding is what SCRAM can bind the connection to; nil if there is nothing.
func (s *serverLogin) binding() []byte {
	if s.secure == nil {
		return nil
	}
	return s.secure.Binding()
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
