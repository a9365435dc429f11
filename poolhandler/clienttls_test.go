package poolhandler

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/login"
)

func TestModesOfClientTLSRefuseWhatTheySay(t *testing.T) {
	clear := &login.Startup{}
	encrypted := &login.Startup{TLS: &login.TLSInfo{}}
	certified := &login.Startup{TLS: &login.TLSInfo{Certificate: new(x509.Certificate)}}
	const inClear, uncertified = "connection requires TLS encryption", "connection requires a valid client certificate"
	for _, c := range []struct{ mode, clear, encrypted, certified string }{
		{mode: ""},
		{mode: "disable"},
		{mode: "allow"},
		{mode: "require", clear: inClear},
		{mode: "verify-ca", clear: inClear, encrypted: uncertified},
		{mode: "verify-full", clear: inClear, encrypted: uncertified},
	} {
		for _, client := range []struct {
			startup *login.Startup
			says    string
		}{{clear, c.clear}, {encrypted, c.encrypted}, {certified, c.certified}} {
			refusal := clientTLS{mode: c.mode}.check(client.startup)
			switch {
			case client.says == "" && refusal != nil:
				t.Errorf("%q: %v", c.mode, refusal)
			case client.says != "" && (refusal == nil || refusal.Message != client.says || refusal.SQLState != "28000" || refusal.Hint == ""):
				t.Errorf("%q: %v, want 28000 %s, and a cure", c.mode, refusal, client.says)
			}
		}
	}
}

func TestThePoolWhoseNameAClientCallsGivesTheTLS(t *testing.T) {
	a, b, c := &tls.Config{}, &tls.Config{}, &tls.Config{}
	p := &plan{names: []string{"a", "b", "c", "none"}, pools: map[string]*pool{
		"a":    {tls: clientTLS{config: a, names: []string{"a.example.com"}}},
		"b":    {tls: clientTLS{config: b, names: []string{"b.example.com", "*.tenants.example.com"}}},
		"c":    {tls: clientTLS{config: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c, nil }}, names: []string{"c.example.com"}}},
		"none": {},
	}}
	for name, want := range map[string]*tls.Config{
		"": a, "a.example.com": a, "b.example.com": b, "x.tenants.example.com": b, "x.y.tenants.example.com": a,
		"tenants.example.com": a, "c.example.com": c, "unknown": a,
	} {
		if got, err := p.anyTLS().GetConfigForClient(&tls.ClientHelloInfo{ServerName: name}); err != nil || got != want {
			t.Errorf("%q: another pool's TLS, or %v", name, err)
		}
	}
	if (&plan{names: []string{"none"}, pools: map[string]*pool{"none": {}}}).anyTLS() != nil {
		t.Error("TLS where no pool has it")
	}
}

func TestWhatAnotherHandlerHasDecryptedCounts(t *testing.T) {
	if decrypted(nil) != nil {
		t.Error("nobody has decrypted anything")
	}
	leaf := new(x509.Certificate)
	outer := &tls.ConnectionState{ServerName: "outer"}
	unverified := &tls.ConnectionState{ServerName: "inner", PeerCertificates: []*x509.Certificate{leaf}}
	if info := decrypted([]*tls.ConnectionState{outer, unverified}); info.ServerName != "inner" || info.Certificate != nil {
		t.Errorf("got %+v: a certificate nobody has verified proves nothing", info)
	}
	verified := &tls.ConnectionState{PeerCertificates: unverified.PeerCertificates, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	if info := decrypted([]*tls.ConnectionState{verified}); info.Certificate != leaf {
		t.Error("a verified certificate is lost")
	}
}
