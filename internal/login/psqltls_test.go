package login

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// libpqs are the client libraries at hand: that of psql itself, and others that psql can be given instead.
func libpqs(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{"psql's own": nil}
	for _, in := range pgtest.Installs() {
		lib := filepath.Join(filepath.Dir(in.Bin), "lib")
		if _, err := os.Stat(filepath.Join(lib, "libpq.so.5")); err == nil {
			all[fmt.Sprint(in.Major)] = []string{"LD_LIBRARY_PATH=" + lib}
		}
	}
	return all
}

// psqlWith logs in with a connection string and runs a query that is empty.
func psqlWith(t testing.TB, env []string, conninfo string) error {
	t.Helper()
	return runPsql(t, env, "-d", conninfo)
}

// Every sslmode of libpq comes to what its documentation says, with a server that encrypts and with one that does not.
func TestEverySSLMode(t *testing.T) {
	auth := Auth{Method: ScramSHA256, Credentials: someUsers(t)}
	ca := writeFile(t, "ca.crt", theAuthority().pem())
	strange := writeFile(t, "strange.crt", theStranger().pem())
	for _, test := range []struct {
		mode             string
		encrypted, clear bool // who gets in, with TLS here and without
		isEncrypted      bool // with TLS here
	}{
		{"sslmode=disable", true, true, false},
		{"sslmode=allow", true, true, false},
		{"sslmode=prefer", true, true, true},
		{"sslmode=require", true, false, true},
		{"sslmode=verify-ca sslrootcert=" + ca, true, false, true},
		{"sslmode=verify-full sslrootcert=" + ca, true, false, true},
		{"sslmode=verify-ca sslrootcert=" + strange, false, false, true},
		{"sslmode=require channel_binding=require", true, false, true},
		{"sslmode=require channel_binding=disable", true, false, true},
		{"sslmode=require ssl_max_protocol_version=TLSv1.2 channel_binding=require", true, false, true},
		{"sslmode=disable channel_binding=prefer", true, true, false},
		{"sslmode=disable channel_binding=require", false, false, false},
		{"sslmode=require sslnegotiation=direct", true, false, true},
		{"sslmode=verify-full sslnegotiation=direct channel_binding=require sslrootcert=" + ca, true, false, true},
	} {
		t.Run(test.mode[:min(len(test.mode), 70)], func(t *testing.T) {
			for _, here := range []bool{true, false} {
				var config *tls.Config
				want := test.clear
				if here {
					config, want = serverSide(hostIdentity()), test.encrypted
				}
				host, port, results := welcomingTLS(t, auth, config)
				for library, env := range libpqs(t) {
					if library != "18" && strings.Contains(test.mode, "sslnegotiation") {
						continue
					}
					err := psqlWith(t, env, fmt.Sprintf("host=%s port=%s user=text password=secret dbname=d %s", host, port, test.mode))
					if (err == nil) != want {
						t.Errorf("TLS %v, libpq %s: %v", here, library, err)
						continue
					}
					if err != nil {
						continue
					}
					if a := result(t, results); a.err != nil || (a.client.TLS != nil) != (here && test.isEncrypted) {
						t.Errorf("TLS %v, libpq %s: %+v, %v", here, library, a.client, a.err)
					}
				}
			}
		})
	}
}

// Whatever signs our certificate, libpq and we agree on the hash that stands for it.
func TestBindingWithEverySignature(t *testing.T) {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	for algorithm, key := range map[x509.SignatureAlgorithm]crypto.Signer{
		x509.ECDSAWithSHA256: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		x509.ECDSAWithSHA384: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		x509.ECDSAWithSHA512: must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		x509.SHA256WithRSA:   rsaKey, x509.SHA384WithRSA: rsaKey, x509.SHA512WithRSA: rsaKey,
		x509.SHA256WithRSAPSS: rsaKey, x509.SHA384WithRSAPSS: rsaKey,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			template := hostTemplate("a host")
			template.SignatureAlgorithm = algorithm
			own := newIdentity(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)), key)
			host, port, results := welcomingTLS(t, Auth{Method: ScramSHA256, Credentials: someUsers(t)}, serverSide(own))
			for library, env := range libpqs(t) {
				if library != "18" && strings.Contains(algorithm.String(), "PSS") {
					continue // libpq before 16 cannot bind to those
				}
				conninfo := fmt.Sprintf("host=%s port=%s user=text password=secret dbname=d sslmode=require channel_binding=require", host, port)
				if err := psqlWith(t, env, conninfo); err != nil {
					t.Errorf("libpq %s: %v", library, err)
				}
				result(t, results)
			}
		})
	}
}

// libpq shows its certificate, and a user without one is told what is missing.
func TestPsqlWithCertificate(t *testing.T) {
	cert, key := theAuthority().issue(certificateOf("operations")).files(t)
	auth := Auth{Method: Cert, CertUser: map[string][]string{"operations": {"alice"}}}
	host, port, results := welcomingTLS(t, auth, serverSide(hostIdentity()))
	for how, want := range map[string]string{
		"user=alice sslcert=" + cert + " sslkey=" + key: "",
		"user=bob sslcert=" + cert + " sslkey=" + key:   `certificate authentication failed for user "bob"`,
		"user=alice sslcert=/nowhere":                   "connection requires a valid client certificate",
	} {
		for library, env := range libpqs(t) {
			err := psqlWith(t, env, fmt.Sprintf("host=%s port=%s dbname=d sslmode=require %s", host, port, how))
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("libpq %s, %s: %v", library, how, err)
			}
			result(t, results)
		}
	}
}

// libpq 18 asks for the protocol that it is told to, and lives with what there is.
func TestPsqlWithNewerProtocols(t *testing.T) {
	host, port, results := welcomingTLS(t, Auth{Method: Trust}, serverSide(hostIdentity()))
	env, known := libpqs(t)["18"]
	if !known {
		t.Skip("there is no libpq 18: make postgres18")
	}
	for version, want := range map[string]uint32{"3.0": 3 << 16, "3.2": 3<<16 | 2, "latest": 3<<16 | 2} {
		err := psqlWith(t, env, fmt.Sprintf("host=%s port=%s user=u dbname=d max_protocol_version=%s", host, port, version))
		if a := result(t, results); err != nil || a.client.Protocol != want {
			t.Errorf("%s: %+v, %v", version, a.client, err)
		}
	}
}

// A certificate that nothing can be bound to makes no login fail, but those that insist.
func TestCertificateWithoutBinding(t *testing.T) {
	host, port, results := welcomingTLS(t, Auth{Method: ScramSHA256, Credentials: someUsers(t)}, serverSide(unbindable()))
	conninfo := fmt.Sprintf("host=%s port=%s user=text password=secret dbname=d sslmode=require", host, port)
	if err := psqlWith(t, nil, conninfo+" channel_binding=disable"); err != nil {
		t.Error(err)
	}
	if a := result(t, results); a.err != nil {
		t.Error(a.err)
	}
	if err := psqlWith(t, nil, conninfo+" channel_binding=require"); err == nil {
		t.Error("bound to nothing")
	}
}
