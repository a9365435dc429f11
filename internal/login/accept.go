package login

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Config is how clients are let in.
type Config struct {
	// Choose is called with what the client asks for, before it has proved anything, and says how it has to prove
	// who it is, or why it need not try.
	Choose func(*Startup) (Auth, *Refusal)
}

// Auth is how one client proves who it is.
type Auth struct {
	Method      Method
	Credentials Credentials // not used by Trust, and may be nil there
}

// Client is a client that has been let in. AuthenticationOk was the last thing it was sent.
type Client struct {
	Startup
	// Unread is what the client sent after its last login message.
	Unread []byte
}

// CancelRequest is what a connection was opened for that asks for a cancel and nothing else. It is not answered:
// whoever delivers the cancel then closes the connection.
type CancelRequest struct {
	PID    uint32
	Secret []byte // 4 to 256 bytes
}

// Accept takes a new connection in: it reads what the client wants and lets it prove who it is. already is what
// was read from the connection before; the caller keeps it. Exactly one of the three results is not nil.
//
// After an error the connection is closed. If the error is a [*Refusal] the client has been told; otherwise there
// was nobody to tell or nothing to be understood, and Postgres would have closed silently too: io.EOF means that
// nothing was asked at all, context.DeadlineExceeded that it took too long. Until Accept returns, the
// connection's deadline is the context's; afterwards it has none.
func Accept(ctx context.Context, conn net.Conn, already []byte, cfg Config) (*Client, *CancelRequest, error) {
	release := keepTo(ctx, conn)
	h := &handshake{reader: newReader(conn, already)}
	client, cancel, err := h.run(cfg)
	if err = release(err); err == nil {
		return client, cancel, nil
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		Refuse(conn, refusal)
		return nil, nil, err
	}
	conn.Close()
	return nil, nil, fmt.Errorf("logging a client in: %w", err)
}

// handshake is one login.
//
//	        ┌── SSLRequest, GSSENCRequest: N ──┐ (once each)
//	        ▼                                  │
//	first packet ──────────────────────────────┘
//	   │      └── CancelRequest: done
//	   └── StartupMessage ── NegotiateProtocolVersion? ── authentication ── AuthenticationOk: done
type handshake struct {
	*reader
	out []byte // to be sent before the next read
}

func (h *handshake) run(cfg Config) (*Client, *CancelRequest, error) {
	packet, cancel, err := h.firstPacket()
	if err != nil || cancel != nil {
		return nil, cancel, err
	}
	startup, err := h.negotiate(packet)
	if err != nil {
		return nil, nil, err
	}
	auth, refusal := cfg.Choose(startup)
	if refusal != nil {
		return nil, nil, h.refused(refusal)
	}
	if err := h.authenticate(startup.User, auth); err != nil {
		return nil, nil, err
	}
	h.queue(&pgproto3.AuthenticationOk{})
	if err := h.flush(); err != nil {
		return nil, nil, err
	}
	return &Client{Startup: *startup, Unread: h.unread()}, nil, nil
}

// firstPacket reads up to the packet that says what the client wants.
func (h *handshake) firstPacket() (*startupPacket, *CancelRequest, error) {
	declined := map[uint32]bool{}
	for {
		body, err := h.packet()
		if err != nil {
			return nil, nil, err
		}
		switch code := binary.BigEndian.Uint32(body); {
		case code == cancelRequestCode:
			cancel, err := parseCancel(body)
			return nil, cancel, err
		case (code == sslRequestCode || code == gssEncRequestCode) && !declined[code]:
			declined[code] = true
			if err := h.decline(code); err != nil {
				return nil, nil, err
			}
		default:
			packet, refusal := parseStartupPacket(body)
			if refusal != nil {
				return nil, nil, refusal
			}
			return packet, nil, nil
		}
	}
}

// packet reads a packet without a type, and returns its body: at least the 4 bytes of its code.
func (h *handshake) packet() ([]byte, error) {
	header, err := h.next(4)
	if err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(header)) - 4
	if size < 4 || size > maxStartupBytes {
		return nil, fmt.Errorf("invalid length of startup packet: %d", size)
	}
	body, err := h.next(int(size))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

func parseCancel(body []byte) (*CancelRequest, error) {
	secret := body[min(len(body), 8):]
	if len(secret) < minCancelKeyBytes || len(secret) > maxCancelKeyBytes {
		return nil, fmt.Errorf("invalid length of query cancel packet: %d", len(body))
	}
	return &CancelRequest{PID: binary.BigEndian.Uint32(body[4:]), Secret: append([]byte(nil), secret...)}, nil
}

// decline answers a request for encryption with no. A client must wait for the answer before it goes on; what it
// has sent beforehand is refused, as Postgres does, lest bytes that somebody has slipped in before the encryption
// be taken for its own.
func (h *handshake) decline(code uint32) error {
	h.out = append(h.out, 'N')
	if err := h.flush(); err != nil {
		return err
	}
	if len(h.unread()) == 0 {
		return nil
	}
	what := "SSL"
	if code == gssEncRequestCode {
		what = "GSSAPI encryption"
	}
	return &Refusal{
		SQLState: protocolViolation,
		Message:  "received unencrypted data after " + what + " request",
		Detail:   "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
	}
}

// negotiate tells the client what of its wishes there is not, and resolves the others.
func (h *handshake) negotiate(packet *startupPacket) (*Startup, error) {
	if refusal := packet.checkReplication(); refusal != nil {
		return nil, refusal
	}
	if packet.needsNegotiation() {
		h.queue(&pgproto3.NegotiateProtocolVersion{
			NewestMinorProtocol: newestProtocol, // Postgres sends the major version with it
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
