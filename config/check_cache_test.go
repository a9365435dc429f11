package config

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const atCache = "pools.app.query_cache"

func cached(c string) string { return `{"query_cache": {` + c + `}}` }

func TestCacheIsOffUnlessItHasATime(t *testing.T) {
	for _, c := range []struct {
		cache *QueryCache
		on    bool
	}{
		{nil, false}, {&QueryCache{}, false}, {&QueryCache{TTL: new(caddy.Duration)}, false},
		{&QueryCache{TTL: ttl(time.Millisecond)}, true}, {&QueryCache{TTL: ttl(time.Hour)}, true},
	} {
		if got := c.cache.On(); got != c.on {
			t.Errorf("%+v: on is %v", c.cache, got)
		}
	}
}

func ttl(d time.Duration) *caddy.Duration { return (*caddy.Duration)(&d) }

func TestCacheNeedsATimeThatCanBe(t *testing.T) {
	refused(t, map[string]string{
		cached(`"ttl": "-1s"`):  atCache + ".ttl: is -1s, but a time cannot be negative; 0 means that nothing is cached",
		cached(`"ttl": 5`):      atCache + ".ttl: is 5ns, but must be at least 1ms; write a duration like 5s; 0 means that nothing is cached",
		cached(`"ttl": 999999`): "but must be at least 1ms",
	})
	accepted(t, cached(``), cached(`"ttl": 0`), cached(`"ttl": "1ms"`), cached(`"ttl": "5s"`), cached(`"ttl": "1d"`))
}

func TestCacheHasRoomForWhatItKeeps(t *testing.T) {
	refused(t, map[string]string{
		cached(`"max_size": 0`):                                   atCache + ".max_size: is 0B, but must be at least 1B; write a size like 64KiB or 256MiB; `ttl 0` turns the cache off",
		cached(`"max_size": "-1MiB"`):                             atCache + ".max_size: is -1MiB, but must be at least 1B",
		cached(`"max_entry_size": 0`):                             atCache + ".max_entry_size: is 0B, but must be at least 1B",
		cached(`"max_entry_size": -1`):                            atCache + ".max_entry_size: is -1B, but must be at least 1B",
		cached(`"max_entry_size": "257MiB"`):                      atCache + ".max_entry_size: is 257MiB, but max_size is 256MiB for all replies together; raise that, or keep smaller ones",
		cached(`"max_size": "1MiB", "max_entry_size": 1048577`):   atCache + ".max_entry_size: is 1048577B, but max_size is 1MiB",
		cached(`"max_size": "4GiB", "max_entry_size": "1025MiB"`): atCache + ".max_entry_size: is 1025MiB, but must be at most 1GiB; keep smaller replies",
	})
	accepted(t,
		cached(`"max_size": 1`), cached(`"max_entry_size": 1`), cached(`"max_size": "512KiB"`), cached(`"max_size": "1TiB"`),
		cached(`"max_size": "1MiB", "max_entry_size": "1MiB"`), cached(`"max_size": "4GiB", "max_entry_size": "1GiB"`),
	)
}

func TestEntriesAreNotLargerThanTheirCacheByDefault(t *testing.T) {
	for _, c := range []struct{ size, entry, want Size }{
		{0, 0, MiB}, {4 * MiB, 0, MiB}, {MiB, 0, MiB}, {64 * KiB, 0, 64 * KiB}, {4 * MiB, 2 * MiB, 2 * MiB}, {0, KiB, KiB},
	} {
		cache := new(QueryCache)
		if c.size > 0 {
			cache.MaxSize = &c.size
		}
		if c.entry > 0 {
			cache.MaxEntrySize = &c.entry
		}
		if got := cache.EntrySize(); got != c.want {
			t.Errorf("max_size %v, max_entry_size %v: %v, want %v", c.size, c.entry, got, c.want)
		}
	}
}

