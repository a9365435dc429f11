package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// A real Postgres, started by the first test that asks for it and stopped after the last. It does not run as root,
// so tests that do start it as the user postgres or nobody.

func TestMain(m *testing.M) {
	authConnectTimeout, questionTimeout = 8*time.Second, 40*time.Second // the machine may be busy with others for seconds
	code := m.Run()
	if realPostgres.stop != nil {
		realPostgres.stop()
	}
	for _, p := range tlsServers {
		p.Close()
	}
	os.Exit(code)
}

type postgres struct {
	port, socketDir string
	stop            func()
	startErr        error
	once            sync.Once
}

var realPostgres postgres

// TCP and Unix addresses as an upstream line has them.
func (p *postgres) tcp() string  { return net.JoinHostPort("127.0.0.1", p.port) }
func (p *postgres) unix() string { return "unix/" + p.socketDir + ":" + p.port }

// pgRoles is a role per authentication method; each has the password "secret of <role>".
const pgRoles = `
	SET password_encryption = 'scram-sha-256';
	CREATE ROLE by_scram LOGIN PASSWORD 'secret of by_scram';
	CREATE ROLE by_plain LOGIN PASSWORD 'secret of by_plain';
	CREATE ROLE by_trust LOGIN;
	SET password_encryption = 'md5';
	CREATE ROLE by_md5 LOGIN PASSWORD 'secret of by_md5';
	CREATE DATABASE closed ALLOW_CONNECTIONS false;
	CREATE DATABASE private; REVOKE CONNECT ON DATABASE private FROM PUBLIC`

const pgHBA = `
local all all trust
host all by_scram 127.0.0.1/32 scram-sha-256
host all unknown 127.0.0.1/32 scram-sha-256
host all by_md5 127.0.0.1/32 md5
host all by_plain 127.0.0.1/32 password
host all rejected 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
`

func needPostgres(t testing.TB) *postgres {
	t.Helper()
	realPostgres.once.Do(func() { realPostgres.startErr = realPostgres.start() })
	if realPostgres.startErr != nil {
		t.Fatalf("this test needs a Postgres server (apt-get install postgresql): %v", realPostgres.startErr)
	}
	return &realPostgres
}

func (p *postgres) start() error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "login-test-")
	if err != nil {
		return err
	}
	p.stop = func() { os.RemoveAll(dir) }
	as, err := unprivileged(dir)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(pgHBA), 0o644); err != nil {
		return err
	}
	port, err := pgtest.FreePort()
	if err != nil {
		return err
	}
	p.port, p.socketDir = strconv.Itoa(port), dir
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", p.port, "-h", "127.0.0.1", "-k", dir,
		"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "log_min_messages=fatal")
	var log bytes.Buffer
	server.Stdout, server.Stderr, server.Dir = &log, &log, dir
	server.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
	exited, err := startOnOwnThread(server)
	if err != nil {
		return err
	}
	p.stop = func() {
		server.Process.Signal(syscall.SIGQUIT)
		<-exited
		os.RemoveAll(dir)
	}
	return p.prepare(exited, &log)
}

// startOnOwnThread keeps the thread that the parent-death signal is bound to.
func startOnOwnThread(cmd *exec.Cmd) (exited chan struct{}, err error) {
	exited = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(exited)
	}()
	return exited, <-started
}

// prepare waits for the server and makes the roles.
func (p *postgres) prepare(exited chan struct{}, log *bytes.Buffer) error {
	for deadline := time.Now().Add(generous); ; {
		ctx, cancel := context.WithTimeout(context.Background(), generous)
		conn, err := pgconn.Connect(ctx, p.dsn("postgres"))
		if err == nil {
			defer cancel()
			defer conn.Close(ctx)
			for statement := range bytes.SplitSeq([]byte(pgRoles), []byte(";")) {
				if _, err := conn.Exec(ctx, string(statement)).ReadAll(); err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
			}
			return nil
		}
		cancel()
		select {
		case <-exited:
			return fmt.Errorf("postgres ended: %s", log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func (p *postgres) dsn(role string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%s user=%s database=postgres sslmode=disable", p.port, role)
}

// exec runs SQL as the superuser and returns the first value of the last row.
func (p *postgres) exec(t testing.TB, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	defer cancel()
	conn, err := pgconn.Connect(ctx, p.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	value := ""
	for _, r := range results {
		for _, row := range r.Rows {
			value = string(row[0])
		}
	}
	return value
}

func postgresBin() (string, error) {
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		return dir, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("no postgres in PG_BINDIR, /usr/lib/postgresql or PATH")
	}
	return filepath.Dir(path), nil
}

// unprivileged gives dir to a user that Postgres may run as; nil if we are one ourselves.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

func freePort(t testing.TB) string {
	t.Helper()
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}
