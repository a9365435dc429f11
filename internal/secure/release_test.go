package secure

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// handshaken is a server's end at the moment when a login is over, and the client's, released, with its socket.
func handshaken(t *testing.T, version uint16) (s, c *Conn, wire net.Conn) {
	t.Helper()
	near, far := connected(t)
	server, client := configs(version)
	s, c = Server(near, nil, server), Client(far, client)
	shake(t, func() error { return s.Handshake(t.Context()) }, func() error { return c.Handshake(t.Context()) })
	wire, unread, err := c.Release()
	if err != nil || len(unread) != 0 || wire != far {
		t.Fatalf("released %v with %d bytes, %v", wire, len(unread), err)
	}
	return s, c, wire
}

// TestReleaseLosesNothing: wherever the release comes in the stream, in the middle of a record, decrypted or not, what was
// read before it, what it returns and what is opened after it are the stream.
func TestReleaseLosesNothing(t *testing.T) {
	test := func(t *testing.T) {
		eachVersion(t, func(t *testing.T, version uint16) {
			r := random(t)
			for range 30 {
				s, c, far := handshaken(t, version)
				var told, cipher []byte
				cut := 0 // what is sent before the release, and how much of what is told can be read there
				readable := 0
				for range 1 + r.IntN(10) {
					b := noise(r, 1+r.IntN(1<<r.IntN(12)))
					told, cipher = append(told, b...), append(cipher, seal(t, c, b)...)
					if r.IntN(2) == 0 {
						cut, readable = len(cipher), len(told)
					}
				}
				cut += r.IntN(len(cipher) - cut + 1)
				_, _ = far.Write(cipher[:cut])
				heard := make([]byte, r.IntN(readable+1))
				if _, err := io.ReadFull(s, heard); err != nil {
					t.Fatal(err)
				}
				near, unread, err := s.Release()
				if err != nil {
					t.Fatal(err)
				}
				heard = append(heard, unread...)
				_, _ = far.Write(cipher[cut:])
				for buf := make([]byte, 1+r.IntN(4000)); len(heard) < len(told); {
					n, err := near.Read(buf)
					if err != nil {
						t.Fatalf("after %d of %d bytes: %v", len(heard), len(told), err)
					}
					heard = append(heard, open(t, s, buf[:n])...)
				}
				if !bytes.Equal(heard, told) {
					t.Fatal("heard something else")
				}
			}
		})
	}
	t.Run("as it is", test)
	t.Run("other fields", func(t *testing.T) { withoutFields(t, test) })
}

// TestReleaseReturnsWhatCameTogether: what came in one segment with the last login message is returned, and only a part of
// a record stays inside.
func TestReleaseReturnsWhatCameTogether(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		s, c, far := handshaken(t, version)
		segment := append(seal(t, c, []byte("password")), seal(t, c, []byte("query, "))...)
		segment = append(segment, seal(t, c, []byte("another, "))...)
		half := seal(t, c, []byte("and half of one"))
		_, _ = far.Write(append(segment, half[:10]...))
		login := make([]byte, 4)
		if _, err := io.ReadFull(s, login); err != nil || string(login) != "pass" {
			t.Fatalf("%q, %v", login, err)
		}
		near, unread, err := s.Release()
		if err != nil || string(unread) != "wordquery, another, " {
			t.Fatalf("%q, %v", unread, err)
		}
		_ = near.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, _ := near.Read(make([]byte, 10)); n != 0 {
			t.Fatalf("%d bytes were left in the socket", n)
		}
		if got := open(t, s, half[10:]); string(got) != "and half of one" {
			t.Fatalf("%q", got)
		}
	})
}

// TestReleaseFindsTheEnd: a close_notify, or a record that is wrong, that came before the release is told by the first Open,
// even of nothing.
func TestReleaseFindsTheEnd(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		for _, broken := range []bool{false, true} {
			s, c, far := handshaken(t, version)
			segment := append(seal(t, c, []byte("p")), seal(t, c, []byte("last words"))...)
			if broken {
				segment = append(segment, make([]byte, 100)...)
			} else {
				segment = c.End(segment)
			}
			_, _ = far.Write(segment)
			if n, err := s.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			_, unread, err := s.Release()
			if err != nil || string(unread) != "last words" {
				t.Fatalf("%q, %v", unread, err)
			}
			if _, ended, err := s.Open(nil, nil); ended == broken || (err != nil) != broken {
				t.Fatalf("ended: %v, %v", ended, err)
			}
			if alert := s.Own(nil); (len(alert) > 0) != broken {
				t.Fatalf("says %x", alert)
			}
		}
	})
}

// TestAlreadyReadBytes: the handshake begins with what was read before.
func TestAlreadyReadBytes(t *testing.T) {
	near, far := connected(t)
	server, client := configs(tls.VersionTLS13)
	c := Client(far, client)
	failed := make(chan error, 1)
	go func() { failed <- c.Handshake(t.Context()) }()
	already := make([]byte, 100)
	if _, err := io.ReadFull(near, already); err != nil {
		t.Fatal(err)
	}
	kept := bytes.Clone(already)
	s := Server(near, already, server)
	if err := errors.Join(s.Handshake(t.Context()), <-failed); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(already, kept) {
		t.Error("what was read before has changed")
	}
}

// TestConnIsANetConn: until the release it acts on the connection below; after it, on nothing.
func TestConnIsANetConn(t *testing.T) {
	near, far := connected(t)
	server, client := configs(tls.VersionTLS13)
	s, c := Server(near, nil, server), Client(far, client)
	if _, _, err := s.Release(); err == nil {
		t.Error("released before the handshake")
	}
	shake(t, func() error { return s.Handshake(t.Context()) }, func() error { return c.Handshake(t.Context()) })
	if s.RemoteAddr().String() != near.RemoteAddr().String() || s.LocalAddr().String() != near.LocalAddr().String() {
		t.Errorf("addresses %v, %v", s.LocalAddr(), s.RemoteAddr())
	}
	if got := s.State(); got.NegotiatedProtocol != "postgresql" || got.Version != tls.VersionTLS13 {
		t.Errorf("agreed on %q, %x", got.NegotiatedProtocol, got.Version)
	}
	_ = s.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := s.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("read past the deadline: %v", err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = near.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d bytes, %v, after the end", n, err)
	}
	if _, err := s.Write([]byte("still here")); err != nil {
		t.Error(err)
	}
	inner, _, err := s.Release()
	if err != nil || inner != near {
		t.Fatalf("released %v, %v", inner, err)
	}
	if _, _, err := s.Release(); err == nil {
		t.Error("released twice")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Seal(nil, []byte("x")); err != nil {
		t.Errorf("closed the layer: %v", err)
	}
	if _, err := near.Write([]byte("x")); err != nil {
		t.Errorf("closed what it had released: %v", err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// TestHandshakeIsBounded: the context ends it, and garbage ends it at once.
func TestHandshakeIsBounded(t *testing.T) {
	server, _ := configs(tls.VersionTLS13)
	near, _ := connected(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := Server(near, nil, server).Handshake(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a silent client: %v", err)
	}
	near, far := connected(t)
	_, _ = far.Write([]byte("GET / HTTP/1.1\r\n"))
	var header tls.RecordHeaderError
	if err := Server(near, nil, server).Handshake(t.Context()); !errors.As(err, &header) {
		t.Errorf("garbage: %v", err)
	}
}
