package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Identity is who logs in.
type Identity struct {
	User, Database string
	// Settings is what the session is to begin with: names and values, by turns.
	Settings []string
	// Keys prove it by SCRAM-SHA-256; nil: the server must trust us.
	Keys *Keys
}

// The requests that an Authentication message makes.
const (
	authOK           = 0
	authSASL         = 10
	authSASLContinue = 11
	authSASLFinal    = 12
)

// saslResponse is the tag of both of a client's messages in an exchange.
const saslResponse = 'p'

// Entrance is the client's side of one login, up to ReadyForQuery. It reads no socket: tell it each message that came.
type Entrance struct {
	scram scram
	// proved: the server has shown that it knows the keys; or there are none.
	proved bool
}

// Begin begins anew, and appends the startup message to b.
func (e *Entrance) Begin(b []byte, who Identity) []byte {
	e.scram, e.proved = scram{keys: who.Keys}, who.Keys == nil
	body := append(Int32(version3), Text("user")...)
	for _, s := range append([]string{who.User, "database", who.Database}, who.Settings...) {
		body = append(body, Text(s)...)
	}
	body = append(body, 0)
	return append(append(b, Int32(len(body)+4)...), body...)
}

// Step takes one message and appends the answer to b, if there is one. ready: the server waits for a query.
func (e *Entrance) Step(tag byte, body, b []byte) (answer []byte, ready bool, err error) {
	switch tag {
	case ReadyForQuery:
		return b, true, nil
	case ErrorResponse:
		return b, false, fmt.Errorf("server refuses: %s", ErrorText(body))
	case Authentication:
		b, err = e.authenticate(body, b)
	}
	return b, false, err
}

// authenticate answers an Authentication message.
func (e *Entrance) authenticate(body, b []byte) ([]byte, error) {
	if len(body) < 4 {
		return b, errors.New("server sends an Authentication message that is cut short")
	}
	request, rest := binary.BigEndian.Uint32(body), body[4:]
	switch {
	case request == authOK && e.proved:
		return b, nil
	case request == authOK:
		return b, errors.New("server wants no password, where it was told to")
	case e.scram.keys == nil:
		return b, errors.New("server wants a password: let it trust its clients for this benchmark")
	case request == authSASL && bytes.Contains(rest, Text(Mechanism)):
		first := e.scram.first()
		return Append(b, saslResponse, Text(Mechanism), Int32(len(first)), first), nil
	case request == authSASLContinue:
		final, err := e.scram.final(rest)
		return Append(b, saslResponse, final), err
	case request == authSASLFinal:
		err := e.scram.check(rest)
		e.proved = err == nil
		return b, err
	}
	return b, fmt.Errorf("server asks for authentication of kind %d, which is not %s", request, Mechanism)
}

// Enter logs in over a connection, and returns at ReadyForQuery.
func Enter(c io.ReadWriter, who Identity) error {
	var e Entrance
	for b, ready := e.Begin(nil, who), false; !ready; {
		if _, err := c.Write(b); err != nil {
			return fmt.Errorf("logging in: %w", err)
		}
		for b = b[:0]; len(b) == 0 && !ready; {
			tag, body, err := readMessage(c)
			if err != nil {
				return fmt.Errorf("logging in: %w", err)
			}
			if b, ready, err = e.Step(tag, body, b); err != nil {
				return err
			}
		}
	}
	return nil
}
