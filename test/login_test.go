//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// canLogIn tries a connection and a query.
func canLogIn(t *testing.T, dsn string) error {
	conn, err := pgx.Connect(within(t), dsn)
	if err != nil {
		return err
	}
	defer conn.Close(within(t))
	var n int
	return conn.QueryRow(within(t), "SELECT 1").Scan(&n)
}

func TestLoginByScramOnBothSides(t *testing.T) {
	for _, method := range []string{"scram-sha-256", "md5", "password", "trust"} {
		server := pgtest.Start(t, pgtest.Options{
			Auth:               method,
			Roles:              []pgtest.Role{{Name: "app", Password: "secret"}},
			Databases:          []string{"app"},
			PasswordEncryption: map[bool]string{true: "md5", false: "scram-sha-256"}[method == "md5"],
		})
		for _, driver := range someDrivers(t, 0) {
			t.Run(method+"/"+driver, func(t *testing.T) {
				p := startPooler(t, driver, server, settings{Auth: "method scram-sha-256\nuser app {env.PGMUX_TEST_PASSWORD}"})
				if err := canLogIn(t, p.dsn("app")); err != nil {
					t.Fatal(err)
				}
				if direct() && method == "trust" {
					return
				}
				for name, dsn := range map[string]string{
					"a wrong password": pgtest.DSN(p.Addr, "app", "wrong", "app"),
					"a wrong user":     pgtest.DSN(p.Addr, "nobody", "secret", "app"),
				} {
					if err := canLogIn(t, dsn); err == nil || !strings.Contains(err.Error(), "28P01") {
						t.Errorf("%s: got %v, want 28P01", name, err)
					}
				}
			})
		}
	}
}

func TestLoginFromUsersFile(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{
		Roles:     []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "plain", Password: "secret"}},
		Databases: []string{"app"},
	})
	ctx := within(t)
	conn, err := server.Super(ctx, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var verifier string
	if err := conn.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").Scan(&verifier); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "userlist.txt")
	text := fmt.Sprintf("; as PgBouncer has it\n\"app\" \"%s\"\n\"plain\" \"se\"\"cret\"\n", verifier)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			if direct() {
				t.Skip("no users_file without the pooler")
			}
			p := startPooler(t, driver, server, settings{Auth: "method scram-sha-256\nusers_file " + file})
			if err := canLogIn(t, p.dsn("app")); err != nil {
				t.Errorf("by a SCRAM verifier: %v", err)
			}
			if err := canLogIn(t, pgtest.DSN(p.Addr, "plain", `se"cret`, "app")); err != nil {
				t.Errorf("by a plain password: %v", err)
			}
			if err := canLogIn(t, pgtest.DSN(p.Addr, "plain", "secret", "app")); err == nil {
				t.Error("a wrong password was taken")
			}
		})
	}
}

// startup is a StartupMessage of any version.
func startup(version uint32, params ...string) []byte {
	body := binary.BigEndian.AppendUint32(nil, version)
	for _, p := range params {
		body = append(append(body, p...), 0)
	}
	body = append(body, 0)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

// hearLogin sends raw bytes and hears until the login is over, well or not.
func hearLogin(t *testing.T, addr string, packet []byte) []string {
	t.Helper()
	c, err := dial(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	return c.hearAnyEnd()
}

func TestTrap32ProtocolVersionsAreNegotiatedAsPostgresDoes(t *testing.T) {
	const v30, v32, v39999 = 3 << 16, 3<<16 | 2, 3<<16 | 9999
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{})
		for _, s := range []struct {
			name   string
			packet []byte
			told   int
		}{
			{"3.0", startup(v30, "user", "app", "database", "app"), 0},
			{"3.9999", startup(v39999, "user", "app", "database", "app"), 1},
			{"an option", startup(v30, "user", "app", "database", "app", "_pq_.unheard", "of"), 1},
			{"3.9999 and options", startup(v39999, "user", "app", "database", "app", "_pq_.a", "1", "_pq_.b", "2"), 1},
		} {
			heard := hearLogin(t, p.Addr, s.packet)
			told := 0
			for _, l := range heard {
				if strings.Contains(l, "NegotiateProtocolVersion") {
					told++
				}
			}
			if told != s.told || !contains(heard, "ReadyForQuery") {
				t.Errorf("%s: %d NegotiateProtocolVersion, want %d, and ReadyForQuery:\n%s", s.name, told, s.told,
					strings.Join(heard, "\n"))
			}
			for _, option := range []string{"_pq_.a", "_pq_.b", "_pq_.unheard"} {
				if strings.Contains(string(s.packet), option) {
					mustContain(t, heard, "NegotiateProtocolVersion", option)
				}
			}
		}
		mustContain(t, hearLogin(t, p.Addr, startup(v32, "user", "app", "database", "app")), "ReadyForQuery")
		mustNotContain(t, hearLogin(t, p.Addr, startup(2<<16, "user", "app", "database", "app")), "ReadyForQuery")
		mustNotContain(t, hearLogin(t, p.Addr, startup(4<<16, "user", "app", "database", "app")), "ReadyForQuery")
	})
}

