package adminapi

// Cache is one pool's query cache. What counts, counts since the start.
type Cache struct {
	Pool string `json:"pool"`
	// State is `on`, `catching up` while the change stream begins, or `off: ` and why.
	State string `json:"state"`
	// Entries is the replies that are kept, Bytes what they take, of MaxBytes.
	Entries  int   `json:"entries"`
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"max_bytes"`
	// Hits were answered from the cache, Misses by a server though they could have been; HitRatio is Hits / (Hits + Misses). Bypassed could not
	// have been. Fetched replies were got from other processes, with which the store is shared.
	Hits     uint64  `json:"hits"`
	Fetched  uint64  `json:"fetched"`
	Misses   uint64  `json:"misses"`
	Bypassed uint64  `json:"bypassed"`
	HitRatio float64 `json:"hit_ratio"`
	// Stored replies were kept, Refused ones not; Evicted ones made room, Invalidated ones stopped being true.
	Stored      uint64 `json:"stored"`
	Refused     uint64 `json:"refused"`
	Evicted     uint64 `json:"evicted"`
	Invalidated uint64 `json:"invalidated"`
	// Tables begins with those changed most, Forms with those asked most.
	Tables []CacheTable `json:"tables"`
	Forms  []CacheForm  `json:"forms"`
}

// CacheTable is a table of a database, by its name without a schema: the replies that depend on it, and how often it was changed.
type CacheTable struct {
	Database string `json:"database"`
	Table    string `json:"table"`
	Entries  int    `json:"entries"`
	Changes  uint64 `json:"invalidations"`
}

// CacheForm is the figures of all texts of one normal form. Bytes is what its replies take now, MissSeconds the mean time of a miss, Refused
// why its replies cannot be kept; absent: they can.
type CacheForm struct {
	Text        string  `json:"text"`
	Hits        uint64  `json:"hits"`
	Misses      uint64  `json:"misses"`
	Stored      uint64  `json:"stored"`
	Bytes       int64   `json:"bytes"`
	MissSeconds float64 `json:"miss_seconds"`
	Refused     string  `json:"refused,omitempty"`
}

// Purged is what has been done: how many replies are gone.
type Purged struct {
	Dropped int `json:"dropped"`
}
