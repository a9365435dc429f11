package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// run sets the playground up and keeps it until it is interrupted.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	caddy := flags.String("caddy", "bin/caddy", "the program to run")
	example := flags.String("config", "examples/basic.Caddyfile", "its configuration")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Println("starting a throw-away Postgres: a primary and a streaming replica")
	primary, err := pgtest.Launch(ctx, pgtest.Options{
		Auth:           "scram-sha-256",
		MaxConnections: 50,
		Replication:    true,
		Roles:          []pgtest.Role{{Name: "app", Password: "app"}},
		Databases:      []string{"app"},
	})
	if err != nil {
		return err
	}
	defer primary.Close()
	replica, err := primary.LaunchReplica(ctx)
	if err != nil {
		return err
	}
	defer replica.Close()

	home, err := os.MkdirTemp("", "pgmux-run-")
	if err != nil {
		return fmt.Errorf("making a directory for Caddy: %w", err)
	}
	defer os.RemoveAll(home)
	p := playground{
		Pooler: freeOr("127.0.0.1:6432"), Admin: freeOr("localhost:2019"),
		User: "app", Password: "app", Database: "app", PrimarySocket: primary.SuperDSN("app"),
	}
	config, err := p.configure(*example, home)
	if err != nil {
		return err
	}
	fmt.Println("starting Caddy with", *example)
	c, err := startCaddy(*caddy, config, home, "PGMUX_UPSTREAM="+primary.Addr(), "PGMUX_PASSWORD="+p.Password)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := p.awaitReady(ctx, c); err != nil {
		return err
	}
	remove, err := p.save()
	if err != nil {
		return err
	}
	defer remove()
	p.explain(primary, replica, c)
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping; nothing is left behind")
		return nil
	case <-c.done:
		return fmt.Errorf("caddy has ended:\n%s", c.logTail())
	}
}

// freeOr is the address if nobody listens there, else one that is free.
func freeOr(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		l.Close()
		return addr
	}
	host, _, _ := net.SplitHostPort(addr)
	port, err := pgtest.FreePort()
	if err != nil {
		return addr
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// configure writes the example with the playground's addresses in place of the usual ones.
func (p playground) configure(example, home string) (string, error) {
	text, err := os.ReadFile(example)
	if err != nil {
		return "", fmt.Errorf("reading the example: %w", err)
	}
	edited := strings.NewReplacer("127.0.0.1:6432", p.Pooler, "localhost:2019", p.Admin).Replace(string(text))
	path := filepath.Join(home, "Caddyfile")
	if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
		return "", fmt.Errorf("writing the Caddyfile: %w", err)
	}
	return path, nil
}

// awaitReady waits until a client is served through the pool.
func (p playground) awaitReady(ctx context.Context, c *caddyProcess) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := p.tryQuery(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("caddy ended at its start:\n%s", c.logTail())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the pool serves nobody: %w; Caddy's log:\n%s", err, c.logTail())
		}
	}
}

// explain tells what there is to try and to look at.
func (p playground) explain(primary, replica *pgtest.Server, c *caddyProcess) {
	driver := c.driver()
	host, port, _ := net.SplitHostPort(p.Pooler)
	fmt.Printf(`
Running, on %s. Many clients, few servers:

  psql "host=%s port=%s user=app dbname=app password=app"     through the pool
  make demo-load                                                     hundreds of clients, live (another terminal)
  pgbench -i "%s" && pgbench -c 40 -S -T 10 "%s"

Look at it:

  curl http://%s/postgres/pools        sizes, waiting clients, servers by state
  curl http://%s/metrics               the same for Prometheus
  $EDITOR %s
      then: bin/caddy reload --config %s --address %s
      and no client notices but by the new settings

Postgres %s itself, to compare: primary at %s, its streaming replica at %s; user app, password app.
Caddy logs to %s. Ctrl-C stops everything and removes it.
`, driver, host, port, pgtest.DSN(p.Pooler, p.User, p.Password, p.Database), pgtest.DSN(p.Pooler, p.User, p.Password, p.Database),
		p.Admin, p.Admin, c.config, c.config, p.Admin, primary.Install.Version, primary.Addr(), replica.Addr(), c.logPath)
}
