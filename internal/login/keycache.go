package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// maxCachedKeys bounds the passwords whose keys are remembered: 65,536 of about 200 bytes, 13 MB. Past it, the
// oldest are forgotten and cost a derivation again.
const maxCachedKeys = 1 << 16

// process is what all logins of this process share.
var process = newKeyCache()

// keyCache remembers the keys derived from passwords, so that a login costs PBKDF2 (about a millisecond) only the
// first time. Passwords are not kept: entries are found by an HMAC of them.
type keyCache struct {
	secret      [32]byte     // of this process: keys the index, and the salts
	derivations atomic.Int64 // how often PBKDF2 was run

	mu      sync.Mutex
	entries bounded[keyIndex, *keyEntry]
}

type keyIndex [sha256.Size]byte

type keyEntry struct {
	once sync.Once // many logins at a time derive once
	keys scram.Keys
}

func newKeyCache() *keyCache {
	c := &keyCache{entries: newBounded[keyIndex, *keyEntry](maxCachedKeys)}
	rand.Read(c.secret[:]) // never fails: it ends the process instead
	return c
}

// derive is scram.Derive of the password after SASLprep, remembered.
func (c *keyCache) derive(password string, salt []byte, iterations int) scram.Keys {
	e := c.entry(c.index(password, salt, iterations))
	e.once.Do(func() { e.keys = c.deriveOnce(password, salt, iterations) })
	return e.keys
}

// deriveOnce is derive without memory: for passwords that may be wrong.
func (c *keyCache) deriveOnce(password string, salt []byte, iterations int) scram.Keys {
	c.derivations.Add(1)
	return scram.Derive(prepare(password), salt, iterations)
}

// remember keeps what deriveOnce has returned, now that the password has proved right.
func (c *keyCache) remember(password string, salt []byte, iterations int, keys scram.Keys) {
	e := c.entry(c.index(password, salt, iterations))
	e.once.Do(func() { e.keys = keys })
}

// peek returns what derive would, if it is remembered.
func (c *keyCache) peek(password string, salt []byte, iterations int) (scram.Keys, bool) {
	i := c.index(password, salt, iterations)
	c.mu.Lock()
	_, known := c.entries.get(i)
	c.mu.Unlock()
	if !known {
		return scram.Keys{}, false
	}
	return c.derive(password, salt, iterations), true
}

func (c *keyCache) entry(i keyIndex) *keyEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, known := c.entries.get(i)
	if !known {
		e = new(keyEntry)
		c.entries.put(i, e)
	}
	return e
}

func (c *keyCache) index(password string, salt []byte, iterations int) (i keyIndex) {
	h := hmac.New(sha256.New, c.secret[:])
	var lengths [16]byte // so that salt and password cannot be confused
	binary.BigEndian.PutUint64(lengths[:8], uint64(iterations))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(salt)))
	h.Write(lengths[:])
	h.Write(salt)
	h.Write([]byte(password))
	h.Sum(i[:0])
	return i
}

// newNonce is a fresh nonce for one SCRAM conversation.
func newNonce() []byte {
	var random [scram.NonceBytes]byte
	rand.Read(random[:])
	return scram.AppendNonce(nil, random)
}
