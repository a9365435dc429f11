package secure

import (
	"crypto/tls"
	"sync"
)

// protocol is what Postgres is called in ALPN.
const protocol = "postgresql"

// ClientConfig is the config as Client needs it: records of full size from the start, and no renegotiation, which would
// want a handshake without a goroutine. A config that is so already is returned as it is.
func ClientConfig(config *tls.Config) *tls.Config {
	if config.DynamicRecordSizingDisabled && config.Renegotiation == tls.RenegotiateNever {
		return config
	}
	c := config.Clone()
	c.DynamicRecordSizingDisabled = true
	c.Renegotiation = tls.RenegotiateNever
	return c
}

// ServerConfig makes of a config, once for all connections, the one that Server takes. It chooses the same certificate, and
// lets the Conn know it, for Binding; it speaks ALPN "postgresql", and sends records of full size.
//
// It has no session tickets, as Postgres has none: a resumed session shows no certificate, so there would be nothing to bind
// to. So whoever rotates the ticket keys of the original config in place, as Caddy does, rotates what is not used. Other
// fields of the original must not change any more; its functions may answer differently each time, and so renew
// certificates.
func ServerConfig(config *tls.Config) *tls.Config {
	c := serverConfig(config)
	if config.GetConfigForClient != nil {
		perClient := &prepared{made: map[*tls.Config]*tls.Config{}}
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := config.GetConfigForClient(hello)
			if chosen == nil || err != nil {
				return nil, err
			}
			return perClient.of(chosen), nil
		}
	}
	return c
}

func serverConfig(original *tls.Config) *tls.Config {
	c := original.Clone()
	c.NextProtos = []string{protocol}
	c.DynamicRecordSizingDisabled = true
	c.SessionTicketsDisabled = true
	c.Certificates = nil
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := choose(original, hello)
		if by, ok := hello.Context().Value(connKey{}).(*Conn); ok && certificate != nil && len(certificate.Certificate) > 0 {
			by.shown = certificate.Certificate[0]
		}
		return certificate, err
	}
	return c
}

// connKey is the key under which the context of a handshake holds its Conn.
type connKey struct{}

// choose does what crypto/tls does with the config's certificates. No certificate and no error is an error there.
func choose(config *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificates := config.Certificates
	if config.GetCertificate != nil && (len(certificates) == 0 || hello.ServerName != "") {
		if c, err := config.GetCertificate(hello); c != nil || err != nil {
			return c, err
		}
	}
	for i := range certificates {
		if hello.SupportsCertificate(&certificates[i]) == nil {
			return &certificates[i], nil
		}
	}
	if len(certificates) > 0 {
		return &certificates[0], nil
	}
	return nil, nil
}

// maxPrepared bounds the configs remembered. Who answers every client with a config of its own gets a new one each time.
const maxPrepared = 64

// prepared remembers what it has made of the configs that an inner GetConfigForClient returns: mostly the same few.
type prepared struct {
	mu   sync.Mutex
	made map[*tls.Config]*tls.Config
}

func (p *prepared) of(config *tls.Config) *tls.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.made[config]; c != nil {
		return c
	}
	if len(p.made) >= maxPrepared {
		clear(p.made)
	}
	c := serverConfig(config)
	p.made[config] = c
	return c
}
