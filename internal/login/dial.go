package login

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// Target is a server, and who we are to be there.
type Target struct {
	// Address is host:port or unix//directory:port; see ParseAddress.
	Address        string
	Database, User string
	// Secret is the user's; the zero Secret where the server trusts us.
	Secret Secret
	// Startup is the run-time parameters of the StartupMessage, in order.
	Startup []Setting
	// Replication is the parameter of that name; mostly empty.
	Replication string
	// TLS is how to encrypt; nil: not at all.
	TLS *ServerTLS
}

// ServerTLS is how a connection to a server is encrypted. Unix sockets never are.
type ServerTLS struct {
	// Config has the authorities, the client's certificate and, unless it is the upstream's host, ServerName. With
	// InsecureSkipVerify nothing is verified but what VerifyConnection verifies.
	Config *tls.Config
	// Required: a server that does not encrypt is no server. Otherwise the connection is then in clear.
	Required bool
}

// Server is a logged-in connection to a server, at its first ReadyForQuery, idle, with nothing unread.
type Server struct {
	// FD is the connected, non-blocking, close-on-exec socket. The caller's.
	FD int
	// Layer encrypts; nil if the connection is in clear. It does not know the connection any more.
	Layer *secure.Conn
	// PID and Secret are the server's BackendKeyData.
	PID    uint32
	Secret []byte
	// Params is every ParameterStatus the server reported, in order.
	Params []Setting
}

// Dial connects and logs in to a server. The context bounds all of it. A server's own refusal is a [*ServerError];
// [IsPermanent] tells of this and every other error whether trying again can help.
func Dial(ctx context.Context, t Target) (*Server, error) {
	conn, err := dial(ctx, t.Address)
	if err != nil {
		return nil, err
	}
	s := &serverLogin{target: t}
	release := keepTo(ctx, conn)
	err = s.run(ctx, conn)
	if err == nil {
		err = s.handOver()
	}
	if err = release(err); err == nil {
		s.server.FD, err = TakeFD(conn)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("logging in to upstream %s as user %q, database %q: %w", t.Address, t.User, t.Database, explain(err))
	}
	return &s.server, nil
}

// dial connects. Keep-alive stays off, as whoever takes the socket sets its options; TCP_NODELAY is Go's default.
func dial(ctx context.Context, address string) (net.Conn, error) {
	network, target, err := ParseAddress(address)
	if err != nil {
		return nil, &configurationError{err}
	}
	dialer := net.Dialer{KeepAlive: -1}
	dialer.SetMultipathTCP(false)
	conn, err := dialer.DialContext(ctx, network, target)
	if err != nil {
		return nil, fmt.Errorf("dialing upstream %s: %w", address, err)
	}
	return conn, nil
}

// explain adds the likely cause to an end of file, which says nothing by itself.
func explain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("the server closed the connection during login (is it Postgres, and not shutting down?): %w", err)
	}
	return explainAlert(err)
}

// sendStartup asks for protocol 3.0. pgproto3's encoder writes parameters in random order, this one as they are.
func (s *serverLogin) sendStartup() error {
	out := []byte{0, 0, 0, 0, 0, 3, 0, 0}
	settings := []Setting{{"user", s.target.User}, {"database", s.target.Database}}
	if s.target.Replication != "" {
		settings = append(settings, Setting{"replication", s.target.Replication})
	}
	for _, setting := range append(settings, s.target.Startup...) {
		if setting.Name == "" || strings.ContainsRune(setting.Name+setting.Value, 0) {
			return permanent("startup parameter %q is empty or has a zero byte in it", setting.Name)
		}
		out = append(append(out, setting.Name...), 0)
		out = append(append(out, setting.Value...), 0)
	}
	out = append(out, 0)
	if len(out)-4 > maxStartupBytes {
		return permanent("startup parameters take %d bytes, and servers accept %d: set fewer", len(out), maxStartupBytes)
	}
	out[2], out[3] = byte(len(out)>>8), byte(len(out))
	_, err := s.conn.Write(out)
	return err
}

func (s *serverLogin) send(m pgproto3.FrontendMessage) error {
	out, err := m.Encode(nil)
	if err != nil {
		return fmt.Errorf("encoding %T: %w", m, err)
	}
	_, err = s.conn.Write(out)
	return err
}
