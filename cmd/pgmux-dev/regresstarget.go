package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// regressDatabase and regressUser are whom the suite runs as: it needs a superuser.
const (
	regressDatabase = "regression"
	regressUser     = "postgres"
)

// startPostgres starts a server as the suite is used to: with the settings that pg_regress gives a server of its own, and
// with the defaults of Postgres where ours for tests could change a plan. The database and its settings are as
// pg_regress makes them.
func (r regression) startPostgres(ctx context.Context) (*pgtest.Server, error) {
	server, err := pgtest.Launch(ctx, pgtest.Options{
		Version:        r.suite.install.Major,
		MaxConnections: 200,
		Settings: map[string]string{
			"max_prepared_transactions": "2",
			"autovacuum":                "on",
			"shared_buffers":            "128MB",
			"synchronous_commit":        "on",
			"wal_level":                 "replica",
			"max_wal_senders":           "10",
		},
	})
	if err != nil {
		return nil, err
	}
	statements := []string{
		"CREATE DATABASE " + regressDatabase + " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
	}
	for _, set := range [][2]string{
		{"lc_messages", "C"}, {"lc_monetary", "C"}, {"lc_numeric", "C"}, {"lc_time", "C"},
		{"bytea_output", "hex"}, {"timezone_abbreviations", "Default"},
	} {
		statements = append(statements, fmt.Sprintf("ALTER DATABASE %s SET %s TO '%s'", regressDatabase, set[0], set[1]))
	}
	if err := server.Exec(ctx, "postgres", statements...); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

// serve returns where clients of a target connect: at the server itself, or at a Caddy in front of it, which it starts.
func (r regression) serve(ctx context.Context, target string, server *pgtest.Server, u *undo) (string, *caddyProcess, error) {
	if target == "direct" {
		return server.Addr(), nil, nil
	}
	p := playground{User: regressUser, Database: regressDatabase}
	if err := p.makeHome(u); err != nil {
		return "", nil, err
	}
	for _, addr := range []*string{&p.Pooler, &p.Admin} {
		port, err := pgtest.FreePort()
		if err != nil {
			return "", nil, err
		}
		*addr = net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	}
	config := filepath.Join(p.Home, "Caddyfile")
	if err := os.WriteFile(config, []byte(r.caddyfile(target, p, server.Addr())), 0o600); err != nil {
		return "", nil, fmt.Errorf("writing the Caddyfile: %w", err)
	}
	c, err := startCaddy(r.caddy, config, p.Home)
	if err != nil {
		return "", nil, err
	}
	u.add(c.stop)
	return p.Pooler, c, p.awaitReady(ctx, c)
}

// caddyfile is one pool in a mode.
func (r regression) caddyfile(mode string, p playground, upstream string) string {
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	postgres {
		pool app {
			upstream %s
			pool_mode %s
			pool_size %d
			idle_server_order %s
			auth {
				method trust
			}
		}
	}
	layer4 {
		%s {
			route {
				postgres_pool app
			}
		}
	}
}
`, p.Admin, upstream, mode, r.poolSize, r.order, p.Pooler)
}

// bug is what the engine says in Caddy's log of a bug that it has found in itself; nil if nothing.
func (c *caddyProcess) bug() error {
	if c == nil {
		return nil
	}
	text, err := os.ReadFile(c.logPath)
	if err != nil {
		return fmt.Errorf("reading Caddy's log: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "bug: ") || strings.Contains(line, "panic: ") {
			return fmt.Errorf("in Caddy's log: %s", strings.TrimSpace(line))
		}
	}
	return nil
}
