package poolhandler

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// newServerTLS is how connections to the servers of a pool are encrypted; nil: not at all.
func newServerTLS(c *config.ServerTLS, logger *zap.Logger) (*login.ServerTLS, error) {
	if c == nil {
		c = new(config.ServerTLS)
	}
	mode := config.Word(c.Mode, config.ServerTLSModes)
	if mode == "disable" {
		return nil, nil
	}
	out := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		authorities, err := readAuthorities(c.CA)
		if err != nil {
			return nil, fmt.Errorf("server_tls.ca: %w", err)
		}
		out.RootCAs = authorities
	}
	switch mode {
	case "prefer", "require":
		out.InsecureSkipVerify = true
	case "verify-ca":
		out.InsecureSkipVerify = true // of the name; the authority is verified here
		out.VerifyConnection = verifyAuthority(out.RootCAs)
	}
	if c.Certificate != "" {
		own := &certificateFiles{certificate: c.Certificate, key: c.Key, logger: logger}
		if _, err := own.get(); err != nil {
			return nil, fmt.Errorf("server_tls: %w", err)
		}
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.get() }
	}
	return &login.ServerTLS{Config: out, Required: mode != "prefer"}, nil
}

// verifyAuthority verifies that one of the authorities (nil: the system's) has issued the server's certificate, whatever its
// name.
func verifyAuthority(authorities *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server has shown no certificate")
		}
		options := x509.VerifyOptions{Roots: authorities, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}

// certificateCheck is how often a handshake looks whether the files have changed.
const certificateCheck = time.Second

// certificateFiles is a certificate and its key, read again when they change.
type certificateFiles struct {
	certificate, key string
	logger           *zap.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]time.Time // when the files were changed last
	checked time.Time
}

// get is the certificate as it is in the files now; files that cannot be read any more leave the one known before.
func (f *certificateFiles) get() (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil && time.Since(f.checked) < certificateCheck {
		return f.current, nil
	}
	f.checked = time.Now()
	changed, err := f.changed()
	if err == nil && f.current != nil && changed == f.seen {
		return f.current, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(f.certificate, f.key)
	}
	switch {
	case err == nil:
		f.current, f.seen = &pair, changed
	case f.current == nil:
		return nil, fmt.Errorf("reading certificate and key: %w", err)
	default:
		f.logger.Error("a certificate for servers has changed and cannot be read; the one known before is used on", zap.Error(err))
	}
	return f.current, nil
}

func (f *certificateFiles) changed() (times [2]time.Time, err error) {
	for i, path := range []string{f.certificate, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}
