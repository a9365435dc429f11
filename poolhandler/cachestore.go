package poolhandler

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddy.RegisterModule((*MemoryStore)(nil))
}

// storeNamespace is that of the modules that say where replies are kept.
const storeNamespace = "postgres.caches"

// checkStore finds out whether there is the store that a pool's cache asks for. There is nothing to be had of it yet: `memory` is what the
// engine does by itself.
func checkStore(ctx caddy.Context, c *config.Pool) error {
	if c.QueryCache == nil || c.QueryCache.Store == nil {
		return nil
	}
	copied := *c.QueryCache // loading takes the text away
	module, err := ctx.LoadModule(&copied, "Store")
	if err != nil {
		return fmt.Errorf("query_cache: store: %w; there are %s, and those that plug-ins add", err, strings.Join(storeNames(), ", "))
	}
	if _, ok := module.(*MemoryStore); !ok {
		return fmt.Errorf("query_cache: store: the module %T is none that this version knows; write `store memory`", module)
	}
	return nil
}

// storeNames is the stores that are plugged in, sorted.
func storeNames() (names []string) {
	for _, m := range caddy.GetModules(storeNamespace) {
		names = append(names, m.ID.Name())
	}
	return names
}

// MemoryStore is the store `memory`: replies are kept in this process, and gone when it ends. A reload keeps them.
type MemoryStore struct{}

// CaddyModule returns the Caddy module information.
func (*MemoryStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: storeNamespace + ".memory", New: func() caddy.Module { return new(MemoryStore) }}
}

// UnmarshalCaddyfile reads the store. Syntax:
//
//	store memory
func (*MemoryStore) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseStore(d)
}

// Interface guard
var _ caddyfiletokens.Unmarshaler = (*MemoryStore)(nil)
