package login

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// tlsServers are those that tests have asked for, by version; the last test stops them.
var tlsServers = map[int]*pgtest.Server{}

// tlsPostgres is a Postgres that encrypts: roles named for what they need come in that way only, and others anyhow.
func tlsPostgres(t *testing.T, version int) *pgtest.Server {
	t.Helper()
	if p := tlsServers[version]; p != nil {
		return p
	}
	host := hostIdentity()
	p, err := pgtest.Launch(t.Context(), pgtest.Options{
		Version: version,
		Settings: map[string]string{
			"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt",
		},
		Files: map[string]string{
			"server.crt": string(host.certPEM), "server.key": string(host.keyPEM), "ca.crt": string(theAuthority().pem()),
		},
		Roles: []pgtest.Role{
			{Name: "by_scram", Password: "secret of by_scram"}, {Name: "by_cert"},
			{Name: "by_both", Password: "secret of by_both"}, {Name: "by_trust"}, {Name: "replicator", Superuser: true},
		},
		HBA: []string{
			"hostssl all by_cert 127.0.0.1/32 cert",
			"hostssl all by_both 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
			"hostssl all by_scram,unknown 127.0.0.1/32 scram-sha-256",
			"hostnossl all by_scram,by_cert,by_both 127.0.0.1/32 reject",
			"local all all trust",
		},
		Replication: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	tlsServers[version] = p
	return p
}

// onEachPostgres runs a test with every version at hand.
func onEachPostgres(t *testing.T, test func(t *testing.T, p *pgtest.Server)) {
	for _, version := range pgtest.Versions() {
		t.Run(fmt.Sprint("Postgres ", version), func(t *testing.T) { test(t, tlsPostgres(t, version)) })
	}
}

// verifyCA is the config of mode verify-ca: the chain counts and the name does not.
func verifyCA(roots *x509.CertPool) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(state tls.ConnectionState) error {
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
		return err
	}}
}

// Every mode of server_tls, with a server that encrypts.
func TestDialEveryMode(t *testing.T) {
	own, strange := theAuthority().pool(), theStranger().pool()
	otherName := func(c *tls.Config) *tls.Config { c.ServerName = "other.example"; return c }
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		for name, test := range map[string]struct {
			tls       *ServerTLS
			encrypted bool
			want      string // of the error
		}{
			"disable":                    {nil, false, ""},
			"prefer":                     {&ServerTLS{Config: &tls.Config{InsecureSkipVerify: true}}, true, ""},
			"require":                    {&ServerTLS{&tls.Config{InsecureSkipVerify: true}, true}, true, ""},
			"require, TLS 1.2":           {&ServerTLS{&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, true}, true, ""},
			"verify-ca":                  {&ServerTLS{verifyCA(own), true}, true, ""},
			"verify-ca, other name":      {&ServerTLS{otherName(verifyCA(own)), true}, true, ""},
			"verify-ca, stranger":        {&ServerTLS{verifyCA(strange), true}, false, "as ca of server_tls"},
			"verify-full":                {&ServerTLS{&tls.Config{RootCAs: own}, true}, true, ""},
			"verify-full, named":         {&ServerTLS{&tls.Config{RootCAs: own, ServerName: "localhost"}, true}, true, ""},
			"verify-full, other name":    {&ServerTLS{otherName(&tls.Config{RootCAs: own}), true}, false, "server_name of server_tls"},
			"verify-full, stranger":      {&ServerTLS{&tls.Config{RootCAs: strange}, true}, false, "as ca of server_tls"},
			"prefer, but verify, no way": {&ServerTLS{Config: &tls.Config{RootCAs: strange}}, false, "as ca of server_tls"},
		} {
			t.Run(name, func(t *testing.T) {
				s, err := Dial(withTimeout(t, generous), Target{Address: p.Addr(), Database: "postgres", User: "by_trust", TLS: test.tls})
				if test.want != "" {
					if err == nil || !strings.Contains(err.Error(), test.want) || !IsPermanent(err) {
						t.Fatalf("permanent=%v: %v", IsPermanent(err), err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := query(t, s, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); (got == "t") != test.encrypted {
					t.Fatalf("encrypted: %s", got)
				}
				if (s.Layer != nil) != test.encrypted {
					t.Fatal("the layer is not what the connection needs")
				}
			})
		}
		t.Run("Unix sockets never are", func(t *testing.T) {
			s, err := Dial(withTimeout(t, generous), Target{
				Address: fmt.Sprintf("unix/%s:%d", p.SocketDir, p.Port), Database: "postgres", User: "by_trust",
				TLS: &ServerTLS{clientSide(), true},
			})
			if err != nil || s.Layer != nil {
				t.Fatal(err)
			}
			unix.Close(s.FD)
		})
	})
}

// query runs a query on a server that Dial has returned, closes it, and returns the only value.
func query(t testing.TB, s *Server, sql string) string {
	t.Helper()
	conn := serverConn(t, s)
	defer conn.Close()
	fe := pgproto3.NewFrontend(conn, conn)
	fe.SendQuery(&pgproto3.Query{String: sql})
	if err := fe.Flush(); err != nil {
		t.Fatal(err)
	}
	value := ""
	for {
		m, err := fe.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			value = string(m.Values[0])
		case *pgproto3.ErrorResponse:
			value = m.Code
		case *pgproto3.ReadyForQuery:
			return value
		}
	}
}

