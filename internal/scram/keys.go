package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
)

// KeyBytes is the length of every key, signature and proof.
const KeyBytes = sha256.Size

// Key is a key, a signature or a proof.
type Key [KeyBytes]byte

// Keys is what a password becomes with a salt and an iteration count: enough to log in with. Client alone is as
// good as the password wherever the same salt and count are used.
type Keys struct{ Client, Server Key }

// Derive turns a prepared password into keys. It is the only expensive thing here: about a millisecond for
// [DefaultIterations]. Iterations must be 1 to [MaxIterations].
func Derive(password string, salt []byte, iterations int) Keys {
	if iterations < 1 || iterations > MaxIterations {
		panic(fmt.Sprintf("bug: scram.Derive with %d iterations", iterations))
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, KeyBytes)
	if err != nil {
		// Only in FIPS-only mode, which refuses the short salts Postgres has.
		panic(fmt.Sprintf("bug: PBKDF2 refuses: %v", err))
	}
	return Keys{Client: mac(salted, "Client Key"), Server: mac(salted, "Server Key")}
}

// Verifier is what a server keeps of the keys.
func (k Keys) Verifier(salt []byte, iterations int) Verifier {
	return Verifier{Iterations: iterations, Salt: salt, StoredKey: sha256.Sum256(k.Client[:]), ServerKey: k.Server}
}

// mac is HMAC-SHA-256 over the parts in turn.
func mac(key []byte, parts ...string) (sum Key) {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write([]byte(part))
	}
	h.Sum(sum[:0])
	return sum
}

func (k Key) xor(other Key) Key {
	for i := range k {
		k[i] ^= other[i]
	}
	return k
}
