package poolhandler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

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

// newCacheStatus is a pool's cache as it is shown, with so many tables and forms at most. What is not shown is not asked for: there may be
// many, and the page asks once a second.
func (p *process) newCacheStatus(s *engine.CacheStatus, maxTables, maxForms int) adminapi.Cache {
	out := adminapi.Cache{
		Pool: s.Pool, State: s.State,
		Entries: s.Entries, Bytes: s.Bytes, MaxBytes: s.MaxBytes,
		Hits: s.Hits, Fetched: s.Fetched, Misses: s.Misses, Bypassed: s.Bypassed, HitRatio: hitRatio(s.Hits, s.Misses),
		Stored: s.Stored, Refused: s.Refused, Evicted: s.Evicted, Invalidated: s.Invalidated,
		Tables: []adminapi.CacheTable{}, Forms: []adminapi.CacheForm{},
	}
	r := p.running.Load()
	if maxTables > 0 && r != nil {
		out.Tables = changedMost(r.CacheTables(s.Pool), maxTables)
	}
	if maxForms > 0 && r != nil {
		out.Forms = askedMost(r.CacheForms(s.Pool), maxForms)
	}
	return out
}

func hitRatio(hits, misses uint64) float64 {
	if hits+misses == 0 {
		return 0
	}
	return float64(hits) / float64(hits+misses)
}

// changedMost is the tables that are changed most, by name where that is equal.
func changedMost(tables []engine.CacheTable, most int) []adminapi.CacheTable {
	out := make([]adminapi.CacheTable, len(tables))
	for i, t := range tables {
		out[i] = adminapi.CacheTable(t)
	}
	slices.SortFunc(out, func(a, b adminapi.CacheTable) int {
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), strings.Compare(a.Database, b.Database), strings.Compare(a.Table, b.Table))
	})
	return out[:min(most, len(out))]
}

// askedMost is the forms that are asked most, by text where that is equal.
func askedMost(forms []engine.CacheForm, most int) []adminapi.CacheForm {
	out := make([]adminapi.CacheForm, len(forms))
	for i, f := range forms {
		out[i] = adminapi.CacheForm(f)
	}
	slices.SortFunc(out, func(a, b adminapi.CacheForm) int {
		return cmp.Or(cmp.Compare(b.Hits+b.Misses, a.Hits+a.Misses), strings.Compare(a.Text, b.Text))
	})
	return out[:min(most, len(out))]
}
