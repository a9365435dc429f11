package engine

import "time"

// CacheConfig is a pool's query cache.
type CacheConfig struct {
	// TTL is how long a reply is served at most. Not positive: there is no cache.
	TTL time.Duration
	// MaxBytes bounds all replies together, with their keys and what it takes to find them; MaxEntryBytes each of them. Positive, where there
	// is a cache, and MaxEntryBytes is not more than MaxBytes.
	MaxBytes      int64
	MaxEntryBytes int
	// Match says whose replies are kept, of those that can be.
	Match CacheMatch
	// Tables is, with CacheTables, the names as pg_class has them, with a schema in front or without.
	Tables []string
	// WAL: a reply is served only while the change stream says what others write.
	WAL bool
	// Shared: replies are shared with other processes, by a Fleet. Where WAL is not set, none is served while this one is out of touch.
	Shared bool
}

// CacheMatch says whose replies are kept.
type CacheMatch uint8

const (
	// CacheAll: of every read whose reply can be.
	CacheAll CacheMatch = iota
	// CacheHinted: of those that ask for it in a comment.
	CacheHinted
	// CacheTables: of those that depend on tables of CacheConfig.Tables only.
	CacheTables
)

// CacheStatus is what a pool's query cache looks like. What counts, counts since the start.
type CacheStatus struct {
	Pool string
	// State is "on", "catching up" while the change stream begins or the fleet is joined, or "off: " and why.
	State string
	// Entries is the replies there are, Bytes what they take, of MaxBytes.
	Entries         int
	Bytes, MaxBytes int64
	// Hits were answered from the cache, Fetched replies got from other processes for that, Misses by a server though they could have been, and Bypassed could not be.
	Hits, Fetched, Misses, Bypassed uint64
	// Stored replies have been kept, Refused ones not, for want of room or for their size; Evicted ones made room, Invalidated ones stopped
	// being true.
	Stored, Refused, Evicted, Invalidated uint64
}

// CacheTable is a table of a database, by its name without a schema.
type CacheTable struct {
	Database, Table string
	// Entries is the replies that depend on it, Changes how often it was changed.
	Entries int
	Changes uint64
}

// CacheForm is the figures of all texts of one normal form.
type CacheForm struct {
	Text                 string
	Hits, Misses, Stored uint64
	// Bytes is what its replies take now.
	Bytes int64
	// MissSeconds is the mean time of a miss.
	MissSeconds float64
	// Refused is why its replies cannot be kept; empty: they can.
	Refused string
}
