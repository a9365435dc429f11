//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// authority issues certificates for a test.
type authority struct {
	t           *testing.T
	dir         string
	CA          string // file with its own certificate
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	issued      int64
}

// identity is files with a certificate and its key.
type identity struct{ Certificate, Key string }

// newAuthority makes one that nobody knows yet.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), key: newKey(t)}
	a.CA = filepath.Join(a.dir, "ca.crt")
	a.certificate = &x509.Certificate{
		Subject:               pkix.Name{CommonName: "authority of " + t.Name()},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	a.certificate = a.sign(a.certificate, a.key, a.CA)
	return a
}

// server issues a certificate for this machine.
func (a *authority) server() identity {
	a.t.Helper()
	return a.issue("server", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// client issues a certificate for a client of that common name.
func (a *authority) client(name string) identity {
	a.t.Helper()
	return a.issue("client-"+name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) issue(file string, about *x509.Certificate) identity {
	a.t.Helper()
	key := newKey(a.t)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	file = filepath.Join(a.dir, fmt.Sprintf("%s-%d", file, a.issued))
	id := identity{Certificate: file + ".crt", Key: file + ".key"}
	writePEM(a.t, id.Key, "PRIVATE KEY", encoded)
	a.sign(about, key, id.Certificate)
	return id
}

// sign signs what is said about a key, and writes it to a file.
func (a *authority) sign(about *x509.Certificate, key *ecdsa.PrivateKey, file string) *x509.Certificate {
	a.t.Helper()
	a.issued++
	about.SerialNumber = big.NewInt(a.issued)
	about.NotBefore, about.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signed, err := x509.CreateCertificate(rand.Reader, about, a.certificate, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, file, "CERTIFICATE", signed)
	certificate, err := x509.ParseCertificate(signed)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, file, kind string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// trust is the configuration of a Go client that knows the authority.
func (a *authority) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// withCertificate writes the configuration down as JSON, with a certificate from files in the TLS app: a Caddyfile has
// such certificates for websites only.
func (p *pooler) withCertificate(id identity) (path string) {
	p.t.Helper()
	adapted, err := p.command(append([]string{"adapt"}, p.config...)...).Output()
	if err != nil {
		p.t.Fatalf("caddy adapt: %v: %s", err, stderrOf(err))
	}
	var config struct {
		Admin any            `json:"admin"`
		Apps  map[string]any `json:"apps"`
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		p.t.Fatalf("%v in:\n%s", err, adapted)
	}
	files := []map[string]string{{"certificate": id.Certificate, "key": id.Key}}
	config.Apps["tls"] = map[string]any{"certificates": map[string]any{"load_files": files}}
	text, err := json.MarshalIndent(config, "", "\t")
	if err != nil {
		p.t.Fatal(err)
	}
	path = filepath.Join(p.dir, "caddy.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// encrypt has a Postgres speak TLS, with copies of the files that it can read.
func (a *authority) encrypt(server *pgtest.Server) {
	a.t.Helper()
	home, err := os.Stat(server.SocketDir)
	if err != nil {
		a.t.Fatal(err)
	}
	owner := int(home.Sys().(*syscall.Stat_t).Uid)
	id := a.server()
	var statements []string
	for setting, file := range map[string]string{"ssl_cert_file": id.Certificate, "ssl_key_file": id.Key, "ssl_ca_file": a.CA} {
		text, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		file = filepath.Join(server.SocketDir, filepath.Base(file))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			a.t.Fatal(err)
		}
		if err := os.Chown(file, owner, -1); err != nil {
			a.t.Fatal(err)
		}
		statements = append(statements, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", setting, file))
	}
	statements = append(statements, "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
	if err := server.Exec(within(a.t), "postgres", statements...); err != nil {
		a.t.Fatal(err)
	}
	eventually(a.t, "Postgres speaks TLS", func() error {
		conn, err := encrypted(server.Addr(), a.trust())
		if err == nil {
			conn.Close()
		}
		return err
	})
}
