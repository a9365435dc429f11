package login

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// What a client says inside TLS is answered as Postgres answers it, word for word: of channel binding most of all. Both
// servers have the same certificate.
func TestAcceptAnswersAsPostgresInTLS(t *testing.T) {
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		initial := func(mechanism, data string) []byte {
			return raw2(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: []byte(data)})
		}
		final := func(bound, rest string) []byte {
			return raw2(&pgproto3.SASLResponse{Data: []byte("c=" + base64.StdEncoding.EncodeToString([]byte(bound)) + rest)})
		}
		const plus, plain, header = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "p=tls-server-end-point,,"
		const proof = ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		block, _ := pem.Decode(hostIdentity().certPEM)
		hash := sha256.Sum256(block.Bytes)
		bound := header + string(hash[:])
		scramUser := startup("user", "by_scram", "database", "postgres")
		for name, sends := range map[string][][]byte{
			"trust":                        {startup("user", "by_trust", "database", "postgres")},
			"SSL inside":                   {packet(sslRequestCode)},
			"GSS inside":                   {packet(gssEncRequestCode)},
			"protocol 2":                   {packet(2 << 16)},
			"no user":                      {startup("database", "postgres")},
			"SCRAM: what is offered":       {scramUser},
			"SCRAM: to a stranger":         {startup("user", "unknown", "database", "postgres")},
			"SCRAM: PLUS with n":           {scramUser, initial(plus, "n,,n=,r=ab")},
			"SCRAM: PLUS with y":           {scramUser, initial(plus, "y,,n=,r=ab")},
			"SCRAM: plain with y":          {scramUser, initial(plain, "y,,n=,r=ab")},
			"SCRAM: plain with p":          {scramUser, initial(plain, header+"n=,r=ab")},
			"SCRAM: other mechanism":       {scramUser, initial("SCRAM-SHA-512-PLUS", header+"n=,r=ab")},
			"SCRAM: unknown binding":       {scramUser, initial(plus, "p=tls-unique,,n=,r=ab")},
			"SCRAM: long binding":          {scramUser, initial(plus, "p=tls\x01"+strings.Repeat("x", 100)+",,n=,r=ab")},
			"SCRAM: no binding":            {scramUser, initial(plus, "p=,,n=,r=ab")},
			"SCRAM: binding without value": {scramUser, initial(plus, "p,,n=,r=ab")},
			"SCRAM: binding alone":         {scramUser, initial(plus, "p=tls-server-end-point")},
			"SCRAM: binding and authzid":   {scramUser, initial(plus, "p=tls-server-end-point,a=x,n=,r=ab")},
			"SCRAM: binding and junk":      {scramUser, initial(plus, "p=tls-server-end-point,b=x,n=,r=ab")},
			"SCRAM: flag":                  {scramUser, initial(plus, "z=tls-server-end-point,,n=,r=ab")},
			"SCRAM: plain, as it was":      {scramUser, initial(plain, "n,,n=,r=ab"), final("n,,", ",r=ab"+proof)},
			"SCRAM: plain, then bound":     {scramUser, initial(plain, "n,,n=,r=ab"), final(bound, ",r=ab"+proof)},
			"SCRAM: right binding":         {scramUser, initial(plus, header+"n=,r=ab"), final(bound, ",r=ab"+proof)},
			"SCRAM: right binding, no r":   {scramUser, initial(plus, header+"n=,r=ab"), final(bound, "")},
			"SCRAM: header alone":          {scramUser, initial(plus, header+"n=,r=ab"), final(header, ",r=ab"+proof)},
			"SCRAM: n for binding":         {scramUser, initial(plus, header+"n=,r=ab"), final("n,,", ",r=ab"+proof)},
			"SCRAM: other certificate":     {scramUser, initial(plus, header+"n=,r=ab"), final(bound[:len(bound)-1]+"x", ",r=ab"+proof)},
			"SCRAM: longer binding":        {scramUser, initial(plus, header+"n=,r=ab"), final(bound+"x", ",r=ab"+proof)},
			"SCRAM: not base64": {scramUser, initial(plus, header+"n=,r=ab"),
				raw2(&pgproto3.SASLResponse{Data: []byte("c=!,r=ab" + proof)})},
		} {
			t.Run(name, func(t *testing.T) {
				auth := Auth{Method: Trust, Credentials: Users{"by_scram": password(t, "secret of by_scram")}}
				if strings.HasPrefix(name, "SCRAM") {
					auth.Method = ScramSHA256
				}
				ours, _ := acceptingTLS(t, generous, auth, serverSide(hostIdentity()))
				want, got := converseInTLS(t, p.Addr(), clientSide(), sends), converseInTLS(t, ours, clientSide(), sends)
				if strings.ReplaceAll(want, "supports 3.0 to 3.0", "supports 3.0 to 3.2") != got {
					t.Errorf("\nPostgres says %s\n      we say %s", want, got)
				}
			})
		}
	})
}

