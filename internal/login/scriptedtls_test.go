package login

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// listening serves each connection to an address.
func listening(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(generous))
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// Whatever a server answers to SSLRequest, we neither take clear bytes for encrypted ones nor hang, and what an attacker
// could put into an error is not shown.
func TestDialServersThatMisbehaveInTLS(t *testing.T) {
	own := hostIdentity()
	for name, test := range map[string]struct {
		want      string
		permanent bool
		serve     func(conn net.Conn)
	}{
		"error": {"answers SSLRequest with an error", false, func(conn net.Conn) {
			conn.Write(raw(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "send me money"}))
		}},
		"old error":       {"answers SSLRequest with an error", false, func(conn net.Conn) { conn.Write([]byte("Esend me money\n\x00")) }},
		"HTTP":            {`with "H", not S or N`, false, func(conn net.Conn) { conn.Write([]byte("HTTP/1.1 400\r\n")) }},
		"nothing":         {"closed the connection", false, func(net.Conn) {}},
		"S and more":      {"unencrypted data", false, func(conn net.Conn) { conn.Write(append([]byte("S"), raw(ok, key, ready)...)) }},
		"N and more":      {"unencrypted data", false, func(conn net.Conn) { conn.Write(append([]byte("N"), raw(ok, key, ready)...)) }},
		"S and then none": {"handshake with the server", false, func(conn net.Conn) { conn.Write([]byte("S")); io.CopyN(conn, conn, 5) }},
		"other protocol": {"its log tells why", false, func(conn net.Conn) {
			conn.Write([]byte("S"))
			tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own.certificate()}, NextProtos: []string{"h2"}}).Handshake()
		}},
		"expired": {"renew", true, func(conn net.Conn) {
			old := hostTemplate("expired")
			old.NotAfter = time.Now().Add(-time.Minute)
			conn.Write([]byte("S"))
			tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{theAuthority().issue(old).certificate()}}).Handshake()
		}},
		"a name in the subject only": {"subjectAltName", true, func(conn net.Conn) {
			conn.Write([]byte("S"))
			tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{theAuthority().issue(certificateOf("127.0.0.1")).certificate()}}).Handshake()
		}},
		"goes after the handshake": {"closed the connection", false, func(conn net.Conn) {
			conn.Write([]byte("S"))
			c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own.certificate()}})
			c.Handshake()
			c.Close()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address := listening(t, func(conn net.Conn) {
				if err := expect(conn, string(sslRequest)); err != nil {
					t.Error(err)
				}
				test.serve(conn)
			})
			_, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d", TLS: &ServerTLS{clientSide(), true}})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "money") || IsPermanent(err) != test.permanent {
				t.Fatalf("permanent=%v: %v", IsPermanent(err), err)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		address := listening(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
		_, err := Dial(withTimeout(t, 50*time.Millisecond), Target{Address: address, User: "u", Database: "d", TLS: &ServerTLS{clientSide(), true}})
		if !outOfTime(err) {
			t.Fatal(err)
		}
	})
}

// tlsScripted is a server that encrypts and then does what a test says.
func tlsScripted(t *testing.T, serve func(conn *tls.Conn)) (address string) {
	own := hostIdentity()
	return listening(t, func(conn net.Conn) {
		if err := expect(conn, string(sslRequest)); err != nil {
			return // a client that gave up
		}
		conn.Write([]byte("S"))
		c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own.certificate()}})
		if _, err := pgproto3.NewBackend(c, c).ReceiveStartupMessage(); err == nil {
			serve(c)
		}
	})
}

// In TLS too, what comes with the ReadyForQuery is not lost, in whatever records, and a message that has only begun is
// waited for.
func TestDialReadsToTheEndOfAMessageInTLS(t *testing.T) {
	late := raw(status("TimeZone", "UTC"), status("long", strings.Repeat("x", 3000)), &pgproto3.NoticeResponse{Message: "hello"}, status("DateStyle", "ISO"))
	for name, cut := range map[string]int{"one record": 0, "two records": 1, "half a message": len(late) - 3} {
		t.Run(name, func(t *testing.T) {
			address := tlsScripted(t, func(conn *tls.Conn) {
				if cut <= 1 {
					both := append(raw(ok, status("a", "1"), key, ready), late[:cut]...)
					conn.Write(both)
					conn.Write(late[cut:])
				} else {
					conn.Write(append(raw(ok, status("a", "1"), key, ready), late[:cut]...))
					time.AfterFunc(50*time.Millisecond, func() { conn.Write(late[cut:]) })
				}
				io.Copy(io.Discard, conn)
			})
			s, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d", TLS: &ServerTLS{clientSide(), true}})
			if err != nil {
				t.Fatal(err)
			}
			conn := serverConn(t, s)
			defer conn.Close()
			if name != "one record" && (len(s.Params) != 4 || s.Params[3] != (Setting{"DateStyle", "ISO"})) {
				t.Fatalf("%d params", len(s.Params))
			}
		})
	}
}

// What a server offers, and what we choose.
func TestDialChoosesTheMechanism(t *testing.T) {
	for name, test := range map[string]struct {
		offered []string
		want    string
	}{
		"both":       {[]string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}, "SCRAM-SHA-256-PLUS p=tls-server-end-point,,"},
		"PLUS alone": {[]string{"SCRAM-SHA-256-PLUS"}, "SCRAM-SHA-256-PLUS p=tls-server-end-point,,"},
		"no PLUS":    {[]string{"SCRAM-SHA-256"}, "SCRAM-SHA-256 y,,"},
	} {
		t.Run(name, func(t *testing.T) {
			chosen := make(chan string, 1)
			address := tlsScripted(t, func(conn *tls.Conn) {
				conn.Write(raw(&pgproto3.AuthenticationSASL{AuthMechanisms: test.offered}))
				_, message, err := newReader(conn, nil).message(1000)
				var m pgproto3.SASLInitialResponse
				if err != nil || m.Decode(message[headerBytes:]) != nil {
					t.Error(err)
				}
				header, _, _ := strings.Cut(string(m.Data), "n=")
				chosen <- m.AuthMechanism + " " + header
			})
			Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d", Secret: password(t, "x"), TLS: &ServerTLS{clientSide(), true}})
			if got := <-chosen; got != test.want {
				t.Fatal(got)
			}
		})
	}
}
