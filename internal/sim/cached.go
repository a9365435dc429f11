package sim

import (
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Cached is a scenario in which pools have query caches: calm, stormy, with crashes, or with replicas.
func (w *World) Cached() Scenario {
	return w.caches([](func() Scenario){w.Calm, w.Stormy, w.Crashing, w.Split}[w.random.IntN(4)]())
}

// CachedFailing is one of a pool with replicas of which servers are lost, and replaced, by such that may lack what was written last.
func (w *World) CachedFailing() Scenario {
	s := w.Failing()
	s.Config.Pools = s.Config.Pools[:1] // who is the primary is what one pool knows of it
	s.Reloads, s.Upsets = w.Between(0, 1), w.Between(1, 3)
	s = w.caches(s)
	s.Clients, s.Batches, s.Noise = w.Between(8, 16), w.Between(60, 150), s.Noise/4 // so that there is something in the cache to be lost
	p := &s.Config.Pools[0]
	p.QueryWaitTimeout, p.Cache.Match, p.Cache.MaxBytes, p.Cache.MaxEntryBytes = 0, engine.CacheAll, 1<<20, 1<<19
	return s
}

// caches makes a scenario one with query caches.
func (w *World) caches(s Scenario) Scenario {
	s.Caching = true
	s.Listening, s.Preparing = s.Listening/4, s.Preparing/4
	s.Clients, s.Batches = max(s.Clients, w.Between(4, 10)), w.Between(30, 150)
	s.Noise = []float64{0, 0.005, 0.005, 0.05}[w.random.IntN(4)]
	for i := range s.Config.Pools {
		p := &s.Config.Pools[i]
		p.QueryTimeout = 0 // what it cancels has to have a tag
		if p.Mode == engine.Session && w.Chance(0.8) {
			p.Mode = engine.Transaction // so that clients are without a server now and then
		}
		if p.MaxPreparedStatements == 0 && w.Chance(0.5) {
			p.MaxPreparedStatements = 1000 // else what a Bind runs is known for certain only at times
		}
		if i == 0 || w.Chance(0.7) {
			p.Cache = w.cache()
		}
		p.DeferBegin = p.DeferBegin || w.Chance(0.3)
	}
	return s
}

// Shared is Cached where all caches are shared with other processes, which write as well.
func (w *World) Shared() Scenario {
	s := w.Cached()
	for s.Replicas > 0 {
		s = w.Cached()
	}
	s.Sharing, s.Batches = true, s.Batches*2
	for i := range s.Config.Pools {
		c := &s.Config.Pools[i].Cache
		c.Shared, c.MaxBytes, c.MaxEntryBytes = true, 2<<10, 1<<10 // so that what is in the store is not here
	}
	return s
}

// cache is a query cache, or none.
func (w *World) cache() engine.CacheConfig {
	c := engine.CacheConfig{MaxBytes: []int64{1 << 20, 1 << 20, 1 << 20, 2 << 10, 4 << 10}[w.random.IntN(5)]}
	c.MaxEntryBytes = int(c.MaxBytes) / 2
	c.TTL = []time.Duration{time.Hour, time.Hour, time.Minute, 5 * time.Millisecond, time.Millisecond}[w.random.IntN(5)]
	if w.Chance(0.1) {
		c.Match, c.Tables = engine.CacheTables, []string{"r0", "r1"}
	}
	return c
}

// recache switches the cache of a pool on or off, or changes it.
func (r *Run) recache(p *engine.PoolConfig) {
	p.QueryTimeout = 0
	switch {
	case r.Chance(0.3):
		p.Cache = engine.CacheConfig{}
	case r.Chance(0.5):
		p.Cache = r.cache()
		p.Cache.Shared = r.Sharing
	}
}

// aboutLineage reports whether a text asks what reads depend on and writes reach.
func aboutLineage(text string) bool { return strings.Contains(text, "'lineage'") }

// lineage answers that. Now and then somebody has changed the catalog of whom nobody knows.
func (s *Session) lineage() {
	for range 3 {
		s.say('C', "SET")
	}
	rows := [][]string{
		{"relation", "0", "r0\nr1\nr2\nr3\nt\nw0", "1,1,1,1,1,2", s.Generation()},
		{"function", "0", "fail\nnotice\nbumps\nleave\nscratches\nlocking\nraises", "0,0,5,5,5,5,1", ""},
		{"edges", "r", "r5 r0 r5 r1 f6 r1", "", ""},
		{"edges", "w", "r2 r3", "", ""},
		{"lineage", "6", "7", "0", "4"},
	}
	for _, row := range rows {
		var columns [][]byte
		for _, c := range row {
			columns = append(columns, []byte(c))
		}
		s.row(columns...)
	}
	s.say('C', selectTag(len(rows)))
	s.ready()
}
