package poolhandler

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/querycache"
)

func init() {
	caddy.RegisterModule((*MemoryStore)(nil))
}

// storeNamespace is that of the modules that say where replies are kept: MemoryStore, and those that implement querycache.Store.
const storeNamespace = "postgres.caches"

// sharedStore is where a pool shares its replies with other processes.
type sharedStore struct {
	querycache.Store
	// written is the store as the configuration has it, secrets and all: equal ones are one.
	written string
}

// loadStore is the store that a pool's cache asks for; nil: replies are kept in this process alone, which the engine does by itself.
func loadStore(ctx caddy.Context, c *config.Pool) (*sharedStore, error) {
	if c.QueryCache == nil || c.QueryCache.Store == nil {
		return nil, nil
	}
	copied := *c.QueryCache // loading takes the text away
	module, err := ctx.LoadModule(&copied, "Store")
	if err != nil {
		return nil, fmt.Errorf("query_cache: store: %w; there are %s, and those that plug-ins add", err, strings.Join(storeNames(), ", "))
	}
	if _, ok := module.(*MemoryStore); ok || !c.QueryCache.On() {
		return nil, nil
	}
	store, ok := module.(querycache.Store)
	if !ok {
		return nil, fmt.Errorf("query_cache: store: the module %T is no querycache.Store; it was made for another version", module)
	}
	return &sharedStore{store, string(c.QueryCache.Store)}, nil
}

// hold keeps the store open until it is released, also when the configuration that asked for it is gone.
func (s *sharedStore) hold() (release func()) {
	if held, ok := s.Store.(interface{ hold() (release func()) }); ok {
		return held.hold()
	}
	return func() {}
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
