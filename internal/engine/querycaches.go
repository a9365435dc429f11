package engine

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// poolCache is the query cache of a declared pool, for all its databases and users. It outlives its configuration.
type poolCache struct {
	*querycache.Cache
	flights querycache.Flights
	forms   querycache.Forms
	rules   atomic.Pointer[cacheRules]
	counts  []cacheCounts // by shard
}

// cacheRules is what the configuration says.
type cacheRules struct {
	CacheConfig
	tables map[string]bool // the names of Tables, without schemas
}

// cacheAs makes a pool's cache what the configuration says. What was cached by other rules is dropped.
func (t *template) cacheAs(cfg CacheConfig, shards int) {
	c := t.cache.Load()
	if cfg.TTL <= 0 {
		t.cache.Store(nil)
		return
	}
	bounds := querycache.Settings{MaxBytes: cfg.MaxBytes, MaxEntryBytes: cfg.MaxEntryBytes}
	if c == nil {
		c = &poolCache{Cache: querycache.New(bounds), counts: make([]cacheCounts, shards)}
	} else {
		c.Configure(bounds)
	}
	rules := newCacheRules(cfg)
	if before := c.rules.Swap(rules); before != nil && !before.same(rules) {
		c.Purge("")
	}
	t.cache.Store(c)
}

func newCacheRules(cfg CacheConfig) *cacheRules {
	r := &cacheRules{CacheConfig: cfg, tables: map[string]bool{}}
	for _, name := range cfg.Tables {
		r.tables[withoutSchema(name)] = true
	}
	return r
}

// withoutSchema is the name of a table as ledgers have it.
func withoutSchema(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// same reports whether what is cached by one is what would be cached by the other, its bounds aside.
func (r *cacheRules) same(o *cacheRules) bool {
	if r.TTL != o.TTL || r.Match != o.Match || r.WAL != o.WAL || r.Shared != o.Shared || len(r.tables) != len(o.tables) {
		return false
	}
	for name := range r.tables {
		if !o.tables[name] {
			return false
		}
	}
	return true
}

// permits reports whether a read of these tables is cached that has no hint of its own.
func (r *cacheRules) permits(tables []*querycache.Table) bool {
	switch r.Match {
	case CacheHinted:
		return false
	case CacheTables:
		for _, t := range tables {
			if !r.tables[t.Name] {
				return false
			}
		}
		return len(tables) > 0
	}
	return true
}

// cache is the one of a pool; nil: it has none, or nobody knows yet what clients write.
func (p *shardPool) cache() *poolCache {
	c := p.template.cache.Load()
	if c == nil || !p.shared.catalog.engine.caches() {
		return nil
	}
	return c
}

var poolSeed = maphash.MakeSeed()

// id is a hash that nobody can aim at, of a pool whose servers have this database.
func (k poolKey) id(serverDatabase string) uint64 {
	var h maphash.Hash
	h.SetSeed(poolSeed)
	for _, part := range []string{k.pool, k.database, k.user, serverDatabase} {
		h.WriteString(part)
		h.WriteByte(0)
	}
	return h.Sum64()
}
