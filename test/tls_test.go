//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Protocol versions, and the ALPN that direct TLS demands.
const (
	version30  = 3 << 16
	version32  = 3<<16 | 2
	postgresql = "postgresql"
)

// encrypted asks an address for TLS, as clients do that do not begin with it.
func encrypted(addr string, config *tls.Config) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	if err := requestTLS(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return handshake(conn, config)
}

// requestTLS sends an SSLRequest and reads the answer.
func requestTLS(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, 80877103)); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[0] != 'S' {
		return fmt.Errorf("SSLRequest is answered with %q", answer)
	}
	return nil
}

// encryptedAtOnce begins with TLS.
func encryptedAtOnce(addr string, config *tls.Config, protocols ...string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.NextProtos = protocols
	return handshake(conn, config)
}

func handshake(conn net.Conn, config *tls.Config) (net.Conn, error) {
	c := tls.Client(conn, config)
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return c, nil
}

// logInOver is a raw client on a connection that is there, logged in.
func logInOver(t *testing.T, conn net.Conn, err error, version uint32, params ...string) *client {
	t.Helper()
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn, Frontend: pgproto3.NewFrontend(conn, conn)}
	if err := c.logIn(version, params...); err != nil {
		t.Fatalf("logging in: %v", err)
	}
	return c
}

// eachSecured runs a test over every I/O driver, against a pooler whose clients may encrypt, in front of the newest
// Postgres at hand; or against that itself. Everybody is let in to openDatabase, and to app by `auth`.
func eachSecured(t *testing.T, auth string, test func(t *testing.T, a *authority, p *pooler, server *pgtest.Server)) {
	t.Helper()
	a := newAuthority(t)
	all := versions()
	server := func() *pgtest.Server { return postgres(t, all[len(all)-1]) }
	if direct() {
		secured := a.postgres()
		server = func() *pgtest.Server { return secured }
	}
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			s := a.settings("allow")
			s.Auth = auth
			server := server()
			test(t, a, startPooler(t, driver, server, s), server)
		})
	}
}

// openDatabase names a database that everybody is let in to: the pool's one where the pool does so.
func openDatabase() string {
	if direct() {
		return "allow"
	}
	return "app"
}

func TestDirectTLS(t *testing.T) {
	eachSecured(t, "", func(t *testing.T, a *authority, p *pooler, server *pgtest.Server) {
		l := newest(t)
		if l.major < 17 || direct() && server.Install.Major < 17 {
			t.Skip("nobody here knows of direct TLS")
		}
		for _, mode := range []string{"require", "verify-ca", "verify-full"} {
			conninfo := fmt.Sprintf("dbname=%s sslnegotiation=direct sslmode=%s sslrootcert=%s", openDatabase(), mode, a.CA)
			if outcome, said := l.visit(t, p.Addr, conninfo); outcome != overTLS {
				t.Errorf("%s, sslmode=%s: %s\n%s", l.name, mode, outcome, said)
			}
		}
		dsn := fmt.Sprintf("postgres://app@localhost:%s/%s?sslmode=verify-full&sslnegotiation=direct&sslrootcert=%s",
			portOf(p.Addr), openDatabase(), a.CA)
		if err := canLogIn(t, dsn); err != nil {
			t.Errorf("pgx: %v", err)
		}
		conn, err := encryptedAtOnce(p.Addr, a.trust(), postgresql)
		c := logInOver(t, conn, err, version30, "database", openDatabase())
		mustContain(t, c.query("SELECT 'direct'"), "direct")
		if got := conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != postgresql {
			t.Errorf("the protocol agreed on is %q", got)
		}
	})
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// A handshake that was meant for another protocol is not taken for one of Postgres; and what came in clear before the
// handshake is not taken as said inside it.
func TestTrap38TLSCannotBeConfused(t *testing.T) {
	eachSecured(t, "", func(t *testing.T, a *authority, p *pooler, server *pgtest.Server) {
		if direct() && server.Install.Major < 17 {
			t.Skip("this Postgres knows of no direct TLS")
		}
		for name, protocols := range map[string][]string{"no ALPN": nil, "ALPN of the web": {"h2", "http/1.1"}} {
			conn, err := encryptedAtOnce(p.Addr, a.trust(), protocols...)
			if err != nil {
				continue // refused in the handshake
			}
			c := &client{t: t, conn: conn, Frontend: pgproto3.NewFrontend(conn, conn)}
			if err := c.logIn(version30, "database", openDatabase()); err == nil {
				t.Errorf("direct TLS with %s: let in", name)
			}
			conn.Close()
		}

		// SSLRequest and a startup message in one write: the second was never inside.
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		packet := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, 80877103)
		if _, err := conn.Write(append(packet, startup(version30, "user", "app", "database", openDatabase())...)); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(conn)
		if os.IsTimeout(err) || strings.Contains(string(said), "server_version") {
			t.Errorf("after clear text behind an SSLRequest: %v, %q", err, said)
		}
		mustContain(t, connectTLS(t, a, p).query("SELECT 'unharmed'"), "unharmed")
	})
}

