package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// sslRequest is the whole packet.
var sslRequest = binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, sslRequestCode)

// encryptServer asks the server for TLS; nil if the connection stays in clear. A Unix socket never is encrypted.
func encryptServer(ctx context.Context, conn net.Conn, address string, want *ServerTLS) (*secure.Conn, error) {
	network, _, err := ParseAddress(address)
	if err != nil || network != "tcp" || want == nil {
		return nil, err
	}
	encrypts, err := askForTLS(conn)
	switch {
	case err != nil:
		return nil, err
	case !encrypts && want.Required:
		return nil, permanent("the server does not encrypt: set ssl = on in its postgresql.conf, or mode prefer or disable in server_tls")
	case !encrypts:
		return nil, nil
	}
	config, err := serverConfig(address, want.Config)
	if err != nil {
		return nil, err
	}
	encrypted := secure.Client(conn, config)
	if err := encrypted.Handshake(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake with the server: %w", explainTLS(err, config.ServerName))
	}
	return encrypted, nil
}

// askForTLS sends an SSLRequest and reads the answer. What comes behind it in clear may be somebody's who sits
// between, and is not taken for the server's. An ErrorResponse may be his too: it is not shown to anybody (libpq's
// CVE-2024-10977).
func askForTLS(conn net.Conn) (encrypts bool, err error) {
	if _, err := conn.Write(sslRequest); err != nil {
		return false, err
	}
	answer := make([]byte, 2) // one more than there should be
	n, err := conn.Read(answer)
	switch {
	case n == 0 && err != nil:
		return false, err
	case answer[0] == 'E':
		return false, errors.New("the server answers SSLRequest with an error: its own log tells why")
	case answer[0] != 'S' && answer[0] != 'N':
		return false, fmt.Errorf("the server answers SSLRequest with %q, not S or N: is it Postgres?", answer[:1])
	case n > 1:
		return false, errors.New("the server sent unencrypted data behind its answer to SSLRequest: " +
			"either it is broken, or somebody sits between")
	}
	return answer[0] == 'S', nil
}

// serverConfig completes the config for one server.
func serverConfig(address string, config *tls.Config) (*tls.Config, error) {
	config = config.Clone()
	config.NextProtos = []string{alpnProtocol}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, &configurationError{err}
		}
		config.ServerName = host
	}
	return config, nil
}

// explainTLS adds a cure to what TLS says. A certificate that is not good enough stays so until somebody changes a file.
func explainTLS(err error, host string) error {
	var unknown x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return permanent("%w: give the certificate of the authority that has issued the server's as ca of server_tls", err)
	case errors.As(err, &wrongHost) && isNameless(wrongHost.Certificate):
		return permanent("%w: issue the server's certificate with a subjectAltName (openssl: -addext subjectAltName=DNS:…), "+
			"or use mode verify-ca in server_tls", err)
	case errors.As(err, &wrongHost):
		return permanent("%w: name in server_name of server_tls what the server's certificate is for (it is not for %q), or use mode verify-ca", err, host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return permanent("%w: renew the server's certificate, or set the clock", err)
	case errors.As(err, &verification), errors.As(err, &invalid):
		return permanent("%w: the server's certificate does not pass mode verify-ca or verify-full of server_tls", err)
	}
	return explainAlert(err)
}

// isNameless tells whether the certificate names its host in the subject only, as was the custom once.
func isNameless(c *x509.Certificate) bool { return len(c.DNSNames) == 0 && len(c.IPAddresses) == 0 }

// explainAlert adds a cure to an alert of the server. With TLS 1.3 one may come after the handshake.
func explainAlert(err error) error {
	if !isAlert(err) {
		return err
	}
	if strings.Contains(err.Error(), "certificate") { // required, unknown, expired, …: ours, and it stays so
		return permanent("%w: the server does not take our certificate, or wants one: give certificate and key of server_tls, "+
			"issued by an authority in its ssl_ca_file", err)
	}
	return fmt.Errorf("%w: the server has ended TLS, and its log tells why", err)
}

// isAlert tells whether the error is an alert that the other side has sent.
func isAlert(err error) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error"
}

// released is a connection that has been released by TLS: blocking reads again, for what comes in two halves around
// the end of a login.
type released struct {
	net.Conn
	layer *secure.Conn
	plain []byte
}

func (r *released) Read(b []byte) (int, error) {
	cipher := make([]byte, readAheadBytes)
	for len(r.plain) == 0 {
		n, err := r.Conn.Read(cipher)
		if n == 0 && err != nil {
			return 0, err
		}
		var ended bool
		if r.plain, ended, err = r.layer.Open(cipher[:n], r.plain[:0]); err != nil {
			return 0, err
		}
		if ended && len(r.plain) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	n := copy(b, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}
