package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// versions are those that Postgres speaks.
var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// eachVersion runs a test with each.
func eachVersion(t *testing.T, test func(t *testing.T, version uint16)) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) { test(t, version) })
	}
}

// issue makes a self-signed certificate for some names.
func issue(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var testCertificate = sync.OnceValue(func() tls.Certificate { return issue(&testing.T{}, "localhost") })

// configs are of a server and a client that trust each other blindly.
func configs(version uint16) (server, client *tls.Config) {
	server = ServerConfig(&tls.Config{Certificates: []tls.Certificate{testCertificate()}, MinVersion: version, MaxVersion: version})
	client = ClientConfig(&tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	return server, client
}

// connected is two ends of a TCP connection over loopback.
func connected(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	for _, c := range []net.Conn{server, client} {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
	}
	return server, client
}

// shake runs the handshakes of both ends.
func shake(t testing.TB, server, client func() error) {
	t.Helper()
	failed := make(chan error, 1)
	go func() { failed <- client() }()
	if err := server(); err != nil {
		t.Fatalf("the server's handshake: %v", err)
	}
	if err := <-failed; err != nil {
		t.Fatalf("the client's handshake: %v", err)
	}
}

// pair is two released ends: what one seals the other opens.
func pair(t testing.TB, server, client *tls.Config) (*Conn, *Conn) {
	t.Helper()
	a, b := net.Pipe()
	s, c := Server(a, nil, server), Client(b, client)
	shake(t, func() error { return s.Handshake(t.Context()) }, func() error { return c.Handshake(t.Context()) })
	for _, end := range []*Conn{s, c} {
		if _, unread, err := end.Release(); err != nil || len(unread) != 0 {
			t.Fatalf("released with %d bytes, %v", len(unread), err)
		}
	}
	return s, c
}

// seal seals, and must.
func seal(t testing.TB, c *Conn, b []byte) []byte {
	t.Helper()
	cipher, err := c.Seal(nil, b)
	if err != nil {
		t.Fatalf("sealing: %v", err)
	}
	return cipher
}

// open opens, and must.
func open(t testing.TB, c *Conn, cipher []byte) []byte {
	t.Helper()
	plain, ended, err := c.Open(cipher, nil)
	if err != nil || ended {
		t.Fatalf("opening: ended: %v, %v", ended, err)
	}
	return plain
}

// withoutFields runs a test as if crypto/tls had other fields.
func withoutFields(t *testing.T, test func(t *testing.T)) {
	old := fields
	defer func() { fields = old }()
	fields = offsets{}
	test(t)
}
