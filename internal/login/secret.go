package login

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// Method is how a client proves who it is.
type Method uint8

const (
	// ScramSHA256 needs a password or a SCRAM verifier. The default.
	ScramSHA256 Method = iota
	// MD5 needs a password or an md5 hash; users with a SCRAM verifier are asked for SCRAM, as Postgres does.
	MD5
	// Plain needs any kind of secret; the password crosses the network as it is.
	Plain
	// Trust believes every user name.
	Trust
	// Cert needs a verified certificate of the client that names the user, and no secret.
	Cert
)

// methodNames is how the configuration writes them.
var methodNames = [...]string{ScramSHA256: "scram-sha-256", MD5: "md5", Plain: "plain", Trust: "trust", Cert: "cert"}

func (m Method) String() string { return methodNames[m] }

// ParseMethod reads a method as the configuration writes it.
func ParseMethod(name string) (Method, error) {
	for m, known := range methodNames {
		if name == known {
			return Method(m), nil
		}
	}
	return 0, fmt.Errorf("unknown authentication method %q: use %s", name, strings.Join(methodNames[:], ", "))
}

// Secret is what we know of a user's password. The zero Secret is nothing: no password matches it. A Secret never
// shows in logs.
type Secret struct {
	kind     secretKind
	text     string // the password, or "md5" and 32 hex digits
	verifier scram.Verifier

	validUntil time.Time     // by Postgres's clock; zero: for ever
	ahead      time.Duration // of our clock, Postgres's was when it was asked
}

type secretKind uint8

const (
	noSecret secretKind = iota
	plainSecret
	md5Secret
	scramSecret
)

var kindNames = [...]string{noSecret: "no password", plainSecret: "a password", md5Secret: "an md5 hash", scramSecret: "a SCRAM verifier"}

const (
	md5Prefix   = "md5"
	scramPrefix = scram.Mechanism + "$"
)

// ParseSecret reads a password, an md5 hash or a SCRAM verifier as pg_authid and PgBouncer's users file have them:
// the form tells which. Empty is no secret. The error never shows the text.
func ParseSecret(text string) (Secret, error) {
	switch {
	case text == "":
		return Secret{}, nil
	case strings.HasPrefix(text, scramPrefix):
		v, err := scram.ParseVerifier(text)
		if err != nil {
			return Secret{}, fmt.Errorf("%w: copy it whole from rolpassword of pg_authid", err)
		}
		return Secret{kind: scramSecret, verifier: v}, nil
	case isMD5(text):
		return Secret{kind: md5Secret, text: text}, nil
	}
	return Secret{kind: plainSecret, text: text}, nil
}

func isMD5(text string) bool {
	rest, ok := strings.CutPrefix(text, md5Prefix)
	return ok && len(rest) == 2*md5.Size && strings.Trim(rest, "0123456789abcdef") == ""
}

// String keeps secrets out of logs.
func (s Secret) String() string { return "(" + kindNames[s.kind] + ")" }

// GoString keeps secrets out of logs, also with %#v.
func (s Secret) GoString() string { return s.String() }

// unexpired denies a password that is past its VALID UNTIL, by the clock of the Postgres that has told us.
func (s Secret) unexpired(now time.Time) error {
	if s.validUntil.IsZero() || !now.Add(s.ahead).After(s.validUntil) {
		return nil
	}
	return fmt.Errorf("%w: password expired at %s (VALID UNTIL of the role)", errDenied, s.validUntil.UTC().Format(time.RFC3339))
}

// same tells whether a login by one would end as by the other.
func (s Secret) same(other Secret) bool {
	return s.kind == other.kind && s.text == other.text && s.validUntil.Equal(other.validUntil) &&
		s.verifier.Iterations == other.verifier.Iterations && bytes.Equal(s.verifier.Salt, other.verifier.Salt) &&
		s.verifier.StoredKey == other.verifier.StoredKey && s.verifier.ServerKey == other.verifier.ServerKey
}

// Supports says why a user with this secret could not log in by this method, and what to do.
func (s Secret) Supports(m Method) error {
	switch {
	case m == Trust, m == Cert, s.kind == plainSecret, s.kind == scramSecret:
		return nil
	case s.kind == noSecret:
		return errors.New("has no password: give it one, or use method trust")
	case m == ScramSHA256:
		return fmt.Errorf("has an md5 hash, of which method %s can make nothing: give the password or a SCRAM verifier, or use method md5", m)
	}
	return nil
}

// scramVerifier is what checks the user's SCRAM proofs. A password's is derived once and remembered; its salt is
// the one a user that does not exist is shown.
func (s Secret) scramVerifier(user string) (v scram.Verifier, ok bool) {
	switch s.kind {
	case scramSecret:
		return s.verifier, true
	case plainSecret:
		salt := scram.SaltFor(process.secret[:], user)
		return process.derive(s.text, salt, scram.DefaultIterations).Verifier(salt, scram.DefaultIterations), true
	}
	return scram.MockVerifier(process.secret[:], user), false
}

// md5Hash is the user's password as an md5 hash, "md5" included.
func (s Secret) md5Hash(user string) (hash string, ok bool) {
	switch s.kind {
	case md5Secret:
		return s.text, true
	case plainSecret:
		return md5Hex(s.text + user), true
	}
	return md5Prefix, false
}

// md5Answer is what answers AuthenticationMD5Password.
func md5Answer(hash string, salt [4]byte) string {
	return md5Hex(strings.TrimPrefix(hash, md5Prefix) + string(salt[:]))
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return md5Prefix + hex.EncodeToString(sum[:])
}
