package poolhandler

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// clientTLS is how clients of a pool may or must encrypt. The zero one: they cannot.
type clientTLS struct {
	mode   string      // of config.ClientTLSModes; empty: there is no TLS
	config *tls.Config // nil with mode disable
	names  []string    // certificates to be managed
	// authorities are those whose certificates let clients in: client_ca, or those of the policies.
	authorities []*x509.CertPool
	// demands is that a policy's handshake fails without a certificate, or without one of its authorities'.
	demands tls.ClientAuthType
}

// newClientTLS makes the TLS of a pool from its settings and Caddy's TLS app.
func newClientTLS(ctx caddy.Context, c *config.ClientTLS) (clientTLS, error) {
	if c == nil {
		return clientTLS{}, nil
	}
	t := clientTLS{mode: config.Word(c.Mode, config.ClientTLSModes)}
	for _, name := range c.ServerNames {
		t.names = append(t.names, strings.ToLower(name))
	}
	if t.mode == "disable" {
		return clientTLS{mode: t.mode}, nil
	}
	policies := c.ConnectionPolicies
	implicit := len(policies) == 0
	if implicit {
		policies = caddytls.ConnectionPolicies{new(caddytls.ConnectionPolicy)}
	}
	for _, p := range policies {
		prepare(p, c.ServerNames)
	}
	if err := policies.Provision(ctx); err != nil {
		return clientTLS{}, fmt.Errorf("tls: %w", err)
	}
	if implicit {
		if err := elseAnyCertificate(ctx, policies[0]); err != nil {
			return clientTLS{}, fmt.Errorf("tls: %w", err)
		}
	}
	if c.ClientCA != "" {
		authorities, err := readAuthorities(c.ClientCA)
		if err != nil {
			return clientTLS{}, fmt.Errorf("tls.client_ca: %w", err)
		}
		for _, p := range policies {
			askForCertificate(p, authorities)
		}
	}
	for _, p := range policies {
		t.know(p.TLSConfig)
	}
	t.config = secure.ServerConfig(policies.TLSConfig(ctx))
	return t, nil
}

// know notes what a policy wants of clients' certificates.
func (t *clientTLS) know(c *tls.Config) {
	if c == nil {
		return
	}
	if c.ClientCAs != nil {
		t.authorities = append(t.authorities, c.ClientCAs)
	}
	if c.ClientAuth == tls.RequireAnyClientCert || c.ClientAuth == tls.RequireAndVerifyClientCert {
		t.demands = max(t.demands, c.ClientAuth)
	}
}

// checkElsewhere makes up for a handshake that may not have been this pool's: what its own would have demanded.
func (t clientTLS) checkElsewhere(s *login.Startup) *login.Refusal {
	switch {
	case s.TLS == nil, t.demands == tls.NoClientCert:
		return nil
	case t.demands == tls.RequireAnyClientCert && len(s.TLS.Presented) > 0, s.TLS.Certificate != nil:
		return nil
	}
	return noCertificate("a connection policy of the pool demands one")
}

// trusted is what is known of a client's TLS, with its certificate only if an authority of this pool has issued it: the
// handshake may have been another pool's, or another handler's, with other authorities.
func (t clientTLS) trusted(info *login.TLSInfo) *login.TLSInfo {
	if info == nil {
		return nil
	}
	out := *info
	out.Certificate = nil
	if len(info.Presented) == 0 {
		return &out
	}
	options := x509.VerifyOptions{Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range info.Presented[1:] {
		options.Intermediates.AddCert(c)
	}
	for _, options.Roots = range t.authorities {
		if _, err := info.Presented[0].Verify(options); err == nil {
			out.Certificate = info.Presented[0]
			break
		}
	}
	return &out
}

// prepare makes a policy one for Postgres: its ALPN, and, as Postgres has one certificate whatever it is called, the first
// of our names for clients that call us by an address or another name.
func prepare(p *caddytls.ConnectionPolicy, names []string) {
	if p.ALPN == nil {
		p.ALPN = []string{"postgresql"}
	}
	if len(names) > 0 && p.DefaultSNI == "" {
		p.DefaultSNI = names[0]
	}
	if len(names) > 0 && p.FallbackSNI == "" {
		p.FallbackSNI = names[0]
	}
}

// elseAnyCertificate has a policy show some certificate where none is for the name that the client calls us by, as Postgres
// does: whether that is good enough, the client's sslmode says.
func elseAnyCertificate(ctx caddy.Context, p *caddytls.ConnectionPolicy) error {
	// Without a match, this selection is given every certificate that there is.
	anyone := caddytls.ConnectionPolicies{{CertSelection: &caddytls.CustomCertSelectionPolicy{}, ALPN: p.ALPN}}
	if err := anyone.Provision(ctx); err != nil {
		return err
	}
	matching, others := p.TLSConfig.GetCertificate, anyone[0].TLSConfig.GetCertificate
	p.TLSConfig.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := matching(hello)
		if err == nil {
			return certificate, nil
		}
		if certificate, otherErr := others(hello); otherErr == nil {
			return certificate, nil
		}
		return nil, err
	}
	return nil
}

