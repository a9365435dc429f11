package poolhandler

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddy.RegisterModule((*StaticUpstreams)(nil))
}

// StaticUpstreams is the source `static`: a list that never changes.
type StaticUpstreams struct {
	config.StaticUpstreams
}

// CaddyModule returns the Caddy module information.
func (*StaticUpstreams) CaddyModule() caddy.ModuleInfo {
	return sourceInfo("static", func() caddy.Module { return new(StaticUpstreams) })
}

// Provision resolves placeholders.
func (s *StaticUpstreams) Provision(caddy.Context) error {
	if err := s.Check(); err != nil {
		return err
	}
	r := &resolver{repl: caddy.NewReplacer()}
	for i, u := range s.Upstreams {
		u.Address = r.text(fmt.Sprintf("upstreams.%d", i), u.Address)
	}
	if r.err != nil {
		return r.err
	}
	return s.Check()
}

// Watch implements [UpstreamSource].
func (s *StaticUpstreams) Watch(ctx context.Context, push func([]config.Upstream)) {
	list := make([]config.Upstream, len(s.Upstreams))
	for i, u := range s.Upstreams {
		list[i] = *u
	}
	push(list)
	<-ctx.Done()
}

// UnmarshalCaddyfile reads the source. Syntax:
//
//	dynamic_upstreams static <address>...
func (s *StaticUpstreams) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseStaticUpstreams(d, &s.StaticUpstreams)
}

// Interface guards
var (
	_ UpstreamSource              = (*StaticUpstreams)(nil)
	_ caddy.Provisioner           = (*StaticUpstreams)(nil)
	_ caddyfiletokens.Unmarshaler = (*StaticUpstreams)(nil)
)
