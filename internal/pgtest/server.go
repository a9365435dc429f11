package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout bounds how long a server may take to start or stop: generous, because tests share the machine.
const startTimeout = 60 * time.Second

// Server is a running Postgres, or one that was stopped and can be started again on the same port.
type Server struct {
	// Install is what it runs.
	Install Install
	// Host and Port are where it listens.
	Host string
	Port int
	// SocketDir is where its Unix socket is.
	SocketDir string

	options Options
	who     account
	root    string // of everything that is its own
	data    string
	running *process
}

// Start starts a server for a test, and stops it at the test's end. What the server logged is shown if the test failed.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Launch(context.Background(), o)
	if err != nil {
		t.Fatalf("starting Postgres: %v", err)
	}
	t.Cleanup(func() { s.finish(t) })
	return s
}

// finish ends a test's server.
func (s *Server) finish(t testing.TB) {
	if t.Failed() {
		t.Logf("the log of Postgres %d on port %d ends with:\n%s", s.Install.Major, s.Port, tail(s.Log(), 6<<10))
	}
	if err := s.Close(); err != nil {
		t.Errorf("stopping Postgres: %v", err)
	}
}

// Launch starts a server for a program that is not a test; Close ends it.
func Launch(ctx context.Context, o Options) (*Server, error) {
	in, err := find(o.Version)
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	from, err := template(ctx, in, who)
	if err != nil {
		return nil, err
	}
	s, err := newServer(in, who, o)
	if err != nil {
		return nil, err
	}
	if err := s.populate(ctx, from); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// newServer makes the server's directory and picks its port.
func newServer(in Install, who account, o Options) (*Server, error) {
	removeStale()
	root, err := os.MkdirTemp("", rootPattern)
	if err != nil {
		return nil, fmt.Errorf("making a directory for Postgres: %w", err)
	}
	if err := claim(root); err != nil {
		return nil, err
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return nil, fmt.Errorf("opening the directory of Postgres: %w", err)
	}
	if err := who.own(root); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return &Server{
		Install: in, Host: "127.0.0.1", Port: port, SocketDir: root,
		options: o, who: who, root: root, data: filepath.Join(root, "data"),
	}, nil
}

// populate fills the data directory, starts the server, and makes roles and databases.
func (s *Server) populate(ctx context.Context, from string) error {
	if err := copyTree(from, s.data, s.who); err != nil {
		return err
	}
	if err := s.startAtFreePort(ctx); err != nil {
		return err
	}
	return s.Exec(ctx, "postgres", s.options.statements()...)
}

// maxPorts is how many ports are tried: between picking one and listening on it, somebody else may take it.
const maxPorts = 5

// startAtFreePort starts the server for the first time, at another port where the first is taken.
func (s *Server) startAtFreePort(ctx context.Context) error {
	for tried := 1; ; tried++ {
		if err := s.configure(); err != nil {
			return err
		}
		err := s.StartAgain(ctx)
		if err == nil || tried == maxPorts || !strings.Contains(err.Error(), "Address already in use") {
			return err
		}
		if s.Port, err = FreePort(); err != nil {
			return err
		}
	}
}

// configure writes the configuration files.
func (s *Server) configure() error {
	for name, text := range s.options.files(s.Port, s.SocketDir) {
		if err := s.write(name, text); err != nil {
			return err
		}
	}
	return nil
}

// Addr is host:port.
func (s *Server) Addr() string { return fmt.Sprintf("%s:%d", s.Host, s.Port) }

// DSN is the connection string of a user over TCP.
func (s *Server) DSN(user, password, database string) string {
	return DSN(s.Addr(), user, password, database)
}

// DSN is a connection string without TLS.
func DSN(addr, user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: addr, Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// SuperDSN is the superuser's connection string, over the Unix socket.
func (s *Server) SuperDSN(database string) string {
	return fmt.Sprintf("host=%s port=%d user=postgres database=%s sslmode=disable", s.SocketDir, s.Port, database)
}

// Super connects as superuser, over the Unix socket. The caller closes the connection.
func (s *Server) Super(ctx context.Context, database string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, s.SuperDSN(database))
	if err != nil {
		return nil, fmt.Errorf("connecting to Postgres as superuser: %w", err)
	}
	return conn, nil
}

// Exec runs statements one by one as superuser.
func (s *Server) Exec(ctx context.Context, database string, statements ...string) error {
	if len(statements) == 0 {
		return nil
	}
	conn, err := s.Super(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("running %q: %w", statement, err)
		}
	}
	return nil
}

// Close stops the server at once and removes all it had.
func (s *Server) Close() error {
	err := s.Stop(Immediate)
	if removing := os.RemoveAll(s.root); err == nil && removing != nil {
		err = fmt.Errorf("removing the directory of Postgres: %w", removing)
	}
	return err
}

// Claim takes an address where nobody listens, among all processes that claim for the same purpose, until what it returns is closed or the process
// ends. It returns nil if another has it.
//
// That nobody listens is not enough: Caddy's sockets share their port with those of a second Caddy, and whoever got one may not listen on it yet.
// So each owns a name in the system's abstract namespace of Unix sockets, which dies with its process and leaves no file.
func Claim(purpose, addr string) net.Listener {
	name, err := net.Listen("unix", "@"+purpose+" "+addr)
	if err != nil {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		name.Close()
		return nil
	}
	l.Close()
	return name
}

// FreePort picks a port nobody listens on, and never the same again, nor one that another process has got of it. It lies below the range from
// which the system takes the ports of outgoing connections, so that nobody gets it while the server is down for a restart.
func FreePort() (int, error) {
	givenMu.Lock()
	defer givenMu.Unlock()
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		if claim := Claim("pgtest", fmt.Sprintf("127.0.0.1:%d", port)); claim != nil {
			given = append(given, claim)
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found between 20000 and 32000")
}

// given are the ports that FreePort has returned.
var (
	givenMu sync.Mutex
	given   []net.Listener
)

// tail is the end of a text.
func tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}
