package poolhandler

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/discovery"
)

func init() {
	caddy.RegisterModule((*PatroniUpstreams)(nil))
	caddy.RegisterModule((*HTTPUpstreams)(nil))
}

// PatroniUpstreams is the source `patroni`: the members of a cluster as Patroni's REST API has them.
type PatroniUpstreams struct {
	config.PatroniUpstreams
	watcher
}

// CaddyModule returns the Caddy module information.
func (*PatroniUpstreams) CaddyModule() caddy.ModuleInfo {
	return sourceInfo("patroni", func() caddy.Module { return new(PatroniUpstreams) })
}

// Provision resolves placeholders and reads files. Nothing is asked before Watch.
func (p *PatroniUpstreams) Provision(ctx caddy.Context) error {
	r := &resolver{repl: caddy.NewReplacer()}
	p.URLs = r.list("urls", p.URLs)
	p.WebClient = r.webClient(p.WebClient)
	if r.err != nil {
		return r.err
	}
	if err := p.Check(); err != nil {
		return err
	}
	p.logger = ctx.Logger()
	web, err := newWeb(p.WebClient, p.logger)
	if err != nil {
		return err
	}
	p.begin = func() discovery.Source {
		return &discovery.Patroni{URLs: p.URLs, Interval: config.Duration(p.Interval, config.DefaultPatroniInterval), Web: web}
	}
	p.end = web.Client.CloseIdleConnections
	return nil
}

// UnmarshalCaddyfile reads the source. Syntax:
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
func (p *PatroniUpstreams) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParsePatroniUpstreams(d, &p.PatroniUpstreams)
}

// HTTPUpstreams is the source `http`: a list in JSON that a web server has.
type HTTPUpstreams struct {
	config.HTTPUpstreams
	watcher
}

// CaddyModule returns the Caddy module information.
func (*HTTPUpstreams) CaddyModule() caddy.ModuleInfo {
	return sourceInfo("http", func() caddy.Module { return new(HTTPUpstreams) })
}

// Provision resolves placeholders and reads files. Nothing is asked before Watch.
func (h *HTTPUpstreams) Provision(ctx caddy.Context) error {
	r := &resolver{repl: caddy.NewReplacer()}
	h.URL = r.text("url", h.URL)
	h.WebClient = r.webClient(h.WebClient)
	if r.err != nil {
		return r.err
	}
	if err := h.Check(); err != nil {
		return err
	}
	h.logger = ctx.Logger()
	web, err := newWeb(h.WebClient, h.logger)
	if err != nil {
		return err
	}
	h.begin = func() discovery.Source {
		return &discovery.HTTP{URL: h.URL, Interval: config.Duration(h.Interval, config.DefaultHTTPInterval), Web: web}
	}
	h.end = web.Client.CloseIdleConnections
	return nil
}

// UnmarshalCaddyfile reads the source. Syntax:
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
func (h *HTTPUpstreams) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	return caddyfile.ParseHTTPUpstreams(d, &h.HTTPUpstreams)
}

// webIdle is how long a connection to a web server rests before it is closed: longer than most intervals.
const webIdle = 90 * time.Second

// newWeb is how a source asks. No proxy of the environment is used: what is asked is as near as the servers are.
func newWeb(c config.WebClient, logger *zap.Logger) (discovery.Web, error) {
	encryption, err := webTLS(c, logger)
	if err != nil {
		return discovery.Web{}, err
	}
	web := discovery.Web{
		Client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: encryption, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: webIdle,
		}},
		Timeout: config.Duration(c.Timeout, config.DefaultWebTimeout),
	}
	if c.BasicAuth != nil {
		web.User, web.Password = c.BasicAuth.Name, c.BasicAuth.Secret
	}
	return web, nil
}

func webTLS(c config.WebClient, logger *zap.Logger) (*tls.Config, error) {
	out := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		authorities, err := readAuthorities(c.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		out.RootCAs = authorities
	}
	if c.Certificate != "" {
		own := &certificateFiles{certificate: c.Certificate, key: c.Key, logger: logger}
		if _, err := own.get(); err != nil {
			return nil, err
		}
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.get() }
	}
	return out, nil
}

func (r *resolver) webClient(c config.WebClient) config.WebClient {
	c.BasicAuth = r.login("basic_auth", c.BasicAuth)
	c.CA = r.text("ca", c.CA)
	c.Certificate = r.text("certificate", c.Certificate)
	c.Key = r.text("key", c.Key)
	c.ServerName = r.text("server_name", c.ServerName)
	return c
}

func (r *resolver) list(path string, written []string) []string {
	out := make([]string, len(written))
	for i, text := range written {
		out[i] = r.text(path, text)
	}
	return out
}

// Interface guards
var (
	_ UpstreamSource              = (*PatroniUpstreams)(nil)
	_ caddy.Provisioner           = (*PatroniUpstreams)(nil)
	_ caddyfiletokens.Unmarshaler = (*PatroniUpstreams)(nil)

	_ UpstreamSource              = (*HTTPUpstreams)(nil)
	_ caddy.Provisioner           = (*HTTPUpstreams)(nil)
	_ caddyfiletokens.Unmarshaler = (*HTTPUpstreams)(nil)
)
