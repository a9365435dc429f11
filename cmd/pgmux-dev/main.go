// Command pgmux-dev is what the Makefile runs: it installs what a machine lacks, sets up the throw-away playground
// of `make run`, and shows `make demo-load`. It is a tool of this repository, not part of the product.
//
//	pgmux-dev install      Postgres server programs, psql and pgbench, with apt where missing and possible
//	pgmux-dev postgres18   a second, newer Postgres for the tests, where npm can bring it
//	pgmux-dev drivers      database drivers of other languages and a browser for the tests, where apt and npm can bring them
//	pgmux-dev pipeline     PostgreSQL's own test of pipelines, built from its source, where Debian can bring it
//	pgmux-dev run          the playground: primary, replica and Caddy, until Ctrl-C
//	pgmux-dev load         many clients on the playground, live in the terminal
//	pgmux-dev regress      PostgreSQL's own regression suite, directly and through bin/caddy
//	pgmux-dev pgx          the test suite of the driver pgx, directly and through the pooler
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// commands by name.
var commands = map[string]func(ctx context.Context, args []string) error{
	"install":    install,
	"postgres18": postgres18,
	"drivers":    drivers,
	"patroni":    patroni,
	"pipeline":   pipeline,
	"run":        run,
	"load":       load,
	"regress":    regress,
	"pgx":        pgxSuite,
}

func main() {
	// The reader of our output may be gone first (`make run | less`, then Ctrl-C): what was started is stopped all the same.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: pgmux-dev install | postgres18 | drivers | pipeline | run | load | regress | pgx")
		os.Exit(2)
	}
	err := commands[os.Args[1]](ctx, os.Args[2:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "pgmux-dev %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
