package login

import (
	"bytes"
	"sync"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// maxClientKeys bounds the keys of clients that are remembered: 65,536 of about 150 bytes, 10 MB. Past it, the oldest
// are forgotten; servers of those users can be dialled again once a client of theirs logs in.
const maxClientKeys = 1 << 16

// shown is the ClientKeys that clients of this process have proved to have.
var shown = newClientKeys()

// clientKeys remembers ClientKeys, found by the StoredKey that is made of them.
//
// A SCRAM verifier can check a password and not log in with it. But a client that logs in to us shows its ClientKey,
// and with that, whoever has the verifier too can log in wherever the same verifier is kept, which is what we do towards
// Postgres. This is how SCRAM passes through a pooler that never knows a password.
//
// What it means for security: such a key is as good as the password, at servers with the same salt and iteration count
// and nowhere else. It is kept in memory only, as long as the process lives, and is neither written nor logged; the
// password itself is never here. Who steals the verifiers alone (a users file, a backup of pg_authid) cannot log in;
// who reads this process's memory can, as these users, until their passwords are set anew, which makes new salts. Where
// that is too much, server_user keeps users' keys out of it: towards servers they are then not needed.
type clientKeys struct {
	mu   sync.Mutex
	keys bounded[scram.Key, scram.Key]
}

func newClientKeys() *clientKeys {
	return &clientKeys{keys: newBounded[scram.Key, scram.Key](maxClientKeys)}
}

// remember keeps a key that belongs to the StoredKey: the caller has checked it.
func (c *clientKeys) remember(stored, client scram.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys.put(stored, client)
}

func (c *clientKeys) find(stored scram.Key) (scram.Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys.get(stored)
}

// loginKeys is what makes a SCRAM proof for a server: of the password, or of the key that a client has shown.
func (s Secret) loginKeys(user string) (scram.KeySource, error) {
	switch s.kind {
	case plainSecret:
		return func(salt []byte, iterations int) (scram.Keys, error) {
			return process.derive(s.text, salt, iterations), nil
		}, nil
	case scramSecret:
		return s.shownKeys(user)
	}
	return nil, missing(user, "its password (SCRAM)", s)
}

// shownKeys is loginKeys where there is a verifier. That the key is not known yet is told as a permanent error, so that
// nobody waits for it: it is there as soon as a client has logged in with the password.
func (s Secret) shownKeys(user string) (scram.KeySource, error) {
	client, ok := shown.find(s.verifier.StoredKey)
	if !ok {
		return nil, secretless("the server asks user %q for a SCRAM proof, but what we have is a SCRAM verifier, and no client "+
			"has shown us the key yet by logging in with the password: let one do so (method scram-sha-256 or plain), "+
			"or give the password in auth, or name another user with server_user", user)
	}
	return func(salt []byte, iterations int) (scram.Keys, error) {
		if iterations != s.verifier.Iterations || !bytes.Equal(salt, s.verifier.Salt) {
			return scram.Keys{}, secretless("the server has another SCRAM verifier of user %q than we have: "+
				"give it the same rolpassword, or give the password in auth, or name another user with server_user", user)
		}
		return scram.Keys{Client: client, Server: s.verifier.ServerKey}, nil
	}, nil
}
