package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// pgxOptions is how the tests are run.
type pgxOptions struct {
	version           int
	caddy, driver     string
	poolSize          int
	packages, pattern string
	allowed           int
}

const (
	pgxUser     = "pgx_scram"
	pgxPassword = "secret"
	pgxDatabase = "pgx_test"
	// pgxTimeout ends a package's tests that hang.
	pgxTimeout = 4 * time.Minute
)

// runOn runs the tests on Postgres itself or through a pool in some mode, and keeps what they print in a file.
func (o pgxOptions) runOn(ctx context.Context, target, source, output string) (r pgxResults, err error) {
	var u undo
	defer func() {
		if undoing := u.all(); err == nil && undoing != nil {
			err = undoing
		}
	}()
	server, err := o.server(ctx)
	if err != nil {
		return pgxResults{}, err
	}
	u.add(server.Close)
	addr := server.Addr()
	var pooler *caddyProcess
	if target != "direct" {
		if addr, pooler, err = o.pooler(ctx, target, server, &u); err != nil {
			return pgxResults{}, err
		}
	}
	if err := o.test(ctx, source, addr, output); err != nil {
		return pgxResults{}, err
	}
	if pooler != nil {
		if err := pooler.complaints(); err != nil {
			return pgxResults{}, err
		}
	}
	return readPgxResults(target, output)
}

// server is a Postgres as pgx's instructions want it: the roles that its tests name, two extensions and a domain.
func (o pgxOptions) server(ctx context.Context) (*pgtest.Server, error) {
	roles := []pgtest.Role{
		{Name: pgxUser, Password: pgxPassword, Superuser: true},
		{Name: ` tricky, ' } " \ test user `, Password: pgxPassword, Superuser: true},
	}
	server, err := pgtest.Launch(ctx, pgtest.Options{
		Version:   o.version,
		Auth:      "scram-sha-256",
		Roles:     roles,
		Databases: []string{pgxDatabase},
	})
	if err != nil {
		return nil, err
	}
	err = server.Exec(ctx, pgxDatabase, "CREATE EXTENSION hstore", "CREATE EXTENSION ltree",
		"CREATE DOMAIN uint64 AS numeric(20,0)")
	if err != nil {
		server.Close()
		return nil, fmt.Errorf("preparing Postgres for pgx: %w", err)
	}
	return server, nil
}

// pooler starts Caddy in front of the server. Clients log in to it as they do to Postgres.
func (o pgxOptions) pooler(ctx context.Context, mode string, server *pgtest.Server, u *undo) (string, *caddyProcess, error) {
	home, err := os.MkdirTemp("", "pgmux-pgx-")
	if err != nil {
		return "", nil, fmt.Errorf("making a directory for Caddy: %w", err)
	}
	u.add(func() error { return os.RemoveAll(home) })
	port, err := pgtest.FreePort()
	if err != nil {
		return "", nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	config := filepath.Join(home, "Caddyfile")
	text := fmt.Sprintf(pgxCaddyfile, o.driver, server.Addr(), mode, o.poolSize, pgxUser, pgxPassword, addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", nil, fmt.Errorf("writing the Caddyfile: %w", err)
	}
	c, err := startCaddy(o.caddy, config, home)
	if err != nil {
		return "", nil, err
	}
	u.add(c.stop)
	p := playground{Pooler: addr, User: pgxUser, Password: pgxPassword, Database: pgxDatabase}
	return addr, c, p.awaitReady(ctx, c)
}

const pgxCaddyfile = `{
	admin off
	persist_config off
	postgres {
		io_driver %s
		drain_timeout 1s
		pool pgx {
			upstream %s
			pool_mode %s
			pool_size %d
			auth {
				method scram-sha-256
				user %s %s
			}
		}
	}
	layer4 {
		%s {
			route {
				postgres_pool pgx
			}
		}
	}
}
`

// test runs `go test`. Tests that fail are no error: what they print tells of them.
func (o pgxOptions) test(ctx context.Context, source, addr, output string) error {
	file, err := os.Create(output)
	if err != nil {
		return fmt.Errorf("opening a file for results: %w", err)
	}
	defer file.Close()
	args := []string{"test", "-json", "-count=1", "-timeout", pgxTimeout.String()}
	if o.pattern != "" {
		args = append(args, "-run", o.pattern)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, strings.Fields(o.packages)...)...)
	cmd.Dir = source
	cmd.Env = append(pgxEnvironment(os.Environ()), pgxConnections(addr)...)
	cmd.Stdout = file
	var problems strings.Builder
	cmd.Stderr = &problems
	err = cmd.Run()
	if _, failed := err.(*exec.ExitError); err != nil && (!failed || problems.Len() > 0 || ctx.Err() != nil) {
		return fmt.Errorf("running go test: %w: %s", err, problems.String())
	}
	return nil
}

// pgxEnvironment is the environment less what Postgres's clients and the tests take from it.
func pgxEnvironment(environment []string) (rest []string) {
	for _, v := range environment {
		if !strings.HasPrefix(v, "PG") {
			rest = append(rest, v)
		}
	}
	return rest
}

// pgxConnections are the connection strings of the tests that are the same for Postgres and for a pooler, which has one
// method of authentication for all. Tests of the others skip themselves, also directly.
func pgxConnections(addr string) []string {
	host, port, _ := net.SplitHostPort(addr)
	words := fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable", host, port, pgxUser, pgxPassword,
		pgxDatabase)
	return []string{
		"PGX_TEST_DATABASE=" + words,
		"PGX_TEST_TCP_CONN_STRING=" + words,
		"PGX_TEST_SCRAM_PASSWORD_CONN_STRING=" + words,
		"PGX_TEST_PGBOUNCER_CONN_STRING=" + words,
	}
}
