package poolhandler

import (
	"crypto/ecdsa"
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
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
)

// authority issues certificates for tests, and writes them as PEM files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	made int64
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.make(name, nil, true)
	a.file = a.write(name+".pem", "CERTIFICATE", a.cert.Raw)
	return a
}

// make is a certificate of this name, its own authority's or ours.
func (a *authority) make(name string, names []string, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.made++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.made), Subject: pkix.Name{CommonName: name}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := template, key
	if !isCA {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// issue writes a certificate and its key.
func (a *authority) issue(name string, names ...string) (certificate, key string) {
	a.t.Helper()
	cert, private := a.make(name, names, false)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".crt", "CERTIFICATE", cert.Raw), a.write(name+".key", "PRIVATE KEY", der)
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func TestModesOfServerTLSVerifyWhatTheySay(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	rightName, rightKey := ours.issue("db", "db.example.com")
	otherName, otherKey := ours.issue("other", "other.example.com")
	strange, strangeKey := theirs.issue("stranger", "db.example.com")
	for _, c := range []struct {
		mode                      string
		required                  bool
		right, otherName, strange string // what the handshake says of each certificate
	}{
		{mode: "prefer"},
		{mode: "require", required: true},
		{mode: "verify-ca", required: true, strange: "unknown authority"},
		{mode: "verify-full", required: true, otherName: "not db.example.com", strange: "unknown authority"},
	} {
		s := &config.ServerTLS{Mode: c.mode, ServerName: "db.example.com"}
		if strings.HasPrefix(c.mode, "verify") {
			s.CA = ours.file
		}
		out, err := newServerTLS(s, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if out.Required != c.required {
			t.Errorf("%s: required %v", c.mode, out.Required)
		}
		for _, server := range []struct{ name, certificate, key, says string }{
			{"the right one", rightName, rightKey, c.right},
			{"of another name", otherName, otherKey, c.otherName},
			{"of another authority", strange, strangeKey, c.strange},
		} {
			err := shakeHands(t, out.Config, server.certificate, server.key)
			switch {
			case server.says == "" && err != nil:
				t.Errorf("%s, %s: %v", c.mode, server.name, err)
			case server.says != "" && (err == nil || !strings.Contains(err.Error(), server.says)):
				t.Errorf("%s, %s: %v, want %q", c.mode, server.name, err, server.says)
			}
		}
	}
	if out, err := newServerTLS(&config.ServerTLS{Mode: "disable"}, zap.NewNop()); out != nil || err != nil {
		t.Errorf("disable: %v, %v", out, err)
	}
	if out, err := newServerTLS(nil, zap.NewNop()); err != nil || out == nil || out.Required {
		t.Errorf("nothing written means prefer: %+v, %v", out, err)
	}
}

// shakeHands is the handshake of a client that has this configuration with a server of this certificate.
func shakeHands(t *testing.T, client *tls.Config, certificate, key string) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	return tls.Client(conn, client).Handshake()
}

func TestFilesThatCannotBeReadNameTheSetting(t *testing.T) {
	a := newAuthority(t, "ours")
	_, key := a.issue("client")
	for says, s := range map[string]config.ServerTLS{
		"server_tls.ca: reading certificates of authorities": {CA: filepath.Join(a.dir, "missing.pem")},
		"has no certificate; it must be a PEM file":          {CA: key},
		"server_tls: reading certificate and key":            {Certificate: a.file, Key: key},
	} {
		if _, err := newServerTLS(&s, zap.NewNop()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}

func TestACertificateThatChangesIsReadAgain(t *testing.T) {
	a := newAuthority(t, "ours")
	f := &certificateFiles{logger: zap.NewNop()}
	f.certificate, f.key = a.issue("client")
	first, err := f.get()
	if err != nil {
		t.Fatal(err)
	}
	a.issue("client")
	os.Chtimes(f.certificate, time.Now(), time.Now().Add(time.Minute))
	f.checked = time.Now() // however long that took
	if again, _ := f.get(); again != first {
		t.Error("read again within a second")
	}
	f.checked = f.checked.Add(-certificateCheck)
	second, err := f.get()
	if err != nil || second == first {
		t.Errorf("a new certificate is not used: %v", err)
	}
	os.Remove(f.key)
	f.checked = f.checked.Add(-certificateCheck)
	if third, err := f.get(); err != nil || third != second {
		t.Errorf("files that are gone take the certificate away: %v", err)
	}
}
