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
	for _, c := range []struct{ mode, clear, bySocket, encrypted, certified string }{
		{mode: ""},
		{mode: "disable"},
		{mode: "allow"},
		{mode: "require", clear: inClear},
		{mode: "verify-ca", clear: inClear, encrypted: uncertified},
		{mode: "verify-full", clear: inClear, bySocket: inClear, encrypted: uncertified},
	} {
		for _, client := range []struct {
			startup  *login.Startup
			bySocket bool
			says     string
		}{{clear, false, c.clear}, {clear, true, c.bySocket}, {encrypted, false, c.encrypted}, {encrypted, true, c.encrypted}, {certified, false, c.certified}} {
			refusal := clientTLS{mode: c.mode}.check(client.startup, client.bySocket)
			switch {
			case client.says == "" && refusal != nil:
				t.Errorf("%q, by a socket %v: %v", c.mode, client.bySocket, refusal)
			case client.says != "" && (refusal == nil || refusal.Message != client.says || refusal.SQLState != "28000" || refusal.Hint == ""):
				t.Errorf("%q, by a socket %v: %v, want 28000 %s, and a cure", c.mode, client.bySocket, refusal, client.says)
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
	outer, inner := &tls.ConnectionState{ServerName: "outer"}, &tls.ConnectionState{ServerName: "inner"}
	if info := decrypted([]*tls.ConnectionState{outer, inner}); info.ServerName != "inner" || info.Certificate != nil {
		t.Errorf("got %+v", info)
	}
}

// A certificate lets nobody into a pool whose authorities have not issued it, whoever has verified it before.
func TestCertificatesCountForThePoolsOfTheirAuthority(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	pools := func(authorities ...*authority) (t clientTLS) {
		for _, a := range authorities {
			roots := x509.NewCertPool()
			roots.AddCert(a.cert)
			t.authorities = append(t.authorities, roots)
		}
		return t
	}
	alice, _ := theirs.make("alice", nil, false)
	info := &login.TLSInfo{ServerName: "db", Certificate: alice, Presented: []*x509.Certificate{alice}}
	for what, c := range map[string]struct {
		pool clientTLS
		lets bool
	}{
		"of another authority": {pools(ours), false},
		"of no authority":      {pools(), false},
		"of the right one":     {pools(theirs), true},
		"of both":              {pools(ours, theirs), true},
	} {
		got := c.pool.trusted(info)
		if (got.Certificate == alice) != c.lets || got.ServerName != "db" {
			t.Errorf("a pool %s: %+v", what, got)
		}
	}
	if info.Certificate != alice {
		t.Error("what it was asked about has changed")
	}
	if pools(ours).trusted(nil) != nil {
		t.Error("TLS where there was none")
	}
}

// What a pool's own handshake would have demanded, it demands after another's too.
func TestAnotherPoolsHandshakeOpensNoDoor(t *testing.T) {
	someone := new(x509.Certificate)
	shown := &login.TLSInfo{Presented: []*x509.Certificate{someone}}
	verified := &login.TLSInfo{Presented: shown.Presented, Certificate: someone}
	for demand, lets := range map[tls.ClientAuthType][3]bool{
		tls.NoClientCert:               {true, true, true},
		tls.VerifyClientCertIfGiven:    {true, true, true},
		tls.RequireAnyClientCert:       {false, true, true},
		tls.RequireAndVerifyClientCert: {false, false, true},
	} {
		var pool clientTLS
		pool.know(&tls.Config{ClientAuth: demand})
		for i, info := range []*login.TLSInfo{{}, shown, verified} {
			refusal := pool.checkElsewhere(&login.Startup{TLS: info})
			if (refusal == nil) != lets[i] || refusal != nil && refusal.SQLState != "28000" {
				t.Errorf("%v, client %d: %v", demand, i, refusal)
			}
		}
	}
}

// Without a name in the handler, the client is asked for a certificate before its pool is known, and that pool verifies it.
func TestAnyPoolsTLSAsksForWhatOnePoolWants(t *testing.T) {
	open, strict := &tls.Config{}, &tls.Config{ClientCAs: x509.NewCertPool(), ClientAuth: tls.VerifyClientCertIfGiven}
	p := &plan{names: []string{"open", "strict"}, pools: map[string]*pool{
		"open":   {tls: clientTLS{config: open}},
		"strict": {tls: clientTLS{config: strict, authorities: []*x509.CertPool{strict.ClientCAs}}},
	}}
	any := p.anyTLS()
	got, err := any.GetConfigForClient(&tls.ClientHelloInfo{})
	if err != nil || got.ClientAuth != tls.RequestClientCert {
		t.Errorf("%v, %v; want every client to be asked", got.ClientAuth, err)
	}
	if again, _ := any.GetConfigForClient(&tls.ClientHelloInfo{}); again != got {
		t.Error("a config of its own for each client")
	}
	if open.ClientAuth != tls.NoClientCert {
		t.Error("the pool's own config has changed")
	}
}
