package login

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Trap 36 in TLS: whoever is slow, silent or talks nonsense in the handshake costs bounded time and memory.
func TestTrap36HandshakeIsBounded(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T, timeout time.Duration) (net.Conn, <-chan accepted) {
		address, results := acceptingTLS(t, timeout, Auth{Method: Trust}, serverSide(hostIdentity()))
		conn := connect(t, "tcp", address)
		conn.Write(packet(sslRequestCode))
		if err := expect(conn, "S"); err != nil {
			t.Fatal(err)
		}
		return conn, results
	}
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		_, results := begin(t, waitedOut)
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
	})
	t.Run("silence in TLS", func(t *testing.T) {
		t.Parallel()
		address, results := acceptingTLS(t, waitedOut, Auth{Method: Trust}, serverSide(hostIdentity()))
		encrypted(t, address, clientSide())
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
	})
	t.Run("dribble", func(t *testing.T) {
		address, results := acceptingTLS(t, generous, Auth{Method: Trust}, serverSide(hostIdentity()))
		conn := connect(t, "tcp", address)
		for _, b := range packet(sslRequestCode) {
			conn.Write([]byte{b})
		}
		if err := expect(conn, "S"); err != nil {
			t.Fatal(err)
		}
		handshaken(t, dribbling{conn}, clientSide()).Write(startup("user", "u"))
		if a := result(t, results); a.err != nil {
			t.Fatal(a.err)
		}
	})
	t.Run("endless dribble", func(t *testing.T) {
		t.Parallel()
		conn, results := begin(t, waitedOut)
		conn.Write([]byte{0x16, 3, 1, 0x3f, 0xff})
		for {
			if _, err := conn.Write([]byte{1}); err != nil {
				break
			}
			time.Sleep(time.Millisecond) // the client is slow; nothing waits for it but the deadline
		}
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
	})
	for name, sends := range map[string]string{
		"oversized record":    "\x16\x03\x01\xff\xff" + strings.Repeat("x", 70_000),
		"oversized handshake": "\x16\x03\x01\x40\x00\x01\xff\xff\xff" + strings.Repeat("x", 1<<14),
		"HTTP":                "GET / HTTP/1.1\r\n\r\n",
		"data before hello":   "\x17\x03\x03\x00\x05hello",
		"SSLRequest again":    string(packet(sslRequestCode)),
	} {
		t.Run(name, func(t *testing.T) {
			conn, results := begin(t, generous)
			go conn.Write([]byte(sends))
			if a := result(t, results); a.err == nil || !strings.Contains(a.err.Error(), "encrypting a client's connection") {
				t.Fatal(a.err)
			}
		})
	}
	t.Run("goes away", func(t *testing.T) {
		conn, results := begin(t, generous)
		conn.Close()
		if a := result(t, results); !errors.Is(a.err, io.ErrUnexpectedEOF) || errors.Is(a.err, io.EOF) {
			t.Fatal(a.err)
		}
	})
}

// dribbling writes every byte alone.
type dribbling struct{ net.Conn }

func (d dribbling) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}
