package poolhandler

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddy.RegisterModule((*Handler)(nil))
}

// Handler is the layer4 handler `postgres_pool`: it logs a client in, hands its connection to a pool of the app
// `postgres`, and is done with it.
type Handler struct {
	config.Handler

	process *process
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "layer4.handlers.postgres_pool",
		New: func() caddy.Module { return &Handler{process: theProcess} },
	}
}

// Provision finds out whether there is such a pool. It keeps nothing of it: see the package comment.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("postgres")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return fmt.Errorf("postgres_pool needs the app postgres; declare it as global option: `postgres { pool <name> { … } }`: %w", err)
	}
	if err != nil {
		return err
	}
	if err := app.(*App).checkPool(h.Pool); err != nil {
		return fmt.Errorf("postgres_pool: %w", err)
	}
	return nil
}

// Handle logs the client in and hands it over. What a client does wrong is told to the client and in the debug log:
// an error here would be logged as ours.
func (h *Handler) Handle(cx *layer4.Connection, _ layer4.Handler) error {
	throughLayer4(h.process, h.Pool, cx).handle()
	return nil
}

// UnmarshalCaddyfile reads the handler. Syntax:
//
//	postgres_pool [<name>]
func (h *Handler) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseHandler(d, &h.Handler)
}

// Interface guards
var (
	_ layer4.NextHandler          = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyfiletokens.Unmarshaler = (*Handler)(nil)
)