// askForCertificate makes clients show a certificate, if they have one. One that is wrong ends the handshake, as with
// Postgres; that there is none is told in Postgres's words, after it.
func askForCertificate(p *caddytls.ConnectionPolicy, authorities *x509.CertPool) {
	if p.TLSConfig == nil || p.ClientAuthentication != nil {
		return // it has authorities of its own
	}
	p.TLSConfig.ClientCAs = authorities
	p.TLSConfig.ClientAuth = tls.VerifyClientCertIfGiven
	// A ticket of one pool must not let anybody into another.
	p.TLSConfig.SessionTicketsDisabled = true
}

// readAuthorities reads the certificates of a PEM file.
func readAuthorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading certificates of authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate; it must be a PEM file with the certificates of authorities", path)
	}
	return pool, nil
}

// check says why a client, encrypted as it is, cannot be let in. Whoever comes by a Unix socket is on this machine and need not encrypt, as
// hostssl of Postgres is about TCP only; verify-full and method cert ask him for a certificate all the same, which proves who he is.
func (t clientTLS) check(s *login.Startup, bySocket bool) *login.Refusal {
	switch t.mode {
	case "", "disable", "allow":
		return nil
	}
	switch {
	case s.TLS == nil && bySocket && t.mode != "verify-full":
		return nil
	case s.TLS == nil:
		return &login.Refusal{
			SQLState: "28000", Message: "connection requires TLS encryption",
			Detail: "The pool has `tls " + t.mode + "`, and this connection is not encrypted.",
			Hint:   "Connect with sslmode=require, or stricter.",
		}
	case t.mode != "require" && s.TLS.Certificate == nil:
		return noCertificate("the pool has `tls " + t.mode + "`")
	}
	return nil
}

func noCertificate(why string) *login.Refusal {
	return &login.Refusal{
		SQLState: "28000", Message: "connection requires a valid client certificate", Detail: "It is wanted because " + why + ".",
		Hint: "Connect with a certificate (sslcert, sslkey) that an authority of the pool has issued.",
	}
}

// manageCertificates has Caddy's TLS app get certificates for the names of all pools, and keep them new.
func (p *plan) manageCertificates(ctx caddy.Context) error {
	names := make(map[string]struct{})
	for _, pool := range p.pools {
		for _, name := range pool.tls.names {
			names[name] = struct{}{}
		}
	}
	if len(names) == 0 {
		return nil
	}
	app, err := ctx.App("tls")
	if err != nil {
		return fmt.Errorf("getting the tls app: %w", err)
	}
	if err := app.(*caddytls.TLS).Manage(names); err != nil {
		return fmt.Errorf("managing certificates: %w", err)
	}
	return nil
}

// anyTLS is the TLS of clients whose pool is told by the database they are going to ask for: that of the pool which has the
// name they call us by, else of the first by name that has TLS. nil if none has.
func (p *plan) anyTLS() *tls.Config {
	var first *tls.Config
	for _, name := range p.names {
		if c := p.pools[name].tls.config; c != nil {
			first = c
			break
		}
	}
	if first == nil {
		return nil
	}
	asking := p.asking()
	return &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen := first
		for _, name := range p.names {
			if t := p.pools[name].tls; t.config != nil && t.has(hello.ServerName) {
				chosen = t.config
				break
			}
		}
		if chosen.GetConfigForClient == nil {
			return asking(chosen), nil
		}
		chosen, err := chosen.GetConfigForClient(hello)
		if chosen == nil || err != nil {
			return chosen, err
		}
		return asking(chosen), nil
	}}
}

// asking has configs ask every client for a certificate, if a pool wants one, and leave it to that pool to verify it.
func (p *plan) asking() func(*tls.Config) *tls.Config {
	wanted := false
	for _, pool := range p.pools {
		wanted = wanted || len(pool.tls.authorities) > 0 || pool.tls.demands != tls.NoClientCert
	}
	var mu sync.Mutex
	made := make(map[*tls.Config]*tls.Config)
	return func(c *tls.Config) *tls.Config {
		if !wanted {
			return c
		}
		mu.Lock()
		defer mu.Unlock()
		if made[c] == nil {
			made[c] = c.Clone()
			made[c].ClientAuth, made[c].ClientCAs = tls.RequestClientCert, nil
		}
		return made[c]
	}
}

// has tells whether one of the names, or of those with a wildcard as their first label, is this one.
func (t clientTLS) has(name string) bool {
	name = strings.ToLower(name)
	_, domain, _ := strings.Cut(name, ".")
	return name != "" && (slices.Contains(t.names, name) || slices.Contains(t.names, "*."+domain))
}

// decrypted is what is known of a connection that another layer4 handler has decrypted; nil if none has.
func decrypted(states []*tls.ConnectionState) *login.TLSInfo {
	if len(states) == 0 {
		return nil
	}
	last := states[len(states)-1]
	return &login.TLSInfo{ServerName: last.ServerName, Presented: last.PeerCertificates}
}
