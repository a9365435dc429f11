package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// A client's cancel key: the process ID is the shard, the slot and how often that was taken; the secret is random. Both are
// ours; the server's own key never leaves the pooler.
//
// A process ID is none that a server can have, so that whoever signals it (pg_terminate_backend) never hits another's
// server. It is not given again at once: whoever keeps it to tell connections apart is right to, as with Postgres.
//
// A client of protocol 3.2 has a secret of 32 bytes: 4 that are kept in its slot, and 28 that are derived from them, with a
// key that only this process has, so that they need not be kept.
const (
	// firstPID is beyond the largest process ID of Linux (PID_MAX_LIMIT).
	firstPID     = 1 << 22
	shortKeyLen  = 4
	longKeyLen   = 32
	keyDataStart = pgwire.HeaderLen + 4
)

// keys is what long secrets are derived with.
type keys [32]byte

func newKeys(host Host) (k keys) {
	for i := 0; i < len(k); i += 8 {
		binary.BigEndian.PutUint64(k[i:], host.Random())
	}
	return k
}

// appendLong appends the long secret of a client.
func (k *keys) appendLong(to []byte, shard int, c *client) []byte {
	var about [16]byte
	binary.BigEndian.PutUint32(about[0:], uint32(shard))
	binary.BigEndian.PutUint32(about[4:], c.Slot)
	binary.BigEndian.PutUint32(about[8:], c.gen)
	binary.BigEndian.PutUint32(about[12:], c.secret)
	mac := hmac.New(sha256.New, k[:])
	mac.Write(about[:])
	to = binary.BigEndian.AppendUint32(to, c.secret)
	return append(to, mac.Sum(nil)[:longKeyLen-shortKeyLen]...)
}

// pid is the process ID that a client was given: positive for all who read it as a signed number.
func (s *Shard) pid(c *client) uint32 {
	shards, limit := uint64(len(s.engine.shards)), uint64(s.slots.limit)
	turns := max(1, (1<<31-firstPID)/(shards*limit))
	return firstPID + uint32((uint64(c.gen)%turns*limit+uint64(c.Slot))*shards+uint64(s.index))
}

// shardOf is the shard of a process ID, and slotOf the slot there; if it is none of ours, they are any, or false.
func (e *Engine) shardOf(pid uint32) (shard *Shard, ok bool) {
	if pid < firstPID || len(e.shards) == 0 {
		return nil, false
	}
	return e.shards[(pid-firstPID)%uint32(len(e.shards))], true
}

func (s *Shard) slotOf(pid uint32) uint32 {
	return (pid - firstPID) / uint32(len(s.engine.shards)) % s.slots.limit
}

// secretOf is the secret that a client was given.
func (s *Shard) secretOf(c *client) []byte {
	if c.longKey {
		return s.engine.keys.appendLong(make([]byte, 0, longKeyLen), s.index, c)
	}
	return binary.BigEndian.AppendUint32(make([]byte, 0, shortKeyLen), c.secret)
}

// appendKey appends a client's BackendKeyData.
func (s *Shard) appendKey(b []byte, c *client) []byte {
	secret := s.secretOf(c)
	b = append(b, pgwire.BackendKeyData)
	b = binary.BigEndian.AppendUint32(b, uint32(keyDataStart-1+len(secret)))
	b = binary.BigEndian.AppendUint32(b, s.pid(c))
	return append(b, secret...)
}

// holds reports whether a secret is the client's. Which bytes are wrong does not change how long that takes; a key of the
// other kind is as wrong as any.
func (s *Shard) holds(c *client, secret []byte) bool {
	return subtle.ConstantTimeCompare(s.secretOf(c), secret) == 1
}
