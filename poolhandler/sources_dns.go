package poolhandler

import (
	"net"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/discovery"
)

func init() {
	caddy.RegisterModule((*AUpstreams)(nil))
	caddy.RegisterModule((*SRVUpstreams)(nil))
}

// AUpstreams is the source `a`: the addresses that a name has in DNS.
type AUpstreams struct {
	config.AUpstreams
	watcher
}

// CaddyModule returns the Caddy module information.
func (*AUpstreams) CaddyModule() caddy.ModuleInfo {
	return sourceInfo("a", func() caddy.Module { return new(AUpstreams) })
}

// Provision resolves placeholders. Nothing is asked before Watch.
func (a *AUpstreams) Provision(ctx caddy.Context) error {
	r := &resolver{repl: caddy.NewReplacer()}
	a.Host = r.text("host", a.Host)
	a.Resolvers = r.resolvers(a.Resolvers)
	if r.err != nil {
		return r.err
	}
	if err := a.Check(); err != nil {
		return err
	}
	a.logger = ctx.Logger()
	a.begin = func() discovery.Source {
		return &discovery.A{
			Host: a.Host, Port: config.Int(a.Port, config.DefaultPort),
			IPv4: a.uses("ipv4"), IPv6: a.uses("ipv6"),
			Refresh:  config.Duration(a.Refresh, config.DefaultRefresh),
			Resolver: discovery.Resolver{Servers: a.Resolvers},
		}
	}
	return nil
}

func (a *AUpstreams) uses(version string) bool {
	return len(a.Versions) == 0 || slices.Contains(a.Versions, version)
}

// UnmarshalCaddyfile reads the source. Syntax:
//
//	dynamic_upstreams a <host> [<port>] {
//		refresh   <duration>
//		resolvers <address[:port]>...
//		versions  ipv4|ipv6...
//	}
func (a *AUpstreams) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseAUpstreams(d, &a.AUpstreams)
}

// SRVUpstreams is the source `srv`: the targets of a service in DNS.
type SRVUpstreams struct {
	config.SRVUpstreams
	watcher
}

// CaddyModule returns the Caddy module information.
func (*SRVUpstreams) CaddyModule() caddy.ModuleInfo {
	return sourceInfo("srv", func() caddy.Module { return new(SRVUpstreams) })
}

// Provision resolves placeholders. Nothing is asked before Watch.
func (s *SRVUpstreams) Provision(ctx caddy.Context) error {
	r := &resolver{repl: caddy.NewReplacer()}
	s.Name = r.text("name", s.Name)
	s.Resolvers = r.resolvers(s.Resolvers)
	if r.err != nil {
		return r.err
	}
	if err := s.Check(); err != nil {
		return err
	}
	s.logger = ctx.Logger()
	s.begin = func() discovery.Source {
		return &discovery.SRV{
			Name: s.Name, Refresh: config.Duration(s.Refresh, config.DefaultRefresh),
			Resolver: discovery.Resolver{Servers: s.Resolvers},
		}
	}
	return nil
}

// UnmarshalCaddyfile reads the source. Syntax:
//
//	dynamic_upstreams srv <name> {
//		refresh   <duration>
//		resolvers <address[:port]>...
//	}
func (s *SRVUpstreams) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseSRVUpstreams(d, &s.SRVUpstreams)
}

// resolvers is the DNS servers that are written, each with its port.
func (r *resolver) resolvers(written []string) []string {
	out := make([]string, len(written))
	for i, text := range written {
		out[i] = r.text("resolvers", text)
		if _, err := netip.ParseAddr(out[i]); err == nil {
			out[i] = net.JoinHostPort(out[i], "53")
		}
	}
	return out
}

func sourceInfo(name string, make func() caddy.Module) caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID("postgres.upstreams." + name), New: make}
}

// Interface guards
var (
	_ UpstreamSource              = (*AUpstreams)(nil)
	_ caddy.Provisioner           = (*AUpstreams)(nil)
	_ caddyfiletokens.Unmarshaler = (*AUpstreams)(nil)

	_ UpstreamSource              = (*SRVUpstreams)(nil)
	_ caddy.Provisioner           = (*SRVUpstreams)(nil)
	_ caddyfiletokens.Unmarshaler = (*SRVUpstreams)(nil)
)
