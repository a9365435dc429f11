package config

import (
	"fmt"
	"strings"
)

// checkCache is what is kept of replies, and until when.
func (p *Pool) checkCache(path string) *Problem {
	c := p.QueryCache
	if c == nil {
		return nil
	}
	return first(
		p.checkCacheMode(path),
		c.checkTTL(path+".ttl"),
		c.checkSizes(path),
		oneOf(path+".invalidation", c.Invalidation, Invalidations),
		p.checkStream(path),
		oneOf(path+".match", c.Match, CacheMatches),
		c.checkTables(path),
		c.checkStore(path+".store"),
	)
}

// checkCacheMode: who has a server has it asked.
func (p *Pool) checkCacheMode(path string) *Problem {
	if p.PoolMode != "session" || !p.QueryCache.On() {
		return nil
	}
	return &Problem{path, "is on, but pool_mode is session, and a client that has a server to itself is never answered from a cache; " +
		"write `pool_mode transaction`, or remove query_cache"}
}

func (c *QueryCache) checkTTL(path string) *Problem {
	const hint = "0 means that nothing is cached"
	if problem := notNegative(path, c.TTL, hint); problem != nil {
		return problem
	}
	if d := Duration(c.TTL, 0); d > 0 && d < LeastCacheTTL {
		return &Problem{path, fmt.Sprintf("is %v, but must be at least %v; write a duration like 5s; %s", d, LeastCacheTTL, hint)}
	}
	return nil
}

// checkSizes: what is kept must fit into what is allowed.
func (c *QueryCache) checkSizes(path string) *Problem {
	const hint = "write a size like 64KiB or 256MiB; `ttl 0` turns the cache off"
	most, entry := Bytes(c.MaxSize, DefaultCacheSize), c.EntrySize()
	switch {
	case most <= 0:
		return &Problem{path + ".max_size", fmt.Sprintf("is %v, but must be at least 1B; %s", most, hint)}
	case entry <= 0:
		return &Problem{path + ".max_entry_size", fmt.Sprintf("is %v, but must be at least 1B; %s", entry, hint)}
	case entry > most:
		return &Problem{path + ".max_entry_size", fmt.Sprintf("is %v, but max_size is %v for all replies together; "+
			"raise that, or keep smaller ones", entry, most)}
	case entry > MaxCacheEntrySize:
		return &Problem{path + ".max_entry_size", fmt.Sprintf("is %v, but must be at most %v; keep smaller replies", entry, MaxCacheEntrySize)}
	}
	return nil
}

// checkStream is who follows what others write, and what they publish.
func (p *Pool) checkStream(path string) *Problem {
	c := p.QueryCache
	if c.Invalidation == "wal" {
		if c.ReplicationUser == nil && p.ServerUser == nil {
			return &Problem{path + ".invalidation", "is wal, but nobody is there to follow what others write: that takes a user with the right REPLICATION; " +
				"write `replication_user <name> <secret>` in query_cache, or server_user in the pool"}
		}
		return c.ReplicationUser.check(path+".replication_user", "replication_user")
	}
	const says = "is written, but invalidation is writes, which follows no change stream; write `invalidation wal`, or remove it"
	switch {
	case c.Publication != "":
		return &Problem{path + ".publication", says}
	case c.ReplicationUser != nil:
		return &Problem{path + ".replication_user", says}
	}
	return nil
}

func (c *QueryCache) checkTables(path string) *Problem {
	path += ".tables"
	if c.Match != "tables" {
		if len(c.Tables) > 0 {
			return &Problem{path, fmt.Sprintf("is written, but match is %s; write `match tables <name>…`, or remove the tables", Word(c.Match, CacheMatches))}
		}
		return nil
	}
	if len(c.Tables) == 0 {
		return &Problem{path, "has no names; write `match tables <name>…`, or `match all`"}
	}
	seen := make(map[string]bool, len(c.Tables))
	for _, name := range c.Tables {
		if seen[name] {
			return &Problem{path, fmt.Sprintf("has %s twice; remove one", name)}
		}
		if problem := checkTable(path, name); problem != nil {
			return problem
		}
		seen[name] = true
	}
	return nil
}

// checkTable refuses what cannot be the name of a table, so that a slip of the pen does not turn a cache off.
func checkTable(path, name string) *Problem {
	schema, table, qualified := strings.Cut(name, ".")
	switch {
	case name == "":
		return &Problem{path, "has an empty name; write names of tables, or `match all`"}
	case strings.Contains(name, "*"):
		return &Problem{path, fmt.Sprintf("has %q, but a * stands for nothing here; write each name, or `match all`", name)}
	case strings.ContainsAny(name, ",;\""):
		return &Problem{path, fmt.Sprintf("has %q; write each name by itself, as pg_class has it, without commas and quotes", name)}
	case qualified && (schema == "" || table == "" || strings.Contains(table, ".")):
		return &Problem{path, fmt.Sprintf("has %q; write a table's name, with its schema or without: public.orders, or orders", name)}
	}
	return nil
}

func (c *QueryCache) checkStore(path string) *Problem {
	if c.Store == nil {
		return nil
	}
	return checkGuest(path, "store", "store memory", c.Store)
}
