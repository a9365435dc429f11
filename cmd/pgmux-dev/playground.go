package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// playground is what `make run` sets up, as it tells `make demo-load`.
type playground struct {
	// Process is the program that keeps it, by its id.
	Process int
	// Home is the directory of Caddy's configuration and log.
	Home string
	// Pooler, Admin and Page are the addresses of the pool, of Caddy's admin API and of the page; empty until clients are served.
	Pooler, Admin, Page string
	// User, Password and Database get a client in.
	User, Password, Database string
	// PrimarySocket is the connection string of the primary's superuser.
	PrimarySocket string
}

// The addresses of the example.
const (
	usualPooler = "127.0.0.1:6432"
	usualAdmin  = "localhost:2019"
	usualPage   = "127.0.0.1:8080"
)

// homePrefix is how a playground's directories are named, in the system's temporary directory.
const homePrefix = "pgmux-run-"

// dsn is a client's connection string, as short as psql takes it.
func (p playground) dsn() string { return p.dsnOf(p.Pooler, p.Database) }

func (p playground) dsnOf(addr, database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s", p.User, p.Password, addr, database)
}

// servers starts the primary and its replica.
func servers(ctx context.Context, p playground, u *undo) (primary, replica *pgtest.Server, err error) {
	primary, err = pgtest.Launch(ctx, pgtest.Options{
		Auth:           "scram-sha-256",
		MaxConnections: 50,
		Replication:    true,
		Roles:          []pgtest.Role{{Name: p.User, Password: p.Password}},
		Databases:      []string{p.Database},
	})
	if err != nil {
		return nil, nil, err
	}
	u.add(primary.Close)
	if replica, err = primary.LaunchReplica(ctx); err != nil {
		return nil, nil, err
	}
	u.add(replica.Close)
	return primary, replica, nil
}

// makeHome makes the playground's directory.
func (p *playground) makeHome(u *undo) error {
	home, err := os.MkdirTemp("", homePrefix)
	if err != nil {
		return fmt.Errorf("making a directory for Caddy: %w", err)
	}
	p.Home = home
	u.add(func() error {
		if err := os.RemoveAll(home); err != nil {
			return fmt.Errorf("removing Caddy's directory: %w", err)
		}
		return nil
	})
	return nil
}

// reserveAddresses picks where the pool, the admin API and the page listen: as usual if that is free.
func (p *playground) reserveAddresses(u *undo) error {
	for _, a := range []struct {
		what, usual string
		ours        *string
	}{{"the pool", usualPooler, &p.Pooler}, {"Caddy's admin API", usualAdmin, &p.Admin}, {"the page", usualPage, &p.Page}} {
		addr, release, err := reserve(a.usual)
		if err != nil {
			return err
		}
		if *a.ours = addr; addr != a.usual {
			fmt.Printf("%s is taken by another program: %s is at %s instead\n", a.usual, a.what, addr)
		}
		u.add(release)
	}
	return nil
}

// configure writes the example with the playground's addresses in place of the usual ones.
func (p playground) configure(example string) (string, error) {
	text, err := os.ReadFile(example)
	if err != nil {
		return "", fmt.Errorf("reading the example: %w", err)
	}
	edited := strings.NewReplacer(usualPooler, p.Pooler, usualAdmin, p.Admin, usualPage, p.Page).Replace(string(text))
	path := filepath.Join(p.Home, "Caddyfile")
	if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
		return "", fmt.Errorf("writing the Caddyfile: %w", err)
	}
	return path, nil
}

// awaitReady waits until a client is served through the pool.
func (p playground) awaitReady(ctx context.Context, c *caddyProcess) error {
	deadline := time.Now().Add(2 * time.Minute)
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

// tryQuery asks through the pool.
func (p playground) tryQuery(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, pgtest.DSN(p.Pooler, p.User, p.Password, p.Database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}