func TestSessionsAreNotCached(t *testing.T) {
	const mode = `"pool_mode": "%s", "query_cache": {"ttl": "%s"}`
	refused(t, map[string]string{
		`{` + fmt.Sprintf(mode, "session", "5s") + `}`: atCache + ": is on, but pool_mode is session, and a client that has a server to itself is never answered " +
			"from a cache; write `pool_mode transaction`, or remove query_cache",
	})
	accepted(t, `{`+fmt.Sprintf(mode, "session", "0")+`}`, `{`+fmt.Sprintf(mode, "statement", "5s")+`}`, `{`+fmt.Sprintf(mode, "transaction", "5s")+`}`)
}

func TestChangeStreamHasWhoFollowsIt(t *testing.T) {
	const says = "is written, but invalidation is writes, which follows no change stream; write `invalidation wal`, or remove it"
	refused(t, map[string]string{
		cached(`"invalidation": "walk"`): atCache + `.invalidation: is "walk", but must be one of writes, wal; did you mean wal?`,
		cached(`"invalidation": "wal"`): atCache + ".invalidation: is wal, but nobody is there to follow what others write: that takes a user with the right REPLICATION; " +
			"write `replication_user <name> <secret>` in query_cache, or server_user in the pool",
		cached(`"invalidation": "wal", "replication_user": {"name": ""}`): atCache + ".replication_user: has no name; write `replication_user <name> <secret>`",
		cached(`"publication": "x"`):                                      atCache + ".publication: " + says,
		cached(`"invalidation": "writes", "publication": "x"`):            atCache + ".publication: " + says,
		cached(`"replication_user": {"name": "x"}`):                       atCache + ".replication_user: " + says,
	})
	accepted(t,
		cached(`"invalidation": "writes"`),
		cached(`"invalidation": "wal", "replication_user": {"name": "x", "secret": "{env.X}"}, "publication": "of_mine"`),
		`{"server_user": {"name": "x"}, "query_cache": {"invalidation": "wal"}}`,
	)
}

func TestMatchIsAllHintedOrTablesWithNames(t *testing.T) {
	tables := func(names string) string { return cached(`"match": "tables", "tables": [` + names + `]`) }
	refused(t, map[string]string{
		cached(`"match": "hintd"`):                   atCache + `.match: is "hintd", but must be one of all, hinted, tables; did you mean hinted?`,
		cached(`"match": "tables"`):                  atCache + ".tables: has no names; write `match tables <name>…`, or `match all`",
		tables(``):                                   atCache + ".tables: has no names",
		cached(`"tables": ["a"]`):                    atCache + ".tables: is written, but match is all; write `match tables <name>…`, or remove the tables",
		cached(`"match": "hinted", "tables": ["a"]`): atCache + ".tables: is written, but match is hinted",
		tables(`""`):                                 atCache + ".tables: has an empty name",
		tables(`"a", "b", "a"`):                      atCache + ".tables: has a twice; remove one",
		tables(`"order_*"`):                          atCache + `.tables: has "order_*", but a * stands for nothing here; write each name, or ` + "`match all`",
		tables(`"a,"`):                               atCache + `.tables: has "a,"; write each name by itself, as pg_class has it, without commas and quotes`,
		tables(`"\"A\""`):                            "without commas and quotes",
		tables(`"public."`):                          atCache + `.tables: has "public."; write a table's name, with its schema or without: public.orders, or orders`,
		tables(`".orders"`):                          "with its schema or without",
		tables(`"app.public.orders"`):                "with its schema or without",
	})
	accepted(t, cached(`"match": "all"`), cached(`"match": "hinted"`), tables(`"orders"`), tables(`"public.orders", "Orders", "archive.orders", "ürün"`))
}

func TestStoreIsNamed(t *testing.T) {
	refused(t, map[string]string{
		cached(`"store": "memory"`): atCache + ".store: does not say which; it is an object with the name in \"store\", and in a Caddyfile a line like `store memory`",
		cached(`"store": {}`):       atCache + ".store: does not say which",
	})
	accepted(t, cached(`"store": {"store": "memory"}`), cached(`"store": {"store": "anything", "of": "its own"}`))
}
