package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// ParseHandler reads the layer4 handler. Syntax:
//
//	postgres_pool [<name>]
func ParseHandler(d *caddyfile.Dispenser, h *config.Handler) error {
	d.Next() // the word postgres_pool
	if d.NextArg() {
		h.Pool = d.Val()
	}
	if d.NextArg() {
		return d.Errf("postgres_pool takes one pool, and %q is a second word; the pool of a client's database is found without a name", d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("postgres_pool takes no block; settings of a pool belong into the global option `postgres`")
	}
	return nil
}
