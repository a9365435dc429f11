package fleet

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// layout is that of records and values: members of another one share nothing with us.
const layout = "1"

// names is how what members share of a database is called in a store, in one generation of it. Nothing of an earlier one is ever found.
type names string

func namesOf(generation, database string) names {
	sum := sha256.Sum256([]byte(generation))
	return names(layout + ":" + hex.EncodeToString(sum[:8]) + ":" + database)
}

// log is the name of the log.
func (n names) log() string { return "log:" + string(n) }

// value is the key of a reply.
func (n names) value(k querycache.SharedKey) string {
	return "reply:" + string(n) + ":" + hex.EncodeToString(k[:])
}
