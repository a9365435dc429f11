package login

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

const (
	// maxSASLBytes bounds a SASL message of a client with its frame: the mechanism's name and a length beside it.
	maxSASLBytes = scram.MaxMessageBytes + 64
	// maxPasswordBytes bounds a password message: cloud tokens are used as passwords and take some kilobytes.
	maxPasswordBytes = 16 << 10
)

// errDenied is why a client is told that password authentication failed; around it is what the log is told.
var errDenied = errors.New("password authentication failed")

var errWrongPassword = fmt.Errorf("%w: the password is wrong", errDenied)

// authenticate lets the client prove that it is the user. Whatever is wrong with user and password, it takes the
// same messages and the same work, and the client is told the same; the Refusal's Cause tells the log.
func (h *handshake) authenticate(user string, auth Auth) error {
	if auth.Method == Trust {
		return nil
	}
	secret, known := auth.Credentials.Lookup(user)
	var err error
	switch {
	case auth.Method == Plain:
		err = h.plain(user, secret)
	case auth.Method == MD5 && (secret.kind == plainSecret || secret.kind == md5Secret):
		err = h.md5(user, secret)
	default:
		err = h.scram(user, secret)
	}
	if !errors.Is(err, errDenied) {
		return err
	}
	if !known {
		err = errors.New("there is no such user")
	} else if unsupported := secret.Supports(auth.Method); unsupported != nil {
		err = fmt.Errorf("user %q %w", user, unsupported)
	}
	return &Refusal{
		SQLState: invalidPassword,
		Message:  fmt.Sprintf("password authentication failed for user \"%s\"", user),
		Hint:     "Check the user's name and password; `auth` of the pool says who may log in.",
		Cause:    err,
	}
}

func (h *handshake) scram(user string, secret Secret) error {
	verifier, _ := secret.scramVerifier(user)
	conversation := scram.NewServer(verifier, newNonce())
	h.queue(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{scram.Mechanism}})
	body, err := h.saslResponse()
	if err != nil {
		return err
	}
	message, refusal := parseSASLInitial(body)
	if refusal != nil {
		return refusal
	}
	if message == nil { // the client wants to be asked first
		h.queue(&pgproto3.AuthenticationSASLContinue{})
		if message, err = h.saslResponse(); err != nil {
			return err
		}
	}
	reply, err := conversation.Step(message)
	if err != nil {
		return scramRefusal(err)
	}
	h.queue(&pgproto3.AuthenticationSASLContinue{Data: reply})
	if message, err = h.saslResponse(); err != nil {
		return err
	}
	if reply, err = conversation.Step(message); err != nil {
		return scramRefusal(err)
	}
	h.queue(&pgproto3.AuthenticationSASLFinal{Data: reply})
	return nil
}

// saslResponse reads a SASL message. One over the bound is as good as a wrong password, as Postgres has it.
func (h *handshake) saslResponse() ([]byte, error) {
	body, err := h.answer("SASL response", maxSASLBytes)
	if errors.Is(err, errOversized) {
		err = fmt.Errorf("%w: %w", errDenied, err)
	}
	return body, err
}

func scramRefusal(err error) error {
	var broken *scram.Error
	if errors.As(err, &broken) {
		return &Refusal{SQLState: broken.SQLState, Message: broken.Message, Detail: broken.Detail}
	}
	return errWrongPassword
}

// parseSASLInitial reads the body of a SASLInitialResponse. A nil message means that there was none, which is not
// the same as an empty one. pgproto3's decoder does not look at the length inside.
func parseSASLInitial(body []byte) (message []byte, refusal *Refusal) {
	mechanism, rest, ok := bytes.Cut(body, []byte{0})
	switch {
	case !ok:
		return nil, &Refusal{SQLState: protocolViolation, Message: "invalid string in message"}
	case string(mechanism) != scram.Mechanism:
		return nil, &Refusal{SQLState: protocolViolation, Message: "client selected an invalid SASL authentication mechanism"}
	case len(rest) < 4:
		return nil, &Refusal{SQLState: protocolViolation, Message: "insufficient data left in message"}
	}
	size := int32(binary.BigEndian.Uint32(rest))
	rest = rest[4:]
	switch {
	case size == -1 && len(rest) == 0:
		return nil, nil
	case size < 0 || int(size) > len(rest):
		return nil, &Refusal{SQLState: protocolViolation, Message: "insufficient data left in message"}
	case int(size) < len(rest):
		return nil, &Refusal{SQLState: protocolViolation, Message: "invalid message format"}
	}
	return rest, nil
}

func (h *handshake) md5(user string, secret Secret) error {
	var salt [4]byte
	rand.Read(salt[:])
	h.queue(&pgproto3.AuthenticationMD5Password{Salt: salt})
	given, err := h.password()
	if err != nil {
		return err
	}
	hash, ok := secret.md5Hash(user)
	if subtle.ConstantTimeCompare([]byte(given), []byte(md5Answer(hash, salt))) != 1 || !ok {
		return errWrongPassword
	}
	return nil
}

func (h *handshake) plain(user string, secret Secret) error {
	h.queue(&pgproto3.AuthenticationCleartextPassword{})
	given, err := h.password()
	if err != nil {
		return err
	}
	if !secret.matches(user, given) {
		return errWrongPassword
	}
	return nil
}

// matches compares a password as it is with what is known of the user's. A wrong password costs one derivation,
// and so does one for a user that does not exist; a right one costs none after the first time.
func (s Secret) matches(user, password string) bool {
	if s.kind == md5Secret {
		return subtle.ConstantTimeCompare([]byte(md5Hex(password+user)), []byte(s.text)) == 1
	}
	v, ok := s.scramVerifier(user)
	keys, remembered := process.peek(password, v.Salt, v.Iterations)
	if !remembered {
		keys = process.deriveOnce(password, v.Salt, v.Iterations)
	}
	right := subtle.ConstantTimeCompare(keys.Server[:], v.ServerKey[:]) == 1 && ok
	if right && !remembered {
		process.derive(password, v.Salt, v.Iterations)
	}
	return right
}

// password reads a PasswordMessage.
func (h *handshake) password() (string, error) {
	body, err := h.answer("password response", maxPasswordBytes)
	if err != nil {
		return "", err
	}
	text, rest, ok := cutString(body)
	switch {
	case !ok || len(rest) > 0:
		return "", &Refusal{SQLState: protocolViolation, Message: "invalid password packet size"}
	case text == "":
		return "", &Refusal{SQLState: invalidPassword, Message: "empty password returned by client"}
	}
	return text, nil
}

// answer sends what is queued and reads the body of the client's answer.
func (h *handshake) answer(what string, maxBody int) ([]byte, error) {
	if err := h.flush(); err != nil {
		return nil, err
	}
	if err := h.fill(1); err != nil {
		return nil, err
	}
	if kind := h.unread()[0]; kind != 'p' {
		return nil, &Refusal{
			SQLState: protocolViolation,
			Message:  fmt.Sprintf("expected %s, got message type %d", what, kind),
		}
	}
	_, raw, err := h.message(maxBody)
	if err != nil {
		return nil, err
	}
	return raw[headerBytes:], nil
}
