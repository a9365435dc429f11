package poolhandler

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var (
	cacheRequests = describe("cache_requests_total", "Queries of a pool that has a query cache, by what the cache did.", "pool", "result")
	cacheBytes    = describe("cache_bytes", "What the replies in a query cache take.", "pool")
)

// collectCache tells of one pool's query cache.
func collectCache(to chan<- prometheus.Metric, s *engine.CacheStatus) {
	to <- counter(cacheRequests, s.Hits, s.Pool, "hit")
	to <- counter(cacheRequests, s.Misses, s.Pool, "miss")
	to <- counter(cacheRequests, s.Bypassed, s.Pool, "bypass")
	to <- gauge(cacheBytes, float64(s.Bytes), s.Pool)
}
