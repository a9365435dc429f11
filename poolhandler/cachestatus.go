package poolhandler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// cacheStatus is one pool's query cache in the admin API. What counts, counts since the start.
type cacheStatus struct {
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
	Tables []cacheTable `json:"tables"`
	Forms  []cacheForm  `json:"forms"`
}

// cacheTable is engine.CacheTable for people.
type cacheTable struct {
	Database string `json:"database"`
	Table    string `json:"table"`
	Entries  int    `json:"entries"`
	Changes  uint64 `json:"invalidations"`
}

// cacheForm is engine.CacheForm for people.
type cacheForm struct {
	Text        string  `json:"text"`
	Hits        uint64  `json:"hits"`
	Misses      uint64  `json:"misses"`
	Stored      uint64  `json:"stored"`
	Bytes       int64   `json:"bytes"`
	MissSeconds float64 `json:"miss_seconds"`
	Refused     string  `json:"refused,omitempty"`
}

// caches is the query caches of all pools that have one, by pool.
func (p *process) caches() []engine.CacheStatus {
	r := p.running.Load()
	if r == nil {
		return nil
	}
	all := slices.Clone(r.CacheStatus())
	slices.SortFunc(all, func(a, b engine.CacheStatus) int { return strings.Compare(a.Pool, b.Pool) })
	return all
}

func newCacheStatus(s *engine.CacheStatus, maxTables, maxForms int) cacheStatus {
	return cacheStatus{
		Pool: s.Pool, State: s.State,
		Entries: s.Entries, Bytes: s.Bytes, MaxBytes: s.MaxBytes,
		Hits: s.Hits, Fetched: s.Fetched, Misses: s.Misses, Bypassed: s.Bypassed, HitRatio: hitRatio(s.Hits, s.Misses),
		Stored: s.Stored, Refused: s.Refused, Evicted: s.Evicted, Invalidated: s.Invalidated,
		Tables: changedMost(s.Tables, maxTables), Forms: askedMost(s.Forms, maxForms),
	}
}

func hitRatio(hits, misses uint64) float64 {
	if hits+misses == 0 {
		return 0
	}
	return float64(hits) / float64(hits+misses)
}

// changedMost is the tables that are changed most, by name where that is equal.
func changedMost(tables []engine.CacheTable, most int) []cacheTable {
	out := make([]cacheTable, len(tables))
	for i, t := range tables {
		out[i] = cacheTable(t)
	}
	slices.SortFunc(out, func(a, b cacheTable) int {
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), strings.Compare(a.Database, b.Database), strings.Compare(a.Table, b.Table))
	})
	return out[:min(most, len(out))]
}

// askedMost is the forms that are asked most, by text where that is equal.
func askedMost(forms []engine.CacheForm, most int) []cacheForm {
	out := make([]cacheForm, len(forms))
	for i, f := range forms {
		out[i] = cacheForm(f)
	}
	slices.SortFunc(out, func(a, b cacheForm) int {
		return cmp.Or(cmp.Compare(b.Hits+b.Misses, a.Hits+a.Misses), strings.Compare(a.Text, b.Text))
	})
	return out[:min(most, len(out))]
}
