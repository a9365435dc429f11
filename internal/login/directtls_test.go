package login

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// What was read of the connection before it came to us may be the beginning of TLS.
func TestTLSAlreadyBegun(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		config := clientSide()
		config.ServerName, config.NextProtos = "localhost", []string{"postgresql"}
		conn := tls.Client(theirs, config)
		if err := conn.Handshake(); err != nil {
			done <- err
			return
		}
		conn.Write(startup("user", "u"))
		done <- expect(conn, "R")
		io.Copy(io.Discard, conn)
	}()
	already := make([]byte, 100)
	if _, err := io.ReadFull(ours, already); err != nil {
		t.Fatal(err)
	}
	cfg := trustAll
	cfg.TLS = serverSide(hostIdentity())
	c, _, err := Accept(withTimeout(t, generous), ours, already, cfg)
	if err != nil || c.Layer == nil || c.TLS.ServerName != "localhost" {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ours.Close()
}

// Trap 38: TLS without asking needs ALPN, and what came in clear before the handshake is not taken as sent inside.
func TestTrap38DirectTLS(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
	direct := func(protocols ...string) (*tls.Conn, error) {
		config := clientSide()
		config.ServerName, config.NextProtos = "localhost", protocols
		c := tls.Client(connect(t, "tcp", address), config)
		return c, c.Handshake()
	}
	t.Run("postgresql", func(t *testing.T) {
		conn, err := direct("h2", "postgresql")
		if err != nil || conn.ConnectionState().NegotiatedProtocol != "postgresql" {
			t.Fatal(err)
		}
		conn.Write(packet(sslRequestCode)) // once more, inside: no
		if err := expect(conn, "N"); err != nil {
			t.Fatal(err)
		}
		conn.Write(startup("user", "u"))
		if a := result(t, results); a.err != nil || a.client.TLS == nil {
			t.Fatal(a.err)
		}
	})
	t.Run("no ALPN", func(t *testing.T) {
		conn, err := direct()
		if err == nil {
			conn.Write(startup("user", "u"))
			_, err = conn.Read(make([]byte, 1))
		}
		if a := result(t, results); err == nil || a.err == nil || !strings.Contains(a.err.Error(), "without ALPN") {
			t.Fatal(err, a.err)
		}
	})
	t.Run("other ALPN", func(t *testing.T) {
		_, err := direct("h2", "http/1.1")
		if a := result(t, results); err == nil || !strings.Contains(err.Error(), "no application protocol") || a.err == nil {
			t.Fatal(err, a.err)
		}
	})
	t.Run("other ALPN after SSLRequest", func(t *testing.T) {
		conn := connect(t, "tcp", address)
		conn.Write(packet(sslRequestCode))
		if err := expect(conn, "S"); err != nil {
			t.Fatal(err)
		}
		config := clientSide()
		config.ServerName, config.NextProtos = "localhost", []string{"h2"}
		if err := tls.Client(conn, config).Handshake(); err == nil {
			t.Fatal("h2 is spoken")
		}
		result(t, results)
	})
	t.Run("none here", func(t *testing.T) {
		plain, results := accepting(t, generous, Auth{Method: Trust})
		config := clientSide()
		config.ServerName = "localhost"
		if err := tls.Client(connect(t, "tcp", plain), config).Handshake(); err == nil {
			t.Fatal("encrypted with nothing")
		}
		if a := result(t, results); a.err == nil || !strings.Contains(a.err.Error(), "configure tls") {
			t.Fatal(a.err)
		}
	})
	for name, behind := range map[string][]byte{"startup": startup("user", "u"), "a byte": {0}, "a hello": {0x16, 3, 1}} {
		t.Run("in clear: "+name, func(t *testing.T) {
			conn := connect(t, "tcp", address)
			conn.Write(append(packet(sslRequestCode), behind...))
			if said := replies(t, conn); !strings.HasPrefix(said, "FATAL 08P01 received unencrypted data after SSL request") {
				t.Error(said)
			}
			var r *Refusal
			if a := result(t, results); !errors.As(a.err, &r) {
				t.Error(a.err)
			}
		})
	}
	t.Run("in clear, a moment later", func(t *testing.T) {
		conn := connect(t, "tcp", address)
		conn.Write(packet(sslRequestCode))
		if err := expect(conn, "S"); err != nil {
			t.Fatal(err)
		}
		conn.Write(startup("user", "u"))
		if a := result(t, results); a.err == nil || !strings.Contains(a.err.Error(), "encrypting a client's connection") {
			t.Fatal(a.err)
		}
	})
}

func expect(conn net.Conn, want string) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		return fmt.Errorf("%q instead of %q: %w", got, want, err)
	}
	return nil
}

// After TLS is agreed, encryption may not be asked for again; a GSSENCRequest before it is declined.
func TestRequestsAroundTLS(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
	for _, code := range []uint32{sslRequestCode, gssEncRequestCode} {
		conn := encrypted(t, address, clientSide())
		conn.Write(packet(code))
		want := fmt.Sprintf("FATAL 0A000 unsupported frontend protocol %d.%d: server supports 3.0 to 3.2; end", code>>16, code&0xffff)
		if said := replies(t, conn); said != want {
			t.Error(said)
		}
		conn.Close()
		result(t, results)
	}
	conn := connect(t, "tcp", address)
	conn.Write(packet(gssEncRequestCode))
	if err := expect(conn, "N"); err != nil {
		t.Fatal(err)
	}
	conn.Write(packet(sslRequestCode))
	if err := expect(conn, "S"); err != nil {
		t.Fatal(err)
	}
	handshaken(t, conn, clientSide()).Write(startup("user", "u"))
	if a := result(t, results); a.err != nil || a.client.TLS == nil {
		t.Fatal(a.err)
	}
}

// A config that chooses another by the client's hello, as Caddy's policies do, speaks our protocol too.
func TestALPNWithChosenConfigs(t *testing.T) {
	inner := serverSide(hostIdentity())
	inner.NextProtos = []string{"h2", "http/1.1"}
	outer := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return inner, nil }}
	address, results := acceptingTLS(t, generous, Auth{Method: Trust}, secure.ServerConfig(outer))
	config := clientSide()
	config.NextProtos = []string{"postgresql"}
	conn := handshaken(t, connect(t, "tcp", address), config)
	conn.Write(startup("user", "u"))
	if a := result(t, results); a.err != nil || conn.ConnectionState().NegotiatedProtocol != "postgresql" {
		t.Fatal(a.err)
	}
	if len(inner.NextProtos) != 2 || outer.NextProtos != nil {
		t.Error("the caller's configs were changed")
	}
}