func converseInTLS(t *testing.T, address string, config *tls.Config, sends [][]byte) string {
	t.Helper()
	conn := encrypted(t, address, config)
	var early []byte
	for i, part := range sends {
		if i > 0 {
			some := make([]byte, 512)
			n, err := conn.Read(some)
			if err != nil {
				break
			}
			early = append(early, some[:n]...)
		}
		if _, err := conn.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	conn.CloseWrite()
	return replies(t, rewound{conn, io.MultiReader(bytes.NewReader(early), conn)})
}

// Clients with and without certificates are let in and refused as Postgres does: for a certificate of another it has the
// words of the method beside it, and we say what it was.
func TestCertificatesAsPostgres(t *testing.T) {
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		users := Users{"by_both": password(t, "secret of by_both")}
		for _, test := range []struct {
			user, name, password string // name is the certificate's
			auth                 Auth
			want                 string // if it is not what Postgres says
		}{
			{"by_cert", "by_cert", "", Auth{Method: Cert}, ""},
			{"by_cert", "", "", Auth{Method: Cert}, ""},
			{"by_cert", "by_both", "", Auth{Method: Cert}, ""},
			{"by_cert", "BY_CERT", "", Auth{Method: Cert}, ""},
			{"by_both", "by_both", "secret of by_both", Auth{NeedCert: true, Credentials: users}, ""},
			{"by_both", "by_both", "wrong", Auth{NeedCert: true, Credentials: users}, ""},
			{"by_both", "", "secret of by_both", Auth{NeedCert: true, Credentials: users}, ""},
			{"by_both", "by_cert", "wrong", Auth{NeedCert: true, Credentials: users}, ""},
			{"by_both", "by_cert", "secret of by_both", Auth{NeedCert: true, Credentials: users}, `certificate authentication failed for user "by_both" (SQLSTATE 28000)`},
		} {
			t.Run(test.user+" with "+test.name+" "+test.password, func(t *testing.T) {
				config := clientSide()
				if test.name != "" {
					config = clientSide(theAuthority().issue(certificateOf(test.name)))
				}
				ours, results := acceptingTLS(t, generous, test.auth, serverSide(hostIdentity()))
				go func() {
					for a := range results {
						if a.client != nil {
							serve(sessionOf(a))
						}
					}
				}()
				said := func(address string) string {
					s, err := Dial(withTimeout(t, generous), Target{Address: address, Database: "postgres", User: test.user,
						Secret: password(t, test.password), TLS: &ServerTLS{config, true}})
					if err == nil {
						query(t, s, "")
						return "let in"
					}
					return err.Error()[strings.Index(err.Error(), "server refuses"):]
				}
				want, got := said(p.Addr()), said(ours)
				if test.want != "" {
					want = "server refuses: " + test.want
				}
				if got != want {
					t.Errorf("\nPostgres says %s\n      we say %s", want, got)
				}
			})
		}
	})
}

// The map of common names: one that it has may log in as those users only, one that it has not as itself.
func TestCertUser(t *testing.T) {
	auth := Auth{Method: Cert, CertUser: map[string][]string{"ops": {"alice", "bob"}, "nobody": nil}}
	for _, test := range []struct {
		name, user string
		want       bool
	}{
		{"ops", "alice", true}, {"ops", "bob", true}, {"ops", "ops", false}, {"ops", "carol", false},
		{"carol", "carol", true}, {"carol", "alice", false}, {"nobody", "nobody", false}, {"", "", false}, {"", "alice", false},
	} {
		certificate := theAuthority().issue(certificateOf(test.name)).certificate().Leaf
		err := auth.checkCertificate(&TLSInfo{Certificate: certificate}, test.user)
		if (err == nil) != test.want {
			t.Errorf("%q as %q: %v", test.name, test.user, err)
		}
	}
}

// A certificate of an authority that we do not know ends the handshake, and a connection in clear has none.
func TestCertificatesThatAreNone(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{Method: Cert}, serverSide(hostIdentity()))
	conn := connect(t, "tcp", address)
	conn.Write(startup("user", "by_cert"))
	if said := replies(t, conn); said != "FATAL 28000 connection requires a valid client certificate; end" {
		t.Error(said)
	}
	if a := result(t, results); !strings.Contains(a.err.Error(), "not encrypted") {
		t.Error(a.err)
	}
	config := clientSide()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c := theStranger().issue(certificateOf("by_cert")).certificate()
		return &c, nil
	}
	encrypted(t, address, config)
	if a := result(t, results); a.err == nil || !strings.Contains(a.err.Error(), "unknown authority") {
		t.Error(a.err)
	}
}

// TLS at once is taken and refused as Postgres 18 does.
func TestDirectTLSAsPostgres(t *testing.T) {
	if !slices.Contains(pgtest.Versions(), 18) {
		t.Skip("older ones have no direct TLS: make postgres18")
	}
	p := tlsPostgres(t, 18)
	ours, _ := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
	said := func(address string, protocols []string, sends []byte) string {
		config := clientSide()
		config.ServerName, config.NextProtos = "localhost", protocols
		conn := tls.Client(connect(t, "tcp", address), config)
		if err := conn.Handshake(); err != nil {
			return err.Error()
		}
		conn.Write(sends)
		answer := make([]byte, 9)
		n, err := conn.Read(answer)
		if err != nil {
			return "closed"
		}
		return string(answer[:n])
	}
	user := startup("user", "by_trust", "database", "postgres")
	for name, test := range map[string]struct {
		protocols []string
		sends     []byte
	}{
		"postgresql":          {[]string{"postgresql"}, user},
		"among others":        {[]string{"h2", "postgresql", "http/1.1"}, user},
		"none":                {nil, user},
		"others":              {[]string{"h2", "http/1.1"}, user},
		"SSLRequest inside":   {[]string{"postgresql"}, packet(sslRequestCode)},
		"SSLRequest and more": {[]string{"postgresql"}, append(packet(sslRequestCode), binary.BigEndian.AppendUint32(nil, 8)...)},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := said(p.Addr(), test.protocols, test.sends), said(ours, test.protocols, test.sends)
			if want != got {
				t.Errorf("\nPostgres says %q\n      we say %q", want, got)
			}
		})
	}
}
