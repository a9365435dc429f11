package rival

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Certificate is one for a pooler on this machine, signed by itself, with its key: ECDSA on P-256, the kind that Caddy
// makes. Both in PEM.
type Certificate struct{ certificate, key []byte }

// NewCertificate makes one.
func NewCertificate() (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(7 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing the key of a certificate: %w", err)
	}
	return &Certificate{
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
	}, nil
}

// PEM is the certificate and the key as files have them.
func (c *Certificate) PEM() (certificate, key []byte) { return c.certificate, c.key }

// write puts it into files of dir, the key readable for its owner only: the given user where we are root, else us.
func (c *Certificate) write(dir string, owner int) (certificate, key string, err error) {
	if certificate, err = writeFile(dir, "server.crt", string(c.certificate)); err != nil {
		return "", "", err
	}
	if key, err = writeFile(dir, "server.key", string(c.key)); err != nil {
		return "", "", err
	}
	err = os.Chmod(key, 0o600)
	if os.Geteuid() == 0 {
		err = errors.Join(err, os.Chown(key, owner, owner))
	}
	if err != nil {
		return "", "", fmt.Errorf("guarding a key: %w", err)
	}
	return certificate, key, nil
}
