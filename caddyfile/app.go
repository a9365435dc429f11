package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("postgres", parseGlobalOption)
}

// parseGlobalOption makes the global option `postgres` the app of that name.
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the word postgres
	if existing != nil {
		return nil, d.Errf("the global option postgres is written a second time; move its pools into the first")
	}
	app, err := ParseApp(d)
	if err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "postgres", Value: caddyconfig.JSON(app, nil)}, nil
}

// ParseApp reads the global option `postgres`, whose name has been consumed. Syntax:
//
//	postgres {
//		event_loops            <number>
//		io_driver              auto|io_uring|epoll
//		max_client_connections <number>
//		client_login_timeout   <duration>
//		drain_timeout          <duration>
//		console                <admin_user> [<secret>] {
//			…
//		}
//
//		pool <name> {
//			…
//		}
//	}
func ParseApp(d *caddyfile.Dispenser) (*config.App, error) {
	p := &parser{Dispenser: d, written: map[string]caddyfile.Token{}}
	app := new(config.App)
	p.note("")
	if d.NextArg() {
		return nil, d.Errf("postgres takes a block, not the word %q; write `postgres { … }`", d.Val())
	}
	if err := block(p, "postgres", "", appOptions, app); err != nil {
		return nil, err
	}
	if err := config.Check(app); err != nil {
		return nil, p.locate(err)
	}
	return app, nil
}

var appOptions = options[config.App]{
	"event_loops":            number(func(a *config.App) **int { return &a.EventLoops }),
	"io_driver":              word(func(a *config.App) *string { return &a.IODriver }),
	"max_client_connections": number(func(a *config.App) **int { return &a.MaxClientConnections }),
	"client_login_timeout":   duration(func(a *config.App) **caddyDuration { return &a.ClientLoginTimeout }),
	"drain_timeout":          duration(func(a *config.App) **caddyDuration { return &a.DrainTimeout }),
	"console":                {read: parseConsole},
	"pool":                   {read: parsePool, repeats: true},
}
