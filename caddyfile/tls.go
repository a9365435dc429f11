package caddyfile

import (
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/pgmux/caddy-pgmux/config"
)

// parseTLS reads how clients may or must encrypt. Syntax:
//
//	tls [disable|allow|require|verify-ca|verify-full] {
//		server_names <name>...
//		client_ca    <file>
//		connection_policy {
//			…
//		}
//	}
func parseTLS(p *parser, path string, pool *config.Pool) error {
	pool.TLS = new(config.ClientTLS)
	if err := p.mode("tls", &pool.TLS.Mode); err != nil {
		return err
	}
	return block(p, "tls", path, tlsOptions, pool.TLS)
}

var tlsOptions = options[config.ClientTLS]{
	"server_names":      {read: parseServerNames},
	"client_ca":         word(func(t *config.ClientTLS) *string { return &t.ClientCA }),
	"connection_policy": {read: parseConnectionPolicy, repeats: true},
}

// parseServerNames reads what certificates are got for. Syntax:
//
//	server_names <name>...
func parseServerNames(p *parser, _ string, tls *config.ClientTLS) error {
	tls.ServerNames = p.RemainingArgs()
	if len(tls.ServerNames) == 0 {
		return p.Errf("server_names needs names; write them on the same line, like pg.example.com")
	}
	return p.end("server_names")
}

// parseConnectionPolicy reads one policy, in Caddy's own syntax. Syntax:
//
//	connection_policy {
//		protocols   <min> [<max>]
//		ciphers     <cipher_suites...>
//		curves      <curves...>
//		client_auth { … }
//		match       { … }
//		…
//	}
func parseConnectionPolicy(p *parser, _ string, tls *config.ClientTLS) error {
	policy := new(caddytls.ConnectionPolicy)
	if err := policy.UnmarshalCaddyfile(p.NewFromNextSegment()); err != nil {
		return err
	}
	tls.ConnectionPolicies = append(tls.ConnectionPolicies, policy)
	return nil
}

// parseServerTLS reads how connections to servers are encrypted. Syntax:
//
//	server_tls [disable|prefer|require|verify-ca|verify-full] {
//		ca          <file>
//		certificate <file>
//		key         <file>
//		server_name <name>
//	}
func parseServerTLS(p *parser, path string, pool *config.Pool) error {
	pool.ServerTLS = new(config.ServerTLS)
	if err := p.mode("server_tls", &pool.ServerTLS.Mode); err != nil {
		return err
	}
	return block(p, "server_tls", path, serverTLSOptions, pool.ServerTLS)
}

var serverTLSOptions = options[config.ServerTLS]{
	"ca":          word(func(t *config.ServerTLS) *string { return &t.CA }),
	"certificate": word(func(t *config.ServerTLS) *string { return &t.Certificate }),
	"key":         word(func(t *config.ServerTLS) *string { return &t.Key }),
	"server_name": word(func(t *config.ServerTLS) *string { return &t.ServerName }),
}

// mode reads the word after the name of a block, which may be left out.
func (p *parser) mode(name string, into *string) error {
	if p.NextArg() {
		*into = p.Val()
	}
	return p.end(name)
}
