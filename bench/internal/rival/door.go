package rival

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// user is who logs in, to a database of the same name.
const user = "bench"

// Door is how clients get in. The zero value lets everybody in, in clear.
type Door struct {
	// Keys are what clients prove to have, by SCRAM-SHA-256; the poolers know the verifier of them only. nil: clients are
	// trusted.
	Keys *wire.Keys
	// Certificate is what the poolers show; clients must encrypt then. nil: there is no TLS.
	Certificate *Certificate
}

// doorPatience bounds one login.
const doorPatience = 5 * time.Second

// Who is the client's identity.
func (d Door) Who() wire.Identity { return wire.Identity{User: user, Database: user, Keys: d.Keys} }

// Name is how the tables call it.
func (d Door) Name() string {
	name := d.method()
	if d.Certificate != nil {
		name += ", tls"
	}
	return name
}

// method is the authentication method, as both poolers name it.
func (d Door) method() string {
	if d.Keys == nil {
		return "trust"
	}
	return "scram-sha-256"
}

// verifier is what a pooler knows of its user; empty where it trusts him.
func (d Door) verifier() string {
	if d.Keys == nil {
		return ""
	}
	return d.Keys.Verifier()
}

// TLS is the client's configuration; nil if there is no TLS. As sslmode=require, it looks at no name. One curve is offered,
// X25519, so that all poolers do the same work.
func (d Door) TLS() *tls.Config {
	if d.Certificate == nil {
		return nil
	}
	return &tls.Config{
		InsecureSkipVerify: true,
		ServerName:         "localhost",
		CurvePreferences:   []tls.CurveID{tls.X25519},
		MinVersion:         tls.VersionTLS13,
	}
}

// Enter logs one client in through it.
func (d Door) Enter(address string) (net.Conn, error) {
	c, err := rig.Dial(address)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(doorPatience))
	plain := c
	if config := d.TLS(); config != nil {
		if c, err = wire.Encrypt(plain, config); err != nil {
			plain.Close()
			return nil, err
		}
	}
	if err := wire.Enter(c, d.Who()); err != nil {
		plain.Close()
		return nil, fmt.Errorf("by %s: %w", d.Name(), err)
	}
	return c, nil
}
