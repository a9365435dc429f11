//go:build e2e

package e2e

import (
	"context"
	"crypto/md5"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Every method of `auth` with every kind of secret that it takes, and with one that it does not.
func TestMethodsAndSecrets(t *testing.T) {
	server := postgres(t, versions()[0])
	var verifier string
	conn, err := server.Super(within(t), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(within(t), "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").Scan(&verifier); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"password": "secret", "verifier": verifier, "md5": fmt.Sprintf("md5%x", md5.Sum([]byte("secretapp"))),
	}
	for _, driver := range drivers()[:1] {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("methods of ours")
			}
			for _, c := range []struct {
				method, secret string
				lets           bool
			}{
				{"scram-sha-256", "password", true}, {"scram-sha-256", "verifier", true}, {"scram-sha-256", "md5", false},
				{"md5", "password", true}, {"md5", "verifier", true}, {"md5", "md5", true},
				{"plain", "password", true}, {"plain", "verifier", true}, {"plain", "md5", true},
			} {
				file := filepath.Join(t.TempDir(), "users.txt")
				if err := os.WriteFile(file, []byte(`"app" "`+secrets[c.secret]+`"`), 0o600); err != nil {
					t.Fatal(err)
				}
				p := startPooler(t, driver, server, settings{Auth: "method " + c.method + "\nusers_file " + file})
				if err := canLogIn(t, p.dsn("app")); (err == nil) != c.lets {
					t.Errorf("%s with a %s: %v", c.method, c.secret, err)
				}
				if err := canLogIn(t, pgtest.DSN(p.Addr, "app", "wrong", "app")); err == nil || !strings.Contains(err.Error(), "28P01") {
					t.Errorf("%s with a %s, a wrong password: %v", c.method, c.secret, err)
				}
				// A file that changes is read again.
				if err := os.WriteFile(file, []byte(`"app" "another"`), 0o600); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the new secret counts", func() error {
					return canLogIn(t, pgtest.DSN(p.Addr, "app", "another", "app"))
				})
				p.stop()
			}
		})
	}
}

// A flood of connections that say nothing takes no turns: others log in and cancel meanwhile. Who begins to log in and
// does not go on is told when his time is over.
func TestTrap36ConnectionsThatSayNothing(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("Postgres has a process for each")
		}
		p := startPooler(t, driver, server, settings{Global: "client_login_timeout 20s", Auth: "user app secret"})
		var silent []net.Conn
		for range 1500 {
			conn, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			silent = append(silent, conn)
		}
		began := time.Now()
		if err := canLogIn(t, p.dsn("app")); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("an honest client took %v", took)
		}
		slow, err := dial(t, p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := slow.conn.Write(startup(3<<16, "user", "app", "database", "app")); err != nil {
			t.Fatal(err)
		}
		mustContain(t, slow.hearAnyEnd(), "FATAL", "57014", "client_login_timeout is 20s")
		_ = silent[0].SetReadDeadline(time.Now().Add(patience))
		if n, err := silent[0].Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
			t.Errorf("a connection that says nothing: %d bytes, %v; want an end", n, err)
		}
	})
}

// An upstream that accepts and says nothing costs server_connect_timeout, and its waiters are told why.
func TestServerConnectTimeout(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no upstream without the pooler")
		}
		p := startPooler(t, driver, server, settings{
			Upstreams: []string{mute.Addr().String()},
			Pool:      "server_connect_timeout 300ms\nserver_login_retry 200ms\nquery_wait_timeout 4s",
		})
		began := time.Now()
		_, err := tryConnect(t, p.Addr)
		if err == nil || !strings.Contains(err.Error(), "08006") || !strings.Contains(err.Error(), "server_connect_timeout") {
			t.Errorf("told %v, want 08006 and server_connect_timeout", err)
		}
		if took := time.Since(began); took < 3900*time.Millisecond || took > 15*time.Second {
			t.Errorf("told after %v, want query_wait_timeout", took)
		}
		// 300 ms, a pause of 200 to 250, 300, 400 to 500, 300, 800 to 1000, 300, …: four dials, or five.
		if n := strings.Count(p.out.String(), "connecting to Postgres failed"); n < 2 || n > 5 {
			t.Errorf("%d dials in 4 s", n)
		}
	})
}