// connectTLS is a raw client over TLS that asked for it first.
func connectTLS(t *testing.T, a *authority, p *pooler) *client {
	t.Helper()
	conn, err := encrypted(p.Addr, a.trust())
	return logInOver(t, conn, err, version30, "database", openDatabase())
}

func TestChannelBinding(t *testing.T) {
	eachSecured(t, "method scram-sha-256\nuser app secret", func(t *testing.T, a *authority, p *pooler, _ *pgtest.Server) {
		for _, l := range libpqs(t) {
			for conninfo, want := range map[string]string{
				"sslmode=require channel_binding=require":                overTLS,
				"sslmode=require channel_binding=prefer":                 overTLS,
				"sslmode=require channel_binding=disable":                overTLS,
				"sslmode=disable channel_binding=prefer":                 inClear,
				"sslmode=disable channel_binding=require":                refused,
				"sslmode=require channel_binding=require password=wrong": refused,
			} {
				if outcome, said := l.visit(t, p.Addr, conninfo); outcome != want {
					t.Errorf("%s, %s: %s, want %s\n%s", l.name, conninfo, outcome, want, said)
				}
			}
		}
		dsn := func(password, more string) string {
			return fmt.Sprintf("postgres://app:%s@localhost:%s/app?sslrootcert=%s&%s", password, portOf(p.Addr), a.CA, more)
		}
		if err := canLogIn(t, dsn("secret", "sslmode=verify-full&channel_binding=require")); err != nil {
			t.Errorf("pgx: %v", err)
		}
		if err := canLogIn(t, dsn("wrong", "sslmode=verify-full&channel_binding=require")); err == nil || !strings.Contains(err.Error(), "28P01") {
			t.Errorf("pgx with a wrong password: %v, want 28P01", err)
		}
		if err := canLogIn(t, dsn("secret", "sslmode=disable&channel_binding=require")); err == nil {
			t.Error("pgx binds to a channel in clear")
		}
	})
}

// A certificate in the middle that the client trusts is still not ours: with channel binding the login fails.
func TestChannelBindingSeesTheManInTheMiddle(t *testing.T) {
	eachSecured(t, "method scram-sha-256\nuser app secret", func(t *testing.T, a *authority, p *pooler, _ *pgtest.Server) {
		id := a.server() // another key
		pair, err := tls.LoadX509KeyPair(id.Certificate, id.Key)
		if err != nil {
			t.Fatal(err)
		}
		middle := a.eavesdrop(t, p.Addr, pair)
		for binding, want := range map[string]string{"disable": "", "require": "28"} {
			err := canLogIn(t, fmt.Sprintf("postgres://app:secret@localhost:%s/app?sslmode=verify-full&sslrootcert=%s&channel_binding=%s",
				portOf(middle), a.CA, binding))
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "SQLSTATE "+want)) {
				t.Errorf("channel_binding=%s: %v", binding, err)
			}
		}
	})
}

// eavesdrop stands between clients and an address, and speaks TLS to both.
func (a *authority) eavesdrop(t *testing.T, addr string, shows tls.Certificate) (middle string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	relay := func(inner net.Conn) {
		defer inner.Close()
		request := make([]byte, 8)
		if _, err := io.ReadFull(inner, request); err != nil {
			return
		}
		_, _ = inner.Write([]byte("S"))
		client := tls.Server(inner, &tls.Config{Certificates: []tls.Certificate{shows}})
		server, err := encrypted(addr, a.trust())
		if err != nil {
			return
		}
		defer server.Close()
		go func() { _, _ = io.Copy(server, client); server.Close() }()
		_, _ = io.Copy(client, server)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go relay(conn)
		}
	}()
	return l.Addr().String()
}

