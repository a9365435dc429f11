//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// iniFile is what PgBouncer, as old as 1.18, and we are given: where Postgres is, where to listen, auth_type, and the directory of the files.
const iniFile = `; the pooler of a test
[databases]
app = host=%[1]s port=%[2]s
nick = host=%[1]s port=%[2]s dbname=app
forced = host=%[1]s port=%[2]s dbname=app user=app
archive = host=%[1]s port=%[2]s dbname='the archive' pool_size=1 pool_mode=session
* = host=%[1]s port=%[2]s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[3]s
unix_socket_dir = %[5]s
auth_type = %[4]s
auth_file = %[5]s/userlist.txt
admin_users = app
pool_mode = transaction
max_client_conn = 50
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
`

// TestThePgBouncerFileServesAsInPgBouncer runs one file here, and in PgBouncer if there is one, and says the same to both.
func TestThePgBouncerFileServesAsInPgBouncer(t *testing.T) {
	if direct() {
		t.Skip("Postgres reads no such files")
	}
	for _, method := range []string{"md5", "scram-sha-256"} {
		t.Run(method, func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{
				Version: versions()[0], Auth: method, PasswordEncryption: method,
				Roles:     []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "other", Password: "it's \"{secret}\""}},
				Databases: []string{"app", "the archive", "more"},
			})
			theirs := saidByPgBouncer(t, server, method)
			p := startAdapted(t, "pgbouncer", func(addr string) string { return writeINI(t, server, addr, method) })
			ours := saidTo(t, p.Addr)
			t.Logf("answers:\n%s", ours)
			if !strings.Contains(ours, "app@nick: app app 42") {
				t.Error("the alias does not work")
			}
			if theirs != "" && ours != theirs {
				t.Errorf("PgBouncer answers\n%s", theirs)
			}
			sameBySocket(t, p)
		})
	}
}

