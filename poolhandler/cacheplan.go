package poolhandler

import (
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// cacheConfig is what the engine needs to know of a pool's query cache; nothing where it is off.
func cacheConfig(c *config.QueryCache) engine.CacheConfig {
	if !c.On() {
		return engine.CacheConfig{}
	}
	return engine.CacheConfig{
		TTL:           config.Duration(c.TTL, 0),
		MaxBytes:      int64(config.Bytes(c.MaxSize, config.DefaultCacheSize)),
		MaxEntryBytes: int(c.EntrySize()),
		Match:         matches[config.Word(c.Match, config.CacheMatches)],
		Tables:        c.Tables,
		WAL:           c.Invalidation == "wal",
	}
}

var matches = map[string]engine.CacheMatch{
	"all":    engine.CacheAll,
	"hinted": engine.CacheHinted,
	"tables": engine.CacheTables,
}

// needsGrammar reports whether texts are given to Postgres's grammar: to be sent where they belong, or to be cached.
func needsGrammar(c engine.PoolConfig) bool { return c.Split || c.Cache.TTL > 0 }