// A cancel is taken in TLS and in clear, whatever the session it is for does, with keys of any length; with a wrong key
// never.
func TestTrap30CancelOverTLS(t *testing.T) {
	eachSecured(t, "", func(t *testing.T, a *authority, p *pooler, server *pgtest.Server) {
		for _, version := range []uint32{version30, version32} {
			conn, err := encrypted(p.Addr, a.trust())
			c := logInOver(t, conn, err, version, "database", openDatabase())
			short := version == version30 || direct() && server.Install.Major < 18
			if n := len(c.secret); short && n != 4 || !short && (n < 32 || n > 256) {
				t.Errorf("protocol %#x: a key of %d bytes", version, n)
			}
			for _, way := range []struct {
				name string
				dial func() (net.Conn, error)
			}{
				{"asked-for", func() (net.Conn, error) { return encrypted(p.Addr, a.trust()) }},
				{"direct", func() (net.Conn, error) { return encryptedAtOnce(p.Addr, a.trust(), postgresql) }},
				{"clear", func() (net.Conn, error) { return net.Dial("tcp", p.Addr) }},
			} {
				if way.name == "direct" && direct() && server.Install.Major < 17 {
					continue
				}
				mark := fmt.Sprintf("'cancel %#x %s'", version, way.name)
				c.say(simple("SELECT pg_sleep(60), " + mark))
				running(t, server, mark, true)
				for i := range c.secret {
					wrong := append([]byte(nil), c.secret...)
					wrong[i] ^= 1
					if i%8 == 0 {
						cancelOver(t, way.dial, c.pid, wrong)
					}
				}
				for _, length := range []int{1, len(c.secret) - 1} {
					cancelOver(t, way.dial, c.pid, c.secret[:length])
				}
				running(t, server, mark, true)
				cancelOver(t, way.dial, c.pid, c.secret)
				mustContain(t, c.hear(1), "57014", "canceling statement due to user request")
			}
			mustContain(t, c.query("SELECT 'in step'"), "in step")
		}
	})
}

// cancelOver sends a CancelRequest over a connection of its own.
func cancelOver(t *testing.T, dial func() (net.Conn, error), pid uint32, secret []byte) {
	t.Helper()
	conn, err := dial()
	if err != nil {
		t.Fatalf("connecting to cancel: %v", err)
	}
	defer conn.Close()
	packet := binary.BigEndian.AppendUint32(nil, uint32(12+len(secret)))
	packet = binary.BigEndian.AppendUint32(packet, 80877102)
	packet = append(binary.BigEndian.AppendUint32(packet, pid), secret...)
	if _, err := conn.Write(packet); err != nil {
		t.Fatalf("sending a cancel: %v", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if said, err := io.ReadAll(conn); os.IsTimeout(err) || len(said) > 0 {
		t.Errorf("a cancel is answered with %q, %v", said, err)
	}
}

// psql sends its cancels in clear, also for a session in TLS; pgx sends them as the session is.
func TestTrap30CancelByPsqlAndPgxOverTLS(t *testing.T) {
	eachSecured(t, "", func(t *testing.T, a *authority, p *pooler, server *pgtest.Server) {
		for _, l := range libpqs(t) {
			conninfo := "sslmode=require dbname=" + openDatabase()
			if l.major >= 18 {
				conninfo += " max_protocol_version=3.2"
			}
			mark := "'cancelled by psql with " + l.name + "'"
			psql := l.command(t, p.Addr, conninfo, "-c", "SELECT pg_sleep(60), "+mark)
			var out logBuffer
			psql.Stdout, psql.Stderr = &out, &out
			if err := psql.Start(); err != nil {
				t.Fatal(err)
			}
			running(t, server, mark, true)
			_ = psql.Process.Signal(syscall.SIGINT)
			_ = psql.Wait()
			if !strings.Contains(out.String(), "canceling statement due to user request") {
				t.Errorf("%s and Ctrl-C: %s", l.name, out.String())
			}
		}
		for _, version := range []string{"3.0", "3.2"} {
			config, err := pgx.ParseConfig(fmt.Sprintf("postgres://app@localhost:%s/%s?sslmode=verify-full&sslrootcert=%s&max_protocol_version=%s",
				portOf(p.Addr), openDatabase(), a.CA, version))
			if err != nil {
				t.Fatal(err)
			}
			config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
				return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: patience}
			}
			conn, err := pgx.ConnectConfig(within(t), config)
			if err != nil {
				t.Fatalf("pgx, protocol %s: %v", version, err)
			}
			defer conn.Close(within(t))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := conn.Exec(ctx, "SELECT pg_sleep(60), 'by pgx over TLS "+version+"'")
				ended <- err
			}()
			running(t, server, "by pgx over TLS "+version+"'", true)
			cancel()
			err = <-ended
			var refusal *pgconn.PgError
			if !errors.As(err, &refusal) || refusal.Code != "57014" {
				t.Errorf("pgx, protocol %s: %v, want 57014", version, err)
			}
			var one int
			if err := conn.QueryRow(within(t), "SELECT 1").Scan(&one); err != nil {
				t.Errorf("pgx, protocol %s: the connection after its cancel: %v", version, err)
			}
		}
	})
}

