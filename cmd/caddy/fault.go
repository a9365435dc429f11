//go:build cachefault

package main

import (
	"os"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// init breaks the query cache on purpose, for the test that shows that the consistency checker would notice.
func init() {
	if os.Getenv("PGMUX_CACHE_FAULT") == "no-invalidation" {
		querycache.IgnoreWrites()
	}
}
