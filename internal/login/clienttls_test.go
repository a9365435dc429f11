package login

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// encrypted asks for TLS and takes it up.
func encrypted(t testing.TB, address string, config *tls.Config) *tls.Conn {
	t.Helper()
	conn := connect(t, "tcp", address)
	conn.Write(packet(sslRequestCode))
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'S' {
		t.Fatalf("SSLRequest is answered with %q, %v", answer, err)
	}
	return handshaken(t, conn, config)
}

func handshaken(t testing.TB, conn net.Conn, config *tls.Config) *tls.Conn {
	t.Helper()
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = "localhost"
	}
	c := tls.Client(conn, config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Startup.TLS tells the name that the client called us, and its certificate.
func TestAcceptTellsOfTLS(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
	alice := theAuthority().issue(certificateOf("alice"))
	for name, config := range map[string]*tls.Config{"without": clientSide(), "alice": clientSide(alice)} {
		encrypted(t, address, config).Write(startup("user", "u"))
		a := result(t, results)
		if a.err != nil || a.client.TLS.ServerName != "localhost" {
			t.Fatalf("%+v, %v", a.client, a.err)
		}
		if c := a.client.TLS.Certificate; (c != nil) != (name == "alice") || c != nil && commonName(c) != "alice" {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// What the client says in TLS behind its last login message is returned in clear, or comes out of the layer.
func TestAcceptReturnsWhatTLSReadAhead(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
	for _, size := range []int{0, 1, 3000, 100_000} {
		behind := slices.Repeat([]byte("0123456789"), size/10+1)[:size]
		conn := encrypted(t, address, clientSide())
		go conn.Write(append(startup("user", "u"), behind...))
		a := result(t, results)
		if a.err != nil {
			t.Fatal(a.err)
		}
		got := make([]byte, size)
		session := sessionOf(a)
		session.SetDeadline(time.Now().Add(generous))
		if _, err := io.ReadFull(session, got); err != nil || string(got) != string(behind) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		session.Write([]byte("hello"))
		said := make([]byte, 9+5) // AuthenticationOk before it
		if _, err := io.ReadFull(conn, said); err != nil || string(said[9:]) != "hello" {
			t.Fatalf("%q, %v", said, err)
		}
	}
}

// A CancelRequest in TLS is one; the client reads the end of the connection as it is, not as a broken one.
func TestTrap30CancelInTLS(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{}, serverSide(hostIdentity()))
	for _, n := range []int{3, 4, 256, 257} {
		conn := encrypted(t, address, clientSide())
		secret := strings.Repeat("k", n)
		request := append(append(packet(cancelRequestCode), 0, 0, 0, 7), secret...)
		request[2], request[3] = byte(len(request)>>8), byte(len(request))
		conn.Write(request)
		a := result(t, results)
		if fits := n >= 4 && n <= 256; !fits {
			if a.err == nil {
				t.Errorf("a key of %d bytes is taken", n)
			}
			continue
		}
		if a.err != nil || a.cancel.PID != 7 || string(a.cancel.Secret) != secret {
			t.Fatalf("%+v, %v", a.cancel, a.err)
		}
		a.cancel.Done(a.conn)
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("the end is read as %v", err)
		}
	}
}

// A refusal in TLS is readable, encrypted, and ended properly.
func TestRefusalInTLS(t *testing.T) {
	address, results := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
	for range 20 {
		conn := encrypted(t, address, clientSide())
		conn.Write(append(startup("user", "u", "database", "nowhere"), make([]byte, 20_000)...))
		if said := replies(t, conn); said != `FATAL 3D000 database "nowhere" does not exist; end` {
			t.Fatal(said)
		}
		conn.Close()
		result(t, results)
	}
	// Also after Accept.
	conn := encrypted(t, address, clientSide())
	conn.Write(startup("user", "u"))
	if err := expect(conn, string(raw(ok))); err != nil {
		t.Fatal(err)
	}
	a := result(t, results)
	go a.client.Refuse(a.conn, &Refusal{SQLState: "53300", Message: "too many"})
	if said := replies(t, conn); said != "FATAL 53300 too many; end" {
		t.Fatal(said)
	}
}