func TestTrap33StartupSettingsAreAppliedOrRefused(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		plain := connect(t, p.Addr)
		set := connect(t, p.Addr, "application_name", "trap 33", "DateStyle", "German", "options",
			`-c extra_float_digits=0 -c search_path=a,\ public --TimeZone=Asia/Tokyo`)
		for range 2 {
			for name, want := range map[string]string{"application_name": "trap 33", "DateStyle": "German, DMY",
				"extra_float_digits": "0", "search_path": "a, public", "TimeZone": "Asia/Tokyo"} {
				if got := set.value("SHOW " + name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			// The same server serves one that asked for nothing.
			for name, want := range map[string]string{"application_name": "", "DateStyle": "ISO, MDY", "TimeZone": "UTC",
				"search_path": `"$user", public`} {
				if got := plain.value("SHOW " + name); got != want {
					t.Errorf("with another's settings: %s is %q, want %q", name, got, want)
				}
			}
		}
		if c, err := tryConnect(t, p.Addr, "options", "-c nosuch_setting=1"); err == nil {
			mustContain(t, c.query("SELECT 1"), "ErrorResponse")
		}
	})
}

func TestTrap36MalformedStartupsAreBounded(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Global: "client_login_timeout 2s"})
		for name, packet := range map[string][]byte{
			"length 0":          {0, 0, 0, 0, 0, 3, 0, 0},
			"length 2 GiB":      {0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0},
			"negative length":   {0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0},
			"no terminator":     {0, 0, 0, 13, 0, 3, 0, 0, 'u', 's', 'e', 'r', 'x'},
			"no user":           startup(3 << 16),
			"name, no value":    {0, 0, 0, 14, 0, 3, 0, 0, 'u', 's', 'e', 'r', 0, 0},
			"short cancel":      {0, 0, 0, 12, 4, 210, 22, 46, 0, 0, 0, 1},
			"an HTTP request":   []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
			"startup of 64 KiB": startup(3<<16, "user", "app", "database", "app", "application_name", strings.Repeat("x", 64<<10)),
		} {
			conn, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Write(packet)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if answer, err := io.ReadAll(conn); err != nil && os.IsTimeout(err) {
				t.Errorf("%s: not ended, said %q", name, answer)
			}
			conn.Close()
		}
		if direct() {
			return
		}
		// One that dribbles is ended by the login timeout.
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		for _, b := range startup(3<<16, "user", "app", "database", "app", "application_name", strings.Repeat("x", 1000)) {
			if _, err := conn.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, _ = io.ReadAll(conn)
		if took := time.Since(began); took > 40*time.Second {
			t.Errorf("a dribbled startup lived %v", took)
		}
		eventually(t, "others are served", func() error {
			c, err := tryConnect(t, p.Addr)
			if err == nil {
				mustContain(t, c.query("SELECT 'unharmed'"), "unharmed")
			}
			return err
		})
	})
}

func TestSSLAndGSSRequestsAreDeclined(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("Postgres may have GSS")
		}
		p := startPooler(t, driver, server, settings{})
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		for _, code := range []uint32{80877104, 80877103} { // GSSENCRequest, SSLRequest
			packet := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, code)
			if _, err := conn.Write(packet); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 1)
			if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
				t.Fatalf("request %d: %q, %v, want N", code, answer, err)
			}
		}
		if _, err := conn.Write(startup(3<<16, "user", "app", "database", "app")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 9)); err != nil {
			t.Errorf("the startup after both: %v", err)
		}
	})
}

func TestUnknownDatabaseIsRefused(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{})
		c, err := tryConnect(t, p.Addr, "database", "nosuch")
		if err == nil {
			mustContain(t, c.query("SELECT 1"), "3D000")
		} else if !strings.Contains(err.Error(), "3D000") {
			t.Errorf("got %v, want 3D000", err)
		}
		mustContain(t, connect(t, p.Addr).query("SELECT 'others are served'"), "others are served")
	})
}
