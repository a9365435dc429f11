package config

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
)

// QueryCache answers a read that was asked before with the reply that it got, without a server. A reply is served as long as its ttl has not
// passed and nothing has been written that it depends on: no client is told what was true before a write that was acknowledged
// through this pool, its own or another's. Who may see a reply is whoever asks the same as the same user, under the same settings.
//
// Kept are replies to single statements that depend on tables only: not on the time, on chance, on sequences, on the system catalog, on foreign
// or temporary tables. They are kept and served outside explicit transactions, and in those at READ COMMITTED that have only read so far. What that is, Postgres's grammar and the database's catalog say; what cannot be told for
// certain goes to a server as ever.
type QueryCache struct {
	// TTL is how long a reply is served at most; up to a tenth less, by chance. It bounds how old a reply can be when somebody writes past this pool and
	// `invalidation` is `writes`. 0: nothing is cached. Default: 0. At least 1ms.
	TTL *caddy.Duration `json:"ttl,omitempty"`

	// MaxSize bounds the replies of this pool together, in memory, with what it takes to find them. Those used least make room.
	// Default: 256MiB. At least 1 byte.
	MaxSize *Size `json:"max_size,omitempty"`

	// MaxEntrySize bounds each of them; a longer reply goes to its client and is not kept. While a reply that may be kept passes, so much memory may
	// be taken for it. Default: 1MiB, or max_size where that is less. At least 1 byte, at most max_size and 1GiB.
	MaxEntrySize *Size `json:"max_entry_size,omitempty"`

	// Invalidation says what ends a reply before its ttl: `writes`, whatever is written through this process; `wal`, besides what the
	// primary's change stream tells of, whoever has written it. With `wal`, replies are served only while the stream is up to date, and only
	// of tables that the publication has. It takes `wal_level = logical`. Default: writes.
	Invalidation string `json:"invalidation,omitempty"`

	// Publication names what the change stream tells of, with `invalidation wal`. It has to be there in each database whose reads are to be cached,
	// and to publish insert, update, delete and truncate: nobody here makes it. Default: pgmux.
	Publication string `json:"publication,omitempty"`

	// ReplicationUser is who follows the change stream, and the password, with `invalidation wal`. It needs the right REPLICATION. Default:
	// server_user.
	ReplicationUser *ServerUser `json:"replication_user,omitempty"`

	// Match says whose replies are kept, of those that can be: `all`; `hinted`, those whose text asks for it in a comment,
	// `/* cache: on */`; `tables`, those that depend on no table but those of `tables`. Default: all.
	Match string `json:"match,omitempty"`

	// Tables is the tables of `match` `tables`, which stand behind that word in a Caddyfile: names as pg_class has them, with a schema in
	// front or without. Tables of one name in several schemas count as one.
	Tables []string `json:"tables,omitempty"`

	// Store is where replies are kept, besides in this process's memory, where they always are: a module, by the name in its `store`.
	// `memory`: nowhere; `redis`: where other processes find them. A reload keeps them. Default: memory.
	Store json.RawMessage `json:"store,omitempty" caddy:"namespace=postgres.caches inline_key=store"`
}

// On reports whether anything is cached; of nil, it is not.
func (c *QueryCache) On() bool { return c != nil && Duration(c.TTL, 0) > 0 }

// EntrySize is the bound of each reply.
func (c *QueryCache) EntrySize() Size {
	return Bytes(c.MaxEntrySize, min(DefaultCacheEntrySize, Bytes(c.MaxSize, DefaultCacheSize)))
}
