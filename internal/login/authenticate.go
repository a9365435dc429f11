package login

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

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
func (h *handshake) authenticate(ctx context.Context, user, database string, auth Auth) error {
	who := Identity{User: user, Database: database}
	if auth.Method == Trust || auth.Method == Cert {
		return auth.checkKnown(ctx, who)
	}
	secret, known, err := auth.Credentials.Lookup(ctx, who)
	if err != nil {
		return cannotLookUp(user, err)
	}
	check, err := h.ask(auth.Method, user, secret)
	// The password may have been changed since we were told it. Users that do not exist are asked for again as well: it
	// would show in the time it takes.
	if errors.Is(err, errDenied) {
		newer, ok := auth.Credentials.Again(ctx, who, secret)
		switch {
		case ok && check != nil:
			secret, known, err = newer, true, check(newer)
		case ok:
			err = fmt.Errorf("%w, or it is a new one of which we have been told just now: log in again", err)
		}
	}
	if !errors.Is(err, errDenied) {
		return err
	}
	return &Refusal{
		SQLState: invalidPassword,
		Message:  fmt.Sprintf("password authentication failed for user \"%s\"", user),
		Hint:     "Check the user's name and password; `auth` of the pool says who may log in.",
		Cause:    whyDenied(user, secret, known, auth.Method, err),
	}
}

// whyDenied is what the log is told: what is known of the user rather than that the password is wrong.
func whyDenied(user string, secret Secret, known bool, method Method, err error) error {
	if !known {
		return errors.New("there is no such user")
	}
	if unsupported := secret.Supports(method); unsupported != nil {
		return fmt.Errorf("user %q %w", user, unsupported)
	}
	if expired := secret.unexpired(time.Now()); expired != nil {
		return expired
	}
	return err
}

// ask lets the client prove that it has the secret. With check, what it has answered can be held against another secret
// without asking it again; a SCRAM proof cannot, as it is made for one salt: check is nil.
func (h *handshake) ask(method Method, user string, secret Secret) (check func(Secret) error, err error) {
	var matches func(Secret) error
	switch {
	case method == Plain:
		matches, err = h.plain(user)
	case method == MD5 && (secret.kind == plainSecret || secret.kind == md5Secret):
		matches, err = h.md5(user)
	default:
		if err = h.scram(user, secret); err == nil {
			err = secret.unexpired(time.Now())
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	check = func(s Secret) error {
		if err := matches(s); err != nil {
			return err
		}
		return s.unexpired(time.Now())
	}
	return check, check(secret)
}

func (h *handshake) scram(user string, secret Secret) error {
	verifier, _ := secret.scramVerifier(user)
	conversation := scram.NewServer(verifier, newNonce())
	h.queue(&pgproto3.AuthenticationSASL{AuthMechanisms: conversation.Offer(h.binding())})
	body, err := h.saslResponse()
	if err != nil {
		return err
	}
	message, refusal := parseSASLInitial(body, conversation.Choose)
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
	if key, ok := conversation.ClientKey(); ok && secret.kind == scramSecret {
		shown.remember(verifier.StoredKey, key)
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
// the same as an empty one. choose tells whether the mechanism was offered. pgproto3's decoder does not look at the
// length inside.
func parseSASLInitial(body []byte, choose func(mechanism string) bool) (message []byte, refusal *Refusal) {
	mechanism, rest, ok := bytes.Cut(body, []byte{0})
	switch {
	case !ok:
		return nil, &Refusal{SQLState: protocolViolation, Message: "invalid string in message"}
	case !choose(string(mechanism)):
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

func (h *handshake) md5(user string) (matches func(Secret) error, err error) {
	var salt [4]byte
	rand.Read(salt[:])
	h.queue(&pgproto3.AuthenticationMD5Password{Salt: salt})
	given, err := h.password()
	if err != nil {
		return nil, err
	}
	return func(secret Secret) error {
		hash, ok := secret.md5Hash(user)
		if subtle.ConstantTimeCompare([]byte(given), []byte(md5Answer(hash, salt))) != 1 || !ok {
			return errWrongPassword
		}
		return nil
	}, nil
}

func (h *handshake) plain(user string) (matches func(Secret) error, err error) {
	h.queue(&pgproto3.AuthenticationCleartextPassword{})
	given, err := h.password()
	if err != nil {
		return nil, err
	}
	return func(secret Secret) error {
		if !secret.matches(user, given) {
			return errWrongPassword
		}
		return nil
	}, nil
}

// matches compares a password as it is with what is known of the user's. A wrong password costs one derivation,
// and so does one for a user that does not exist; a right one costs none after the first time.
func (s Secret) matches(user, password string) bool {
	if s.kind == md5Secret && subtle.ConstantTimeCompare([]byte(md5Hex(password+user)), []byte(s.text)) == 1 {
		return true
	}
	v, ok := s.scramVerifier(user)
	keys, remembered := process.peek(password, v.Salt, v.Iterations)
	if !remembered {
		keys = process.deriveOnce(password, v.Salt, v.Iterations)
	}
	right := subtle.ConstantTimeCompare(keys.Server[:], v.ServerKey[:]) == 1 && ok
	if right && !remembered {
		process.remember(password, v.Salt, v.Iterations, keys)
	}
	if right && s.kind == scramSecret {
		shown.remember(v.StoredKey, keys.Client)
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
