package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Mechanism is the one that the clients here know: SCRAM with SHA-256, without channel binding.
const Mechanism = "SCRAM-SHA-256"

// key is a key, a proof or a signature.
type key = [sha256.Size]byte

// Keys is what a password becomes with a salt and an iteration count (RFC 5802). Whoever has them logs in as often as he
// likes without the thousands of hashes that making them takes; so the load costs what its messages cost.
type Keys struct {
	salt                   string // in base64
	iterations             int
	question               []byte // how a server's first message ends that has the verifier
	client, stored, server key
}

// NewKeys makes them. It takes about a millisecond for Postgres's 4,096 iterations.
func NewKeys(password string, salt []byte, iterations int) (*Keys, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("making SCRAM keys: %w", err)
	}
	k := &Keys{
		salt:       base64.StdEncoding.EncodeToString(salt),
		iterations: iterations,
		client:     mac(salted, "Client Key"),
		server:     mac(salted, "Server Key"),
	}
	k.question = fmt.Appendf(nil, ",s=%s,i=%d", k.salt, k.iterations)
	k.stored = sha256.Sum256(k.client[:])
	return k, nil
}

// Verifier is what a server has of the keys, as pg_authid writes it.
func (k *Keys) Verifier() string {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", Mechanism, k.iterations, k.salt, encode(k.stored[:]), encode(k.server[:]))
}

// scram is a client's side of one exchange.
type scram struct {
	keys      *Keys
	nonce     string
	bare      string // the first message, without its header
	signature key    // what proves that the server knows the verifier
}

// first is the client's first message.
func (s *scram) first() []byte {
	s.nonce = rand.Text()
	s.bare = "n=,r=" + s.nonce
	return []byte("n,," + s.bare)
}

// final answers the server's first message, "r=nonce,s=salt,i=iterations", with the client's proof.
func (s *scram) final(serverFirst []byte) ([]byte, error) {
	nonce, whole := bytes.CutSuffix(serverFirst, s.keys.question)
	ours := "r=" + s.nonce
	switch {
	case !whole:
		return nil, fmt.Errorf("server asks with salt and iterations that are not those of the verifier: %q", serverFirst)
	case !bytes.HasPrefix(nonce, []byte(ours)) || len(nonce) == len(ours):
		return nil, errors.New("server's nonce does not continue ours")
	}
	without := append([]byte("c=biws,"), nonce...)
	said := s.bare + "," + string(serverFirst) + "," + string(without)
	proof := mac(s.keys.stored[:], said)
	for i := range proof {
		proof[i] ^= s.keys.client[i]
	}
	s.signature = mac(s.keys.server[:], said)
	return base64.StdEncoding.AppendEncode(append(without, ",p="...), proof[:]), nil
}

// check looks at the server's last message.
func (s *scram) check(serverFinal []byte) error {
	if want := base64.StdEncoding.AppendEncode([]byte("v="), s.signature[:]); !bytes.Equal(serverFinal, want) {
		return errors.New("server's signature is wrong: it does not know the verifier")
	}
	return nil
}

func mac(with []byte, text string) (sum key) {
	h := hmac.New(sha256.New, with)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}
