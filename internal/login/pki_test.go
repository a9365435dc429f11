package login

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// identity is a certificate with its key.
type identity struct{ certPEM, keyPEM []byte }

// theAuthority has issued what tests use; the stranger is one that nobody knows.
var (
	theAuthority = sync.OnceValue(func() *authority { return newAuthority("test authority") })
	theStranger  = sync.OnceValue(func() *authority { return newAuthority("stranger") })
	// hostIdentity is for 127.0.0.1 and localhost.
	hostIdentity = sync.OnceValue(func() identity { return theAuthority().issue(hostTemplate("a host")) })
)

func newAuthority(name string) *authority {
	key := newKey()
	template := certificateOf(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return &authority{must(x509.ParseCertificate(der)), key}
}

func newKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func certificateOf(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func hostTemplate(name string) *x509.Certificate {
	c := certificateOf(name)
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	return c
}

func (a *authority) issue(template *x509.Certificate) identity {
	key := newKey()
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key))
	return newIdentity(der, key)
}

func newIdentity(der []byte, key crypto.Signer) identity {
	return identity{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}),
	}
}

// unbindable is an identity that channels cannot be bound to: Ed25519 signs without a hash function.
func unbindable() identity {
	public, key := must2(ed25519.GenerateKey(rand.Reader))
	template := hostTemplate("unbindable")
	return newIdentity(must(x509.CreateCertificate(rand.Reader, template, template, public, key)), key)
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (i identity) certificate() tls.Certificate { return must(tls.X509KeyPair(i.certPEM, i.keyPEM)) }

// files writes both to files that libpq takes.
func (i identity) files(t testing.TB) (cert, key string) {
	t.Helper()
	return writeFile(t, "client.crt", i.certPEM), writeFile(t, "client.key", i.keyPEM)
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serverSide is how our side encrypts in tests: it verifies the certificates of clients that have one.
func serverSide(i identity) *tls.Config {
	return secure.ServerConfig(&tls.Config{
		Certificates: []tls.Certificate{i.certificate()},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: theAuthority().pool(),
	})
}

// clientSide is how clients of ours, and we towards servers, encrypt in tests.
func clientSide(certificates ...identity) *tls.Config {
	config := &tls.Config{RootCAs: theAuthority().pool()}
	for _, i := range certificates {
		config.Certificates = append(config.Certificates, i.certificate())
	}
	return config
}
