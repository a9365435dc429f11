package caddyfile

import (
	"slices"

	"github.com/pgmux/caddy-pgmux/config"
)

// parseQueryCache reads what is kept of replies, and until when. Syntax:
//
//	query_cache {
//		ttl              <duration>
//		max_size         <size>
//		max_entry_size   <size>
//		invalidation     writes|wal
//		publication      <name>
//		replication_user <name> [<secret>]
//		match            all|hinted
//		match            tables <name>...
//		store            memory|redis|<other> ...
//	}
func parseQueryCache(p *parser, path string, pool *config.Pool) error {
	if err := p.end("query_cache"); err != nil {
		return err
	}
	pool.QueryCache = new(config.QueryCache)
	return block(p, "query_cache", path, queryCacheOptions, pool.QueryCache)
}

var queryCacheOptions = options[config.QueryCache]{
	"ttl":              duration(func(c *config.QueryCache) **caddyDuration { return &c.TTL }),
	"max_size":         size(func(c *config.QueryCache) **config.Size { return &c.MaxSize }),
	"max_entry_size":   size(func(c *config.QueryCache) **config.Size { return &c.MaxEntrySize }),
	"invalidation":     word(func(c *config.QueryCache) *string { return &c.Invalidation }),
	"publication":      word(func(c *config.QueryCache) *string { return &c.Publication }),
	"replication_user": login(func(c *config.QueryCache) **config.ServerUser { return &c.ReplicationUser }),
	"match":            {read: parseMatch},
	"store":            {read: parseStore},
}

// parseMatch reads whose replies are kept. Syntax:
//
//	match all|hinted
//	match tables <name>...
func parseMatch(p *parser, path string, cache *config.QueryCache) (err error) {
	if cache.Match, err = p.argument("all, hinted, or tables and their names"); err != nil {
		return err
	}
	if !slices.Contains(config.CacheMatches, cache.Match) {
		return p.noMatch(cache.Match)
	}
	if cache.Match == "tables" {
		p.note(path[:len(path)-len("match")] + "tables")
		if cache.Tables = p.RemainingArgs(); len(cache.Tables) == 0 {
			return p.Errf("match tables needs names of tables; write them on the same line, like `match tables orders products`")
		}
	}
	return p.end("match " + cache.Match)
}

// noMatch refuses a word that is none of match's: a misspelt one, or the name of a table.
func (p *parser) noMatch(word string) error {
	if near := config.Nearest(word, config.CacheMatches); near != "" {
		return p.Errf("match takes all, hinted or tables, and %q is none of them; did you mean %s?", word, near)
	}
	return p.Errf("match takes all, hinted or tables, and %q is none of them; if it is a table, write `match tables %[1]s`", word)
}

// parseStore reads where replies are kept; what stands behind its name, and in its block, is the store's own. Syntax:
//
//	store memory|redis|<other> ...
func parseStore(p *parser, _ string, cache *config.QueryCache) (err error) {
	cache.Store, err = p.guest("postgres.caches", "store", "store")
	return err
}