// writeINI writes the file and its users, and returns its path.
func writeINI(t *testing.T, server *pgtest.Server, addr, method string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgb") // a short name: sockets have at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host, port, _ := net.SplitHostPort(server.Addr())
	_, listen, _ := net.SplitHostPort(addr)
	for name, text := range map[string]string{
		"userlist.txt":  "\"app\" \"secret\"\n\"other\" \"it's \"\"{secret}\"\"\"\n",
		"pgbouncer.ini": fmt.Sprintf(iniFile, host, port, listen, method, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil { // PgBouncer is somebody else
		t.Fatal(err)
	}
	return filepath.Join(dir, "pgbouncer.ini")
}

// startAdapted starts Caddy with a file that an adapter reads.
func startAdapted(t *testing.T, adapter string, write func(addr string) (path string)) *pooler {
	t.Helper()
	p := &pooler{t: t, Addr: freeAddr(t), Admin: freeAddr(t), driver: "auto", dir: t.TempDir(), out: &logBuffer{}}
	t.Setenv("CADDY_ADMIN", p.Admin)
	p.config = []string{"--config", write(p.Addr), "--adapter", adapter}
	p.run()
	t.Cleanup(p.finish)
	p.awaitListening()
	return p
}

// saidTo is what who logs in where is answered, a line for each.
func saidTo(t *testing.T, addr string) string {
	t.Helper()
	var b strings.Builder
	for _, who := range []struct{ user, password, database string }{
		{"app", "secret", "app"}, {"app", "secret", "nick"}, {"other", `it's "{secret}"`, "nick"}, {"other", `it's "{secret}"`, "forced"},
		{"app", "secret", "archive"}, {"app", "secret", "more"}, {"app", "wrong", "app"}, {"nobody", "secret", "app"},
	} {
		fmt.Fprintf(&b, "%s@%s: %s\n", who.user, who.database, saidAs(t, pgtest.DSN(addr, who.user, who.password, who.database)))
	}
	return b.String()
}

// saidAs is the database and the user that a client finds itself to be, and the answer to everything; or the SQLSTATE.
func saidAs(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgx.Connect(within(t), dsn)
	if err == nil {
		defer conn.Close(within(t))
		var database, user string
		var n int
		if err = conn.QueryRow(within(t), "SELECT current_database(), current_user, $1::int * 7", pgx.QueryExecModeExec, 6).Scan(&database, &user, &n); err == nil {
			return fmt.Sprintf("%s %s %d", database, user, n)
		}
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return err.Error()
}

// saidByPgBouncer is what PgBouncer answers with the same file; empty: there is none.
func saidByPgBouncer(t *testing.T, server *pgtest.Server, method string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Log("there is no PgBouncer to compare with")
		return ""
	}
	addr := freeAddr(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := exec.CommandContext(ctx, program, writeINI(t, server, addr, method))
	out := &logBuffer{}
	c.Stdout, c.Stderr = out, out
	if os.Geteuid() == 0 { // which it refuses
		const nobody = 65534
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stop(); _ = c.Wait() }()
	eventually(t, "PgBouncer listens", func() error {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
	said := saidTo(t, addr)
	if t.Failed() {
		t.Log(out.String())
	}
	return strings.ReplaceAll(said, "08P01", "28P01") // which was its one SQLSTATE for everything
}

// sameBySocket: the file's unix_socket_dir has a socket too.
func sameBySocket(t *testing.T, p *pooler) {
	t.Helper()
	_, port, _ := net.SplitHostPort(p.Addr)
	dir := filepath.Dir(p.config[1])
	dsn := fmt.Sprintf("host=%s port=%s user=app password=secret dbname=nick sslmode=disable", dir, port)
	if got := saidAs(t, dsn); got != "app app 42" {
		t.Errorf("by the socket: %s", got)
	}
	info, err := os.Stat(filepath.Join(dir, ".s.PGSQL."+port))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o777 {
		t.Errorf("the socket's mode is %v", info.Mode())
	}
}

// askingINI asks Postgres for its users, encrypts, and uses each server once.
const askingINI = `[databases]
* = host=%[1]s port=%[2]s auth_user=asker

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[3]s
unix_socket_dir = %[4]s
auth_type = scram-sha-256
auth_file = %[4]s/userlist.txt
admin_users = asker
auth_query = SELECT name, secret FROM lookup($1)
pool_mode = transaction
server_lifetime = 0
client_tls_sslmode = require
client_tls_cert_file = %[5]s
client_tls_key_file = %[6]s
`

// TestThePgBouncerFileEncryptsAndAsksPostgres, with a function in public and the secret of auth_file.
func TestThePgBouncerFileEncryptsAndAsksPostgres(t *testing.T) {
	if direct() {
		t.Skip("Postgres reads no such files")
	}
	server := pgtest.Start(t, pgtest.Options{
		Version: versions()[len(versions())-1], Auth: "scram-sha-256",
		Roles: []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "asker", Password: "of the asker"}}, Databases: []string{"app"},
	})
	super, err := server.Super(within(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(within(t))
	if _, err := super.Exec(within(t), `CREATE FUNCTION public.lookup(wanted text, OUT name text, OUT secret text) LANGUAGE sql SECURITY DEFINER
		AS 'SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolname = wanted'`); err != nil {
		t.Fatal(err)
	}
	of := newAuthority(t)
	certificate := of.server()
	dir, err := os.MkdirTemp("", "pgb") // a short name, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := startAdapted(t, "pgbouncer", func(addr string) string {
		host, port, _ := net.SplitHostPort(server.Addr())
		_, listen, _ := net.SplitHostPort(addr)
		for name, text := range map[string]string{
			"userlist.txt":  "\"asker\" \"of the asker\"\n",
			"pgbouncer.ini": fmt.Sprintf(askingINI, host, port, listen, dir, certificate.Certificate, certificate.Key),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return filepath.Join(dir, "pgbouncer.ini")
	})
	if got := saidAs(t, p.dsn("app")); got != "28000" {
		t.Errorf("in clear: got %s", got)
	}
	inClearBySocket(t, p, dir)
	if got := saidAs(t, strings.Replace(pgtest.DSN(p.Addr, "app", "wrong", "app"), "disable", "require", 1)); got != "28P01" {
		t.Errorf("with another password: got %s", got)
	}
	dsn := strings.Replace(p.dsn("app"), "sslmode=disable", "sslmode=verify-full&sslrootcert="+of.CA, 1)
	if got := saidAs(t, dsn); got != "app app 42" {
		t.Errorf("encrypted: got %s", got)
	}
	eachServerOnce(t, dsn)
}

// inClearBySocket: client_tls_sslmode is about TCP, for databases and for the console.
func inClearBySocket(t *testing.T, p *pooler, dir string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(p.Addr)
	if got := saidAs(t, fmt.Sprintf("host=%s port=%s user=app password=secret dbname=app sslmode=disable", dir, port)); got != "app app 42" {
		t.Errorf("in clear, by the socket: got %s", got)
	}
	console := fmt.Sprintf("port=%s user=asker password='of the asker' dbname=pgbouncer sslmode=disable host=", port)
	for host, want := range map[string]string{dir: "", "127.0.0.1": "28000"} {
		conn, err := pgconn.Connect(within(t), console+host)
		if err == nil {
			conn.Close(within(t))
		}
		var refused *pgconn.PgError
		if got := errors.As(err, &refused); got != (want != "") || got && refused.Code != want || !got && err != nil {
			t.Errorf("in clear, to the console, by %s: %v", host, err)
		}
	}
}

// eachServerOnce: server_lifetime 0 closes a server after one use.
func eachServerOnce(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(within(t), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(within(t))
	seen := map[int]bool{}
	eventually(t, "a third server answers", func() error {
		var pid int
		if err := conn.QueryRow(within(t), "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil {
			return err
		}
		if seen[pid] = true; len(seen) < 3 {
			return fmt.Errorf("%d servers have answered", len(seen))
		}
		return nil
	})
}

// TestAPoolFileServes: Postgres trusts this machine, and so may who is on it; or the file says a user.
func TestAPoolFileServes(t *testing.T) {
	if direct() {
		t.Skip("Postgres reads no such files")
	}
	for _, test := range []struct{ name, auth, lines, wrong string }{
		{"trusted", "trust", "", "app app 42"},
		{"a user", "scram-sha-256", "user = \"app\"\npassword = \"secret\"\n", "28P01"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{Version: versions()[0], Auth: test.auth,
				Roles: []pgtest.Role{{Name: "app", Password: "secret"}}, Databases: []string{"app"}})
			p := startAdapted(t, "pool-toml", func(addr string) string {
				text := fmt.Sprintf("[pool]\nbackends = [%q]\nbind = %q\nmax_client_connections = 20\nmax_server_connections = 3\nrouting = \"round_robin\"\ncache_ttl_ms = 60000\n",
					server.Addr(), addr) + test.lines
				path := filepath.Join(t.TempDir(), "pool.toml")
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			})
			if got := saidAs(t, p.dsn("app")); got != "app app 42" {
				t.Errorf("got %s", got)
			}
			if got := saidAs(t, pgtest.DSN(p.Addr, "app", "wrong", "app")); got != test.wrong {
				t.Errorf("with another password: got %s, want %s", got, test.wrong)
			}
			var pools []struct {
				MaxSize int `json:"max_size"`
			}
			if err := p.getJSON("/postgres/pools", &pools); err != nil {
				t.Fatal(err)
			}
			if len(pools) != 1 || pools[0].MaxSize != 3 {
				t.Errorf("pools %+v", pools)
			}
		})
	}
}
