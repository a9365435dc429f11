package secure

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"
)

// meet shakes hands over a pipe and returns both ends.
func meet(t *testing.T, server, client *tls.Config) (s, c *Conn) {
	t.Helper()
	a, b := net.Pipe()
	s, c = Server(a, nil, server), Client(b, client)
	shake(t, func() error { return s.Handshake(t.Context()) }, func() error { return c.Handshake(t.Context()) })
	return s, c
}

func always(certificate tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }
}

// TestBinding: both ends bind to the hash of the certificate that the server has shown, however it was chosen.
func TestBinding(t *testing.T) {
	one, two := issue(t, "one.test"), issue(t, "two.test")
	inner := &tls.Config{GetCertificate: always(two)}
	for _, c := range []struct {
		name   string
		config *tls.Config
		shown  tls.Certificate
	}{
		{"the only one", &tls.Config{Certificates: []tls.Certificate{one}}, one},
		{"the one of the name", &tls.Config{Certificates: []tls.Certificate{one, two}}, two},
		{"by a function", &tls.Config{GetCertificate: always(two)}, two},
		{"by a function, for a name", &tls.Config{Certificates: []tls.Certificate{one}, GetCertificate: always(two)}, two},
		{"by a function that does not know", &tls.Config{
			Certificates:   []tls.Certificate{one},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
		}, one},
		{"by a config for the client", &tls.Config{
			Certificates:       []tls.Certificate{one},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return inner, nil },
		}, two},
		{"by no config for the client", &tls.Config{
			Certificates:       []tls.Certificate{one},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil },
		}, one},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				server, client := ServerConfig(c.config), &tls.Config{
					InsecureSkipVerify: true, ServerName: "two.test", MaxVersion: version, NextProtos: []string{protocol},
					ClientSessionCache: tls.NewLRUClientSessionCache(1),
				}
				for range 2 { // a second time there would be a session to resume
					s, c2 := meet(t, server, client)
					want := sha256.Sum256(c.shown.Certificate[0])
					if string(s.Binding()) != string(want[:]) || string(c2.Binding()) != string(want[:]) {
						t.Errorf("%x and %x instead of %x", s.Binding(), c2.Binding(), want)
					}
					if s.State().NegotiatedProtocol != protocol || s.State().DidResume {
						t.Errorf("agreed on %+v", s.State())
					}
				}
			})
		})
	}
}

// TestNoBinding: Ed25519 has no hash function of its own, and a config that nobody prepared tells nothing.
func TestNoBinding(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	odd := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	_, client := configs(tls.VersionTLS13)
	s, c := meet(t, ServerConfig(&tls.Config{Certificates: []tls.Certificate{odd}}), client)
	if s.Binding() != nil || c.Binding() != nil {
		t.Errorf("%x and %x", s.Binding(), c.Binding())
	}
	s, _ = meet(t, &tls.Config{Certificates: []tls.Certificate{testCertificate()}}, client)
	if s.Binding() != nil {
		t.Errorf("%x", s.Binding())
	}
}

// TestSignatureHash is the rule of RFC 5929, 4.1.
func TestSignatureHash(t *testing.T) {
	for a, want := range map[x509.SignatureAlgorithm]crypto.Hash{
		x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
		x509.SHA256WithRSA: crypto.SHA256, x509.SHA384WithRSA: crypto.SHA384, x509.SHA512WithRSA: crypto.SHA512,
		x509.SHA256WithRSAPSS: crypto.SHA256, x509.SHA384WithRSAPSS: crypto.SHA384, x509.SHA512WithRSAPSS: crypto.SHA512,
		x509.ECDSAWithSHA256: crypto.SHA256, x509.ECDSAWithSHA384: crypto.SHA384, x509.ECDSAWithSHA512: crypto.SHA512,
		x509.PureEd25519: 0, x509.UnknownSignatureAlgorithm: 0,
	} {
		if got := signatureHash(a); got != want {
			t.Errorf("%v: %v instead of %v", a, got, want)
		}
	}
}

// TestConfigsAreMadeOnce: of a config that comes again and again one is made; of many, so many are remembered at most.
func TestConfigsAreMadeOnce(t *testing.T) {
	p := &prepared{made: map[*tls.Config]*tls.Config{}}
	same := &tls.Config{}
	if once := p.of(same); once != p.of(same) {
		t.Error("made twice")
	}
	for range 10 * maxPrepared {
		p.of(&tls.Config{})
		if len(p.made) > maxPrepared {
			t.Fatalf("%d are remembered", len(p.made))
		}
	}
	ready := ClientConfig(&tls.Config{Renegotiation: tls.RenegotiateFreelyAsClient})
	if ready.Renegotiation != tls.RenegotiateNever || !ready.DynamicRecordSizingDisabled || ClientConfig(ready) != ready {
		t.Error("a client's config is not prepared once")
	}
}

// TestTicketKeysMayRotate: somebody who sets the original's ticket keys while there are handshakes disturbs nobody.
func TestTicketKeysMayRotate(t *testing.T) {
	original := &tls.Config{Certificates: []tls.Certificate{testCertificate()}}
	server := ServerConfig(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return original, nil }})
	_, client := configs(tls.VersionTLS13)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				original.SetSessionTicketKeys([][32]byte{{1}})
			}
		}
	}()
	for range 20 {
		meet(t, server, client)
	}
	close(stop)
	<-stopped
}

// TestRefusals: no certificate, another protocol and an error of the config's functions end the handshake.
func TestRefusals(t *testing.T) {
	no := errors.New("no")
	certificates := []tls.Certificate{testCertificate()}
	for name, c := range map[string]struct {
		config    *tls.Config
		protocols []string
	}{
		"no certificate":       {&tls.Config{}, nil},
		"another protocol":     {&tls.Config{Certificates: certificates}, []string{"h2"}},
		"no config":            {&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, no }}, nil},
		"no certificate again": {&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, no }}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			s := Server(a, nil, ServerConfig(c.config))
			go func() {
				_ = Client(b, &tls.Config{InsecureSkipVerify: true, NextProtos: c.protocols}).Handshake(t.Context())
				b.Close()
			}()
			if err := s.Handshake(t.Context()); err == nil {
				t.Error("shook hands")
			}
			if _, _, err := s.Release(); err == nil {
				t.Error("released")
			}
		})
	}
}