// serverConn is the server's connection in clear again.
func serverConn(t testing.TB, s *Server) net.Conn {
	t.Helper()
	f := os.NewFile(uintptr(s.FD), "server")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(generous))
	if s.Layer != nil {
		return &sealing{&released{Conn: conn, layer: s.Layer}}
	}
	return conn
}

// A server that does not encrypt.
func TestDialWithoutTLSThere(t *testing.T) {
	p := needPostgres(t)
	target := Target{Address: p.tcp(), Database: "postgres", User: "by_trust", TLS: &ServerTLS{Config: clientSide()}}
	s, err := Dial(withTimeout(t, generous), target)
	if err != nil || s.Layer != nil {
		t.Fatal(err)
	}
	if got := query(t, s, "SELECT 1"); got != "1" {
		t.Fatal(got)
	}
	target.TLS.Required = true
	if _, err = Dial(withTimeout(t, generous), target); err == nil || !strings.Contains(err.Error(), "ssl = on") || !IsPermanent(err) {
		t.Fatal(err)
	}
}

// Trap 30: a cancel is encrypted where the connection is, and reaches its query.
func TestTrap30CancelServerInTLS(t *testing.T) {
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		how := &ServerTLS{clientSide(), true}
		s, err := Dial(withTimeout(t, generous), Target{Address: p.Addr(), Database: "postgres", User: "by_trust", TLS: how})
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan string, 1)
		go func() { result <- query(t, s, "SELECT pg_sleep(60)") }()
		super, err := p.Super(t.Context(), "postgres")
		if err != nil {
			t.Fatal(err)
		}
		defer super.Close(t.Context())
		for running := 0; running == 0; {
			if err := super.QueryRow(withTimeout(t, generous), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").Scan(&running); err != nil {
				t.Fatal(err)
			}
		}
		if err := CancelServer(withTimeout(t, generous), p.Addr(), how, s.PID, s.Secret); err != nil {
			t.Fatal(err)
		}
		select {
		case code := <-result:
			if code != "57014" {
				t.Fatalf("the query ended with %s", code)
			}
		case <-time.After(generous):
			t.Fatal("the query was not cancelled")
		}
	})
	// In clear the key would be given away.
	told := make(chan string, 1)
	address := listening(t, func(conn net.Conn) {
		conn.Write([]byte("N"))
		said, _ := io.ReadAll(conn)
		told <- string(said)
	})
	err := CancelServer(withTimeout(t, generous), address, &ServerTLS{clientSide(), true}, 1, []byte("keys"))
	if said := <-told; err == nil || said != string(sslRequest) {
		t.Fatalf("%q, %v", said, err)
	}
}

// A connection for replication is one.
func TestDialForReplication(t *testing.T) {
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		for _, kind := range []string{"database", "true"} {
			s, err := Dial(withTimeout(t, generous), Target{Address: p.Addr(), Database: "postgres", User: "replicator",
				Replication: kind, Startup: []Setting{{"application_name", "a subscriber"}}, TLS: &ServerTLS{Config: clientSide()}})
			if err != nil {
				t.Fatal(err)
			}
			if got := query(t, s, "IDENTIFY_SYSTEM"); len(got) < 10 {
				t.Fatalf("%s: %q", kind, got)
			}
		}
	})
}
