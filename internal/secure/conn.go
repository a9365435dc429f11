// Package secure is TLS without a goroutine.
//
// A [Conn] lives twice. While somebody logs in it is a net.Conn for blocking code: crypto/tls over the socket. Release
// takes the socket out from under it; what remains is a loop.Layer that is handed the socket's bytes and hands back
// what to send:
//
//	Server/Client → Handshake → Read, Write → Release → Open, Seal, Own, End
//
// [Wrap] puts layers into a loop.Driver: the core behind it sees plaintext and the same events as without TLS.
//
// crypto/tls is made to work without blocking by two of its habits. A read error that calls itself temporary is
// forgotten, so "no bytes yet" is one. A write error is remembered for ever, so writes never fail: they are collected.
//
// A released connection that is idle costs what crypto/tls keeps for its keys, and no buffers (see lend.go).
package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Conn is one end of a TLS connection. During login it is a net.Conn, for blocking code on a goroutine; after Release it
// is a loop.Layer, between a socket that somebody else reads and writes and the core of an event loop. As a net.Conn it is
// then of no use, and closing it does nothing.
type Conn struct {
	net.Conn // is tls
	tls      *tls.Conn
	wire     wire
	inside   inside
	client   bool

	shown []byte // of a server, until Release: the certificate it has shown, as DER

	// What Open has found and says for ever: the peer's close_notify, or what is wrong.
	ended bool
	err   error
}

// Server is the server's end over conn, of which already was read before; the caller keeps it. The config is one that
// ServerConfig has made, or Binding knows nothing.
func Server(conn net.Conn, already []byte, config *tls.Config) *Conn {
	c := &Conn{wire: wire{conn: conn, in: already}}
	return c.over(tls.Server(&c.wire, config))
}

// Client is the client's end over conn. It uses the config as ClientConfig makes it.
func Client(conn net.Conn, config *tls.Config) *Conn {
	c := &Conn{wire: wire{conn: conn}, client: true}
	return c.over(tls.Client(&c.wire, ClientConfig(config)))
}

func (c *Conn) over(t *tls.Conn) *Conn {
	c.Conn, c.tls, c.inside = t, t, reach(t)
	return c
}

// Handshake runs the handshake; the context bounds it: when it ends before, the connection is closed.
func (c *Conn) Handshake(ctx context.Context) error {
	if err := c.tls.HandshakeContext(context.WithValue(ctx, connKey{}, c)); err != nil {
		return fmt.Errorf("shaking hands by TLS: %w", err)
	}
	return nil
}

// State is what was agreed. Until Release.
func (c *Conn) State() tls.ConnectionState { return c.tls.ConnectionState() }

// Close closes the connection, with a close_notify; after Release it does nothing.
func (c *Conn) Close() error {
	if c.wire.conn == nil {
		return nil
	}
	return c.tls.Close()
}

// CloseWrite says that nothing more is sent, by TLS and, where the connection can, below it.
func (c *Conn) CloseWrite() error {
	if err := c.tls.CloseWrite(); err != nil {
		return err
	}
	if half, ok := c.wire.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Release ends the blocking life: from now on c is a loop.Layer, and the inner connection, which is returned and which c
// forgets, is the caller's. unread is what had been decrypted already, or could be; a record of which a part has come
// stays in c. The peer's close_notify, or a record that is wrong, is told by the next Open. The error says that there was no
// handshake, or a Release before.
func (c *Conn) Release() (inner net.Conn, unread []byte, err error) {
	if c.wire.conn == nil || !c.tls.ConnectionState().HandshakeComplete {
		return nil, nil, errors.New("releasing a TLS connection: it is not between its handshake and its release")
	}
	inner, c.wire.conn = c.wire.conn, nil
	unread = c.drain(nil)
	c.inside.empty()
	c.shown = nil
	return inner, unread, nil
}
