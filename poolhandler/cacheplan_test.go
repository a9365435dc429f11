package poolhandler

import (
	"reflect"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// cachedPool is a configuration whose pool app has this cache.
func cachedPool(c *config.QueryCache) *config.App {
	app := onePool("app", 1)
	app.Pools["app"].QueryCache = c
	return app
}

// seconds is so many of them, as they are configured.
func seconds(n int) *caddy.Duration {
	d := caddy.Duration(n) * caddy.Duration(time.Second)
	return &d
}

func TestTheEngineIsToldOfTheCache(t *testing.T) {
	const mib = 1 << 20
	small, tiny := 64*config.MiB, 64*config.KiB
	for _, c := range []struct {
		written *config.QueryCache
		want    engine.CacheConfig
	}{
		{nil, engine.CacheConfig{}},
		{&config.QueryCache{}, engine.CacheConfig{}},
		{&config.QueryCache{TTL: seconds(0), MaxSize: &small}, engine.CacheConfig{}},
		{&config.QueryCache{TTL: seconds(5)}, engine.CacheConfig{TTL: 5 * time.Second, MaxBytes: 256 * mib, MaxEntryBytes: mib}},
		{&config.QueryCache{TTL: seconds(1), MaxSize: &tiny}, engine.CacheConfig{TTL: time.Second, MaxBytes: 64 << 10, MaxEntryBytes: 64 << 10}},
		{
			&config.QueryCache{
				TTL: seconds(5), MaxSize: &small, MaxEntrySize: &tiny, Match: "tables", Tables: []string{"orders", "public.products"},
				Invalidation: "wal", ReplicationUser: &config.ServerUser{Name: "follower"},
			},
			engine.CacheConfig{
				TTL: 5 * time.Second, MaxBytes: 64 * mib, MaxEntryBytes: 64 << 10, Match: engine.CacheTables,
				Tables: []string{"orders", "public.products"}, WAL: true,
			},
		},
	} {
		if got := testPlan(t, cachedPool(c.written)).engine.Pools[0].Cache; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v:\n got %+v\nwant %+v", c.written, got, c.want)
		}
	}
}

func TestWhoseRepliesAreKept(t *testing.T) {
	for written, want := range map[string]engine.CacheMatch{"": engine.CacheAll, "all": engine.CacheAll, "hinted": engine.CacheHinted} {
		if got := cacheConfig(&config.QueryCache{TTL: seconds(1), Match: written}).Match; got != want {
			t.Errorf("match %q is %d, want %d", written, got, want)
		}
	}
	if len(matches) != len(config.CacheMatches) {
		t.Errorf("%d ways of matching are mapped, of %d", len(matches), len(config.CacheMatches))
	}
}

// TestTheGrammarIsReadyForTheCache: reads are told from writes by it.
func TestTheGrammarIsReadyForTheCache(t *testing.T) {
	for _, c := range []struct {
		app  *config.App
		want bool
	}{
		{onePool("app", 1), false}, {cachedPool(&config.QueryCache{}), false}, {cachedPool(&config.QueryCache{TTL: seconds(1)}), true},
	} {
		p, f := fakeProcess()
		readied := false
		p.start = func(*plan, *process) (*running, error) {
			return &running{pooler: f, notices: newNotices(p.logger), prepare: func() { readied = true }}, nil
		}
		start(t, p, testPlan(t, c.app))
		if readied != c.want {
			t.Errorf("%+v: the grammar is ready: %v", c.app.Pools["app"].QueryCache, readied)
		}
	}
}
