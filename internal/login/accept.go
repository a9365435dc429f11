package login

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// Config is how clients are let in.
type Config struct {
	// TLS is how clients may encrypt; nil: they may not. It is what secure.ServerConfig has made, once for all clients.
	TLS *tls.Config
	// Late is what a client is told that has said what it wants and then takes too long; nil: nothing.
	Late *Refusal
	// Choose is called with what the client asks for, before it has proved anything, and says how it has to prove
	// who it is, or why it need not try.
	Choose func(*Startup) (Auth, *Refusal)
}

// Auth is how one client proves who it is.
type Auth struct {
	Method      Method
	Credentials Credentials // not used by Trust and Cert without KnownUsers, and may be nil there
	// KnownUsers has Trust and Cert let in only users that the Credentials know.
	KnownUsers bool
	// CertUser is the users that the common name of a client's certificate may log in as; a name that it has not may log in
	// as the user of that name. NeedCert: whatever the method, a verified certificate has to allow the user.
	CertUser map[string][]string
	NeedCert bool
}

// Client is a client that has been let in. AuthenticationOk was the last thing it was sent.
type Client struct {
	Startup
	// Unread is what the client sent after its last login message, decrypted.
	Unread []byte
	// Layer decrypts what comes after that; nil if nothing is encrypted. It does not know the connection any more.
	Layer *secure.Conn
}

// CancelRequest is what a connection was opened for that asks for a cancel and nothing else. It is not answered:
// whoever delivers the cancel then calls Done.
type CancelRequest struct {
	PID    uint32
	Secret []byte // 4 to 256 bytes

	secure *secure.Conn // nil if it came in clear
}

// Accept takes a new connection in: it reads what the client wants and lets it prove who it is. already is what
// was read from the connection before; the caller keeps it. Exactly one of the three results is not nil.
//
// After an error the connection is closed. If the error is a [*Refusal] the client has been told; otherwise there
// was nobody to tell or nothing to be understood, and Postgres would have closed silently too: io.EOF means that
// nothing was asked at all, context.DeadlineExceeded that it took too long. Until Accept returns, the
// connection's deadline is the context's; afterwards it has none. An encrypted client's connection is the caller's
// again too, with the Client's Layer between its bytes and what they mean.
func Accept(ctx context.Context, conn net.Conn, already []byte, cfg Config) (*Client, *CancelRequest, error) {
	release := keepTo(ctx, conn)
	h := &handshake{reader: newReader(conn, already), cfg: cfg}
	client, cancel, err := h.run(ctx)
	if err = release(err); err == nil {
		return client, cancel, nil
	}
	if errors.Is(err, context.DeadlineExceeded) && h.asked && cfg.Late != nil {
		late := *cfg.Late
		late.Cause = err
		err = &late
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		h.refuse(conn, refusal)
		return nil, nil, err
	}
	conn.Close()
	return nil, nil, fmt.Errorf("logging a client in: %w", err)
}

// handshake is one login.
//
//	 TLS at once (ALPN postgresql)
//	   │    ┌── SSLRequest: N, or S and TLS ─┐ (each once, and not after S)
//	   │    │   GSSENCRequest: N             │
//	   ▼    ▼                                │
//	first packet ────────────────────────────┘
//	   │      └── CancelRequest: done
//	   └── StartupMessage ── NegotiateProtocolVersion? ── authentication ── AuthenticationOk: done
type handshake struct {
	*reader
	cfg    Config
	secure *secure.Conn // once the connection is encrypted; then the reader reads it
	out    []byte       // to be sent before the next read
	asked  bool         // the client has said what it wants
}

func (h *handshake) run(ctx context.Context) (*Client, *CancelRequest, error) {
	if err := h.directTLS(ctx); err != nil {
		return nil, nil, err
	}
	packet, cancel, err := h.firstPacket(ctx)
	if err != nil || cancel != nil {
		return nil, cancel, err
	}
	startup, err := h.negotiate(packet)
	if err != nil {
		return nil, nil, err
	}
	h.asked = true
	startup.TLS = h.tlsInfo()
	auth, refusal := h.cfg.Choose(startup)
	if refusal != nil {
		return nil, nil, h.refused(refusal)
	}
	if err := h.prove(ctx, startup, auth); err != nil {
		return nil, nil, err
	}
	h.queue(&pgproto3.AuthenticationOk{})
	if err := h.flush(); err != nil {
		return nil, nil, err
	}
	client := &Client{Startup: *startup, Unread: h.unread()}
	return client, nil, h.release(client)
}

// prove lets the client prove that it is the user: by its certificate, by the method, or both.
func (h *handshake) prove(ctx context.Context, startup *Startup, auth Auth) error {
	if err := auth.wantCertificate(startup.TLS); err != nil {
		return err
	}
	if err := h.authenticate(ctx, startup.User, startup.Database, auth); err != nil {
		return err
	}
	return auth.checkCertificate(startup.TLS, startup.User)
}

// negotiate tells the client what of its wishes there is not, and resolves the others.
func (h *handshake) negotiate(packet *startupPacket) (*Startup, error) {
	if refusal := packet.checkReplication(); refusal != nil {
		return nil, refusal
	}
	if packet.needsNegotiation() {
		h.queue(&pgproto3.NegotiateProtocolVersion{
			NewestMinorProtocol: packet.protocol(), // Postgres sends the major version with it
			UnrecognizedOptions: packet.unknownExtensions,
		})
	}
	startup, refusal := packet.resolve()
	if refusal != nil {
		return nil, h.refused(refusal)
	}
	return startup, nil
}

// refused sends what the client is to read before the refusal.
func (h *handshake) refused(refusal *Refusal) error {
	if err := h.flush(); err != nil {
		return err
	}
	return refusal
}

func (h *handshake) queue(m pgproto3.BackendMessage) {
	out, err := m.Encode(h.out)
	if err != nil {
		panic(fmt.Sprintf("bug: encoding %T: %v", m, err))
	}
	h.out = out
}

func (h *handshake) flush() error {
	if len(h.out) == 0 {
		return nil
	}
	_, err := h.conn.Write(h.out)
	h.out = h.out[:0]
	return err
}
