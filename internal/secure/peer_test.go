package secure

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
)

// echo is a core with one connection, which sends back what it receives and finishes when the peer ends.
type echo struct {
	ops      []loop.Op
	finished bool
}

func (c *echo) Stopped() bool   { return c.finished && len(c.ops) == 0 }
func (c *echo) Deadline() int64 { return loop.Never }
func (c *echo) Tick(int64)      { c.ops = c.ops[:0] }
func (c *echo) Ops() []loop.Op {
	ops := c.ops
	if c.finished {
		c.ops = nil
	}
	return ops
}

func (c *echo) Step(e *loop.Event) {
	switch e.Kind {
	case loop.Received:
		c.ops = append(c.ops, loop.Op{Kind: loop.Send, Conn: e.Conn, Data: e.Data})
	case loop.Ended:
		c.ops = append(c.ops, loop.Op{Kind: loop.Finish, Conn: e.Conn})
		c.finished = true
	case loop.Failed:
		c.finished = true
	}
}

// TestPeerOfCryptoTLS: a peer that is crypto/tls over a net.Conn logs in, moves to an event loop without noticing, has
// everything echoed, says goodbye and hears it.
func TestPeerOfCryptoTLS(t *testing.T) {
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				t.Run("client", func(t *testing.T) {
					near, far := connected(t)
					server, client := configs(version)
					s, c := Server(near, nil, server), tls.Client(far, client)
					shake(t, func() error { return s.Handshake(t.Context()) }, c.Handshake)
					converse(t, open, s, c, far)
				})
				t.Run("server", func(t *testing.T) {
					near, far := connected(t)
					server, client := configs(version)
					c, s := Client(near, client), tls.Server(far, server)
					shake(t, func() error { return c.Handshake(t.Context()) }, s.Handshake)
					converse(t, open, c, s, far)
				})
			})
		})
	}
}

// converse plays the peer of ours, which echoes on a loop.
func converse(t *testing.T, open looptest.Open, ours *Conn, peer *tls.Conn, wire net.Conn) {
	t.Helper()
	r := random(t)
	_, _ = peer.Write([]byte("login"))
	if _, err := io.ReadFull(ours, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	near, unread, err := ours.Release()
	if err != nil || len(unread) != 0 {
		t.Fatalf("%q, %v", unread, err)
	}
	d := open(t)
	wrapped := Wrap(d)
	id := loop.MakeID(0, 1)
	wrapped.Wait(0)
	wrapped.Submit([]loop.Op{{Kind: loop.Attach, Conn: id, FD: descriptor(t, near), Layer: ours}})

	told := noise(r, 3<<20)
	failed := make(chan error, 1)
	go func() {
		for rest := told; len(rest) > 0; {
			n := min(len(rest), 100_000)
			if _, err := peer.Write(rest[:n]); err != nil {
				failed <- err
				return
			}
			rest = rest[n:]
		}
		failed <- peer.CloseWrite()
	}()
	heard := make(chan []byte, 1)
	go func() {
		b, err := io.ReadAll(peer)
		if err != nil {
			t.Errorf("reading: %v", err)
		}
		wire.Close()
		heard <- b
	}()
	loop.Run(&echo{}, wrapped, func(int) {})
	if err := <-failed; err != nil {
		t.Errorf("writing: %v", err)
	}
	// The peer reads to the end while what is kept is flushed.
	var got []byte
	for got == nil {
		wrapped.Wait(wrapped.Now() + 1e6)
		wrapped.Submit(nil)
		select {
		case got = <-heard:
		default:
		}
	}
	if !bytes.Equal(got, told) {
		t.Errorf("%d bytes were told, %d came back, or others", len(told), len(got))
	}
	if err := wrapped.Close(); err != nil {
		t.Error(err)
	}
}

// descriptor takes the socket out of a net.Conn.
func descriptor(t *testing.T, conn net.Conn) int32 {
	t.Helper()
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer conn.Close()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return int32(fd)
}
