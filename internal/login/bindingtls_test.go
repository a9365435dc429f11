package login

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Towards servers that offer it we bind the channel.
func TestDialBindsTheChannel(t *testing.T) {
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		target := Target{Address: p.Addr(), Database: "postgres", User: "by_scram", Secret: password(t, "secret of by_scram"),
			TLS: &ServerTLS{clientSide(), true}}
		s, err := Dial(withTimeout(t, generous), target)
		if err != nil {
			t.Fatal(err)
		}
		if got := query(t, s, "SELECT current_user"); got != "by_scram" {
			t.Fatal(got)
		}
		// Somebody between, with a certificate that we take: with the password's proof bound to his certificate, Postgres
		// finds him out.
		target.Address = manBetween(t, p.Addr())
		_, err = Dial(withTimeout(t, generous), target)
		var refused *ServerError
		if !errors.As(err, &refused) || refused.Message != "SCRAM channel binding check failed" {
			t.Fatal(err)
		}
		target.Secret = password(t, "wrong")
		target.Address = p.Addr()
		if _, err = Dial(withTimeout(t, generous), target); !errors.As(err, &refused) || refused.SQLState != "28P01" {
			t.Fatal(err)
		}
	})
}

// manBetween relays to a server between two TLS connections: his own certificate is valid.
func manBetween(t *testing.T, server string) (address string) {
	t.Helper()
	mine := theAuthority().issue(hostTemplate("man between"))
	return listening(t, func(conn net.Conn) {
		if err := expect(conn, string(sslRequest)); err != nil {
			t.Error(err)
			return
		}
		conn.Write([]byte{'S'})
		left := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{mine.certificate()}})
		right := encrypted(t, server, clientSide())
		go io.Copy(right, left)
		io.Copy(left, right)
	})
}

// The certificate that we show servers lets us in where they want one.
func TestDialWithCertificate(t *testing.T) {
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		for user, test := range map[string]struct {
			certificates []identity
			want         string
		}{
			"by_cert":  {[]identity{theAuthority().issue(certificateOf("by_cert"))}, ""},
			"by_both":  {[]identity{theAuthority().issue(certificateOf("by_both"))}, ""},
			"by_cert ": {nil, "28000"},
			"by_both ": {[]identity{theAuthority().issue(certificateOf("by_cert"))}, "28P01"},
		} {
			user = strings.TrimSpace(user)
			s, err := Dial(withTimeout(t, generous), Target{Address: p.Addr(), Database: "postgres", User: user,
				Secret: password(t, "secret of "+user), TLS: &ServerTLS{clientSide(test.certificates...), true}})
			var refused *ServerError
			switch {
			case test.want != "" && (!errors.As(err, &refused) || refused.SQLState != test.want || !IsPermanent(err)):
				t.Errorf("%s: %v", user, err)
			case test.want == "" && err != nil:
				t.Errorf("%s: %v", user, err)
			case err == nil:
				if got := query(t, s, "SELECT current_user"); got != user {
					t.Error(got)
				}
			}
		}
		config := clientSide() // sends it although the server does not name its issuer, as libpq does
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := theStranger().issue(certificateOf("by_cert")).certificate()
			return &c, nil
		}
		_, err := Dial(withTimeout(t, generous), Target{Address: p.Addr(), Database: "postgres", User: "by_cert",
			TLS: &ServerTLS{config, true}})
		if err == nil || !strings.Contains(err.Error(), "give certificate and key of server_tls") || !IsPermanent(err) {
			t.Errorf("a certificate that the server does not know: %v", err)
		}
	})
}
