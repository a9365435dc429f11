package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// run sets the playground up and keeps it until it is interrupted, which may be before it is complete.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	caddy := flags.String("caddy", "bin/caddy", "the program to run")
	example := flags.String("config", "examples/playground.Caddyfile", "its configuration")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var u undo
	quiet := context.AfterFunc(ctx, func() { fmt.Println("\nstopping") })
	err := keep(ctx, *caddy, *example, &u)
	interrupted := ctx.Err() != nil || err != nil && interruptedToo(ctx)
	quiet()
	if undoing := u.all(); undoing != nil {
		return fmt.Errorf("cleaning up: %w", undoing)
	}
	if interrupted {
		// What failed then, failed for that.
		fmt.Println("stopped; nothing is left behind")
		return nil
	}
	return err
}

// interruptedToo reports whether what has failed was interrupted, and we with it. A terminal interrupts all of its
// foreground: a program that has just been forked has no group of its own yet, and its end may be seen before our own
// signal has come to the context.
func interruptedToo(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-time.After(signalPatience):
		return false
	}
}

// signalPatience is how long a signal that was sent to several programs may take to reach us after the others.
const signalPatience = 2 * time.Second

// keep sets the playground up and returns when it is interrupted or when something fails.
func keep(ctx context.Context, caddy, example string, u *undo) error {
	p := playground{Process: os.Getpid(), User: "app", Password: "app", Database: "app"}
	n, err := takeNote()
	if err != nil {
		return err
	}
	u.add(n.remove)
	if err := p.makeHome(u); err != nil {
		return err
	}
	if err := n.write(p); err != nil {
		return err
	}
	fmt.Println("starting a throw-away Postgres: a primary and a streaming replica")
	primary, replica, err := servers(ctx, p, u)
	if err != nil {
		return err
	}
	p.PrimarySocket = primary.SuperDSN(p.Database)
	if err := p.reserveAddresses(u); err != nil {
		return err
	}
	config, err := p.configure(example)
	if err != nil {
		return err
	}
	fmt.Println("starting Caddy with", example)
	c, err := startCaddy(caddy, config, p.Home, "PGMUX_UPSTREAM="+primary.Addr(), "PGMUX_PASSWORD="+p.Password)
	if err != nil {
		return err
	}
	u.add(c.stop)
	if err := p.awaitReady(ctx, c); err != nil {
		return err
	}
	if err := n.write(p); err != nil {
		return err
	}
	p.explain(primary, replica, c)
	select {
	case <-ctx.Done():
		return nil
	case <-c.done:
		return fmt.Errorf("caddy has ended:\n%s", c.logTail())
	}
}

// explain tells what there is to try and to look at.
func (p playground) explain(primary, replica *pgtest.Server, c *caddyProcess) {
	version, _, _ := strings.Cut(primary.Install.Version, " ")
	api := "curl http://" + p.Admin
	fmt.Printf(`
Running: Postgres %s behind Caddy, I/O driver %s.

Try it, in another terminal:

  %-46s  through the pool
  %-46s  hundreds of clients, live
  pgbench -i %s
  pgbench -c 40 -S -T 10 %[5]s

Look at it:

  %-46[13]s  a page, live, for a browser
  bin/caddy postgres top --address %-13[9]s  everything at a glance, live
  %-46[6]s  clients, servers, who waits
  %-46[7]s  the same for Prometheus
  %-46[14]s  PgBouncer's console

Change it, and no client is disconnected:

  $EDITOR %[8]s
  bin/caddy reload --address %[9]s --config %[8]s

Postgres itself, to compare:

  %-46[10]s  the primary
  %-46[11]s  its streaming replica

Caddy logs to %[12]s
Ctrl-C stops everything and removes it.
`, version, c.driver(), "psql "+p.dsn(), "make demo-load", p.dsn(),
		api+"/postgres/pools", api+"/metrics", c.config, p.Admin,
		"psql "+p.dsnOf(primary.Addr(), p.Database), "psql "+p.dsnOf(replica.Addr(), p.Database), c.logPath,
		"http://"+p.Page, "psql "+p.dsnOf(p.Pooler, "pgbouncer"))
}