// A certificate says who somebody is: its common name, or the users that cert_user maps it to. Postgres's cert method
// with such a map does the same.
func TestClientCertificatesNameUsers(t *testing.T) {
	a, foreign := newAuthority(t), newAuthority(t)
	rows := []struct {
		shows identity
		name  string
		user  string
		want  string
	}{
		{a.client("app"), "app", "app", overTLS},
		{a.client("app"), "app", "other", refused},
		{a.client("worker"), "worker", "app", overTLS},
		{a.client("worker"), "worker", "other", overTLS},
		{a.client("stranger"), "stranger", "app", refused},
		{foreign.client("app"), "app of another authority", "app", refused},
		{identity{}, "nobody", "app", refused},
	}
	check := func(t *testing.T, addr, database string) {
		for _, l := range libpqs(t) {
			for _, r := range rows {
				conninfo := fmt.Sprintf("dbname=%s user=%s sslmode=verify-full sslrootcert=%s", database, r.user, a.CA)
				if r.shows.Key != "" {
					conninfo += " sslcert=" + r.shows.Certificate + " sslkey=" + r.shows.Key
				}
				if outcome, said := l.visit(t, addr, conninfo); outcome != r.want {
					t.Errorf("%s: certificate of %s, user %s: %s, want %s\n%s", l.name, r.name, r.user, outcome, r.want, said)
				}
			}
		}
	}
	t.Run("postgres", func(t *testing.T) {
		server := a.postgres()
		ident := filepath.Join(server.SocketDir, "data", "pg_ident.conf")
		if err := os.WriteFile(ident, []byte("names app app\nnames worker app\nnames worker other\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := server.Exec(within(t), "postgres", "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the map is read", func() error {
			outcome, said := newest(t).visit(t, server.Addr(), fmt.Sprintf("dbname=cert sslmode=require sslcert=%s sslkey=%s",
				rows[0].shows.Certificate, rows[0].shows.Key))
			if outcome != overTLS {
				return errors.New(said)
			}
			return nil
		})
		check(t, server.Addr(), "cert")
	})
	if direct() {
		return
	}
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		s := a.settings("verify-ca")
		s.Auth = "method cert\ncert_user worker app other\nuser app secret\nuser other secret"
		check(t, startPooler(t, driver, server, s).Addr, "app")
	})
}

// Caddy's layer4 can take TLS off before us: then there is no SSLRequest, and what comes is what a session in clear is.
func TestDecryptedByLayer4(t *testing.T) {
	a := newAuthority(t)
	id := a.server()
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no layer4 without Caddy")
		}
		p := startPooler(t, driver, server, settings{
			Pool: "pool_size 2", Auth: "method scram-sha-256\nuser app secret", Certificate: &id,
			Before: "tls {\nconnection_policy {\nalpn " + postgresql + "\n}\n}",
		})
		if l := newest(t); l.major >= 17 {
			for conninfo, want := range map[string]string{
				"sslnegotiation=direct sslmode=verify-full":                         overTLS,
				"sslnegotiation=direct sslmode=verify-full channel_binding=require": refused, // it was not we who shook hands
				"sslmode=disable": refused,
			} {
				if outcome, said := l.visit(t, p.Addr, conninfo+" sslrootcert="+a.CA); outcome != want {
					t.Errorf("%s, %s: %s, want %s\n%s", l.name, conninfo, outcome, want, said)
				}
			}
		}
		dsn := fmt.Sprintf("postgres://app:secret@localhost:%s/app?sslmode=verify-full&sslnegotiation=direct&sslrootcert=%s",
			portOf(p.Addr), a.CA)
		conn, err := pgx.Connect(within(t), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(within(t))
		for i := range 100 {
			var n int
			var text string
			if err := conn.QueryRow(within(t), "SELECT $1::int, repeat('x', $1)", i*1000).Scan(&n, &text); err != nil || len(text) != i*1000 {
				t.Fatalf("query %d: %d bytes, %v", i, len(text), err)
			}
		}
	})
}
