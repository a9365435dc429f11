package scram

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// DefaultIterations is Postgres's scram_iterations.
	DefaultIterations = 4096
	// SaltBytes is the salt that Postgres makes.
	SaltBytes = 16

	verifierPrefix = Mechanism + "$"
	maxSaltBytes   = 256 // a server-first message with ordinary nonces then stays within MaxMessageBytes
)

// Verifier is what a server knows of a password: it can check a proof but not make one. The zero Verifier lets
// nobody in.
type Verifier struct {
	Iterations           int
	Salt                 []byte
	StoredKey, ServerKey Key

	mock bool // nobody has this password
}

// ParseVerifier reads SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, as pg_authid has it. Errors name
// the part that is wrong and never its contents.
func ParseVerifier(text string) (Verifier, error) {
	rest, ok := strings.CutPrefix(text, verifierPrefix)
	if !ok {
		return Verifier{}, errors.New("SCRAM verifier does not begin with " + verifierPrefix)
	}
	head, keys, ok1 := strings.Cut(rest, "$")
	count, salt, ok2 := strings.Cut(head, ":")
	stored, server, ok3 := strings.Cut(keys, ":")
	if !ok1 || !ok2 || !ok3 {
		return Verifier{}, errors.New("SCRAM verifier is not " + verifierPrefix + "<iterations>:<salt>$<StoredKey>:<ServerKey>")
	}
	var v Verifier
	var err error
	if v.Iterations, err = parseIterations(count); err != nil {
		return Verifier{}, err
	}
	if v.Salt, err = parseSalt(salt); err != nil {
		return Verifier{}, err
	}
	if v.StoredKey, ok = decodeKey([]byte(stored)); !ok {
		return Verifier{}, errors.New("SCRAM verifier's StoredKey is not base64 of 32 bytes")
	}
	if v.ServerKey, ok = decodeKey([]byte(server)); !ok {
		return Verifier{}, errors.New("SCRAM verifier's ServerKey is not base64 of 32 bytes")
	}
	return v, nil
}

func parseIterations(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n < 1 || n > MaxIterations {
		return 0, fmt.Errorf("SCRAM iteration count is not a number from 1 to %d", MaxIterations)
	}
	return int(n), nil
}

func parseSalt(text string) ([]byte, error) {
	salt, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(salt) == 0 || len(salt) > maxSaltBytes {
		return nil, fmt.Errorf("SCRAM salt is not base64 of 1 to %d bytes", maxSaltBytes)
	}
	return salt, nil
}

// Text is the verifier as pg_authid has it. It is a secret, which is why this is not String: a log line that
// formats a Verifier must not print it unasked.
func (v Verifier) Text() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%d:%s$%s:%s", verifierPrefix, v.Iterations, b64(v.Salt), b64(v.StoredKey[:]), b64(v.ServerKey[:]))
}

// String keeps verifiers out of logs.
func (v Verifier) String() string { return verifierPrefix + "***" }

// GoString keeps verifiers out of logs, also with %#v.
func (v Verifier) GoString() string { return v.String() }

// MockVerifier is the verifier of a user that does not exist. A conversation with it takes the messages and the
// work of one with a wrong password, and always ends with [ErrProof]. The salt is the same each time the user is
// named, as a real one's would be, and cannot be foretold without the key (Postgres: mock_authentication_nonce).
func MockVerifier(key []byte, user string) Verifier {
	return Verifier{Iterations: DefaultIterations, Salt: SaltFor(key, user), mock: true}
}

// SaltFor is the salt of a user whose password we know in plain text: stable, unique, not to be foretold without
// the key, and the same that [MockVerifier] shows for a user that does not exist.
func SaltFor(key []byte, user string) []byte {
	sum := mac(key, "salt of ", user)
	return slices.Clone(sum[:SaltBytes])
}
