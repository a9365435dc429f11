package caddyfile

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

// ParseStaticUpstreams reads a list that never changes. Syntax:
//
//	dynamic_upstreams static <address>...
func ParseStaticUpstreams(d *caddyfile.Dispenser, s *config.StaticUpstreams) error {
	p := newGuest(d)
	for p.NextArg() {
		s.Upstreams = append(s.Upstreams, &config.Upstream{Address: p.Val()})
	}
	if err := p.alone("dynamic_upstreams static"); err != nil {
		return err
	}
	return p.locate(s.Check())
}

// ParseAUpstreams reads whose addresses are upstreams. Syntax:
//
//	dynamic_upstreams a <host> [<port>] {
//		refresh   <duration>
//		resolvers <address[:port]>...
//		versions  ipv4|ipv6...
//	}
func ParseAUpstreams(d *caddyfile.Dispenser, a *config.AUpstreams) (err error) {
	p := newGuest(d)
	if a.Host, err = p.argumentOf("dynamic_upstreams a", "a name, and a port unless it is 5432"); err != nil {
		return err
	}
	if p.NextArg() {
		port, err := strconv.Atoi(p.Val())
		if err != nil {
			return p.Errf("dynamic_upstreams a takes a port behind the name, and %q is none; write a number, Postgres's is 5432", p.Val())
		}
		a.Port = &port
	}
	return source(p, "dynamic_upstreams a", aOptions, a)
}

var aOptions = options[config.AUpstreams]{
	"refresh":   duration(func(a *config.AUpstreams) **caddyDuration { return &a.Refresh }),
	"resolvers": list("addresses of DNS servers, like 10.0.0.53", func(a *config.AUpstreams) *[]string { return &a.Resolvers }),
	"versions":  list("ipv4, ipv6, or both", func(a *config.AUpstreams) *[]string { return &a.Versions }),
}

// ParseSRVUpstreams reads which service's targets are upstreams. Syntax:
//
//	dynamic_upstreams srv <name> {
//		refresh   <duration>
//		resolvers <address[:port]>...
//	}
func ParseSRVUpstreams(d *caddyfile.Dispenser, s *config.SRVUpstreams) (err error) {
	p := newGuest(d)
	if s.Name, err = p.argumentOf("dynamic_upstreams srv", "a name, like _postgresql._tcp.db.internal"); err != nil {
		return err
	}
	return source(p, "dynamic_upstreams srv", srvOptions, s)
}

var srvOptions = options[config.SRVUpstreams]{
	"refresh":   duration(func(s *config.SRVUpstreams) **caddyDuration { return &s.Refresh }),
	"resolvers": list("addresses of DNS servers, like 10.0.0.53", func(s *config.SRVUpstreams) *[]string { return &s.Resolvers }),
}

// ParsePatroniUpstreams reads where Patroni is asked. Syntax:
//
//	dynamic_upstreams patroni <url>... {
//		interval    <duration>
//		timeout     <duration>
//		basic_auth  <name> [<secret>]
//		ca          <file>
//		certificate <file>
//		key         <file>
//		server_name <name>
//	}
func ParsePatroniUpstreams(d *caddyfile.Dispenser, s *config.PatroniUpstreams) error {
	p := newGuest(d)
	if s.URLs = p.RemainingArgs(); len(s.URLs) == 0 {
		return p.Errf("dynamic_upstreams patroni needs URLs; write where Patroni answers, like http://10.0.0.1:8008")
	}
	return source(p, "dynamic_upstreams patroni", patroniOptions, s)
}

var patroniOptions = webOptions(func(s *config.PatroniUpstreams) *config.WebClient { return &s.WebClient })

// ParseHTTPUpstreams reads where the list is. Syntax:
//
//	dynamic_upstreams http <url> {
//		interval    <duration>
//		timeout     <duration>
//		basic_auth  <name> [<secret>]
//		ca          <file>
//		certificate <file>
//		key         <file>
//		server_name <name>
//	}
func ParseHTTPUpstreams(d *caddyfile.Dispenser, s *config.HTTPUpstreams) (err error) {
	p := newGuest(d)
	if s.URL, err = p.argumentOf("dynamic_upstreams http", "a URL, like https://inventory.internal/postgres.json"); err != nil {
		return err
	}
	return source(p, "dynamic_upstreams http", httpOptions, s)
}

var httpOptions = webOptions(func(s *config.HTTPUpstreams) *config.WebClient { return &s.WebClient })

// webOptions are those of every source that asks over HTTP.
func webOptions[T any](web func(*T) *config.WebClient) options[T] {
	return options[T]{
		"interval":    duration(func(s *T) **caddyDuration { return &web(s).Interval }),
		"timeout":     duration(func(s *T) **caddyDuration { return &web(s).Timeout }),
		"basic_auth":  login(func(s *T) **config.ServerUser { return &web(s).BasicAuth }),
		"ca":          word(func(s *T) *string { return &web(s).CA }),
		"certificate": word(func(s *T) *string { return &web(s).Certificate }),
		"key":         word(func(s *T) *string { return &web(s).Key }),
		"server_name": word(func(s *T) *string { return &web(s).ServerName }),
	}
}

// source reads what follows a source's words, and checks all of it.
func source[T any, S interface {
	*T
	Check() error
}](p *parser, what string, known options[T], into S) error {
	if err := p.end(what); err != nil {
		return err
	}
	if err := block(p, what, "", known, (*T)(into)); err != nil {
		return err
	}
	return p.locate(into.Check())
}

// argumentOf is the next word on this line, for who has a name of several words.
func (p *parser) argumentOf(what, wanted string) (string, error) {
	if !p.NextArg() {
		return "", p.Errf("%s needs %s", what, wanted)
	}
	return p.Val(), nil
}

// list reads words, of which there is at least one; wanted says what they should be.
func list[T any](wanted string, field func(*T) *[]string) option[T] {
	return option[T]{read: func(p *parser, _ string, into *T) error {
		name := p.Val()
		words := p.RemainingArgs()
		if len(words) == 0 {
			return p.Errf("%s needs %s; write them on the same line", name, wanted)
		}
		*field(into) = words
		return nil
	}}
}
