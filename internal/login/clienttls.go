package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

const (
	// alpnProtocol is Postgres's name in ALPN.
	alpnProtocol = "postgresql"
	// tlsHandshakeByte begins a TLS connection. A StartupMessage that began so would be of 369 MB.
	tlsHandshakeByte = 0x16
)

// directTLS encrypts at once if the client begins with TLS instead of asking for it. Such a client has to name the
// protocol (ALPN), as Postgres demands since 17, lest it be made to talk to a server of another protocol, or another
// protocol's client to us.
func (h *handshake) directTLS(ctx context.Context) error {
	if err := h.fill(1); err != nil {
		return err
	}
	if h.unread()[0] != tlsHandshakeByte {
		return nil
	}
	if h.cfg.TLS == nil {
		return errors.New("the client begins with TLS, and there is none here: configure tls")
	}
	if err := h.handshakeTLS(ctx); err != nil {
		return err
	}
	if h.secure.State().NegotiatedProtocol != alpnProtocol {
		return errors.New("received direct SSL connection request without ALPN protocol negotiation extension")
	}
	return nil
}

// mayEncrypt tells whether an SSLRequest is answered with yes.
func (h *handshake) mayEncrypt() bool { return h.cfg.TLS != nil && h.secure == nil }

// encrypt answers an SSLRequest with yes. What the client has sent behind it is refused while it can still be read in
// clear.
func (h *handshake) encrypt(ctx context.Context) error {
	if err := h.nothingAhead(sslRequestCode); err != nil {
		return err
	}
	h.out = append(h.out, 'S')
	if err := h.flush(); err != nil {
		return err
	}
	return h.handshakeTLS(ctx)
}

// handshakeTLS puts TLS between the connection and the reader. What was read ahead belongs to the handshake.
func (h *handshake) handshakeTLS(ctx context.Context) error {
	conn := secure.Server(h.conn, h.unread(), h.cfg.TLS)
	if err := conn.Handshake(ctx); err != nil {
		if errors.Is(err, io.EOF) { // which by itself means that nothing was asked for
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("encrypting a client's connection: %w", err)
	}
	h.secure = conn
	h.reader = newReader(conn, nil)
	return nil
}

// tlsInfo is what is known from the handshake; nil if there was none.
func (h *handshake) tlsInfo() *TLSInfo {
	if h.secure == nil {
		return nil
	}
	state := h.secure.State()
	info := &TLSInfo{ServerName: state.ServerName, Presented: state.PeerCertificates}
	if len(state.VerifiedChains) > 0 {
		info.Certificate = state.PeerCertificates[0]
	}
	return info
}

// binding is what SCRAM can bind the connection to; nil if there is nothing.
func (h *handshake) binding() []byte {
	if h.secure == nil {
		return nil
	}
	return h.secure.Binding()
}

// release gives the connection back, and with the client what stands between it and the client's bytes.
func (h *handshake) release(c *Client) error {
	if h.secure == nil {
		return nil
	}
	_, unread, err := h.secure.Release()
	if err != nil {
		return fmt.Errorf("handing over a TLS connection: %w", err)
	}
	c.Unread, c.Layer = append(c.Unread, unread...), h.secure
	return nil
}

// refuse tells the client why it is not let in, and closes the connection.
func (h *handshake) refuse(conn net.Conn, r *Refusal) {
	if h.secure == nil {
		Refuse(conn, r)
		return
	}
	if _, _, err := h.secure.Release(); err != nil {
		conn.Close()
		return
	}
	refuseSealed(conn, h.secure, r)
}

// Refuse tells a client that Accept has let in why it cannot stay after all, and closes the connection: the one
// that Accept was given, or one of the same socket.
func (c *Client) Refuse(conn net.Conn, r *Refusal) {
	if c.Layer == nil {
		Refuse(conn, r)
		return
	}
	refuseSealed(conn, c.Layer, r)
}

// Done ends the connection that brought the request, once the cancel has been delivered: clients wait for that.
func (c *CancelRequest) Done(conn net.Conn) {
	if c.secure != nil {
		c.secure.Close()
	}
	conn.Close()
}
