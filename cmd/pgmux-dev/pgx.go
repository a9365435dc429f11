package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pgxSuite runs the test suite of the database driver pgx, at the version of our go.mod, on Postgres itself and through the
// pooler, and tells what becomes of it there that does not directly. It needs bin/caddy.
//
// Each target has a Postgres of its own, fresh, so that nothing that one leaves is met by the next.
func pgxSuite(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("pgx", flag.ContinueOnError)
	targets := flags.String("targets", "direct,session,transaction", "where to run: `direct`, or pool modes")
	var o pgxOptions
	flags.IntVar(&o.version, "version", 0, "major `version` of Postgres; the oldest at hand if 0")
	flags.StringVar(&o.caddy, "caddy", "bin/caddy", "the program to test")
	flags.StringVar(&o.driver, "driver", "auto", "its I/O `driver`: auto, io_uring or epoll")
	flags.IntVar(&o.poolSize, "pool-size", 20, "servers per database and user")
	flags.StringVar(&o.packages, "packages", "./...", "which `packages` of pgx")
	flags.StringVar(&o.pattern, "run", "", "only tests that match this `pattern`")
	flags.IntVar(&o.allowed, "allow", -1, "fail if more tests than this fail through the pooler that pass directly; -1: never")
	keep := flags.String("out", filepath.Join("bin", "pgx"), "`directory` for what the tests print, a file for each target")
	if err := flags.Parse(args); err != nil {
		return err
	}
	source, err := pgxSource(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*keep, 0o755); err != nil {
		return fmt.Errorf("making a directory for results: %w", err)
	}
	var all []pgxResults
	for _, target := range strings.Split(*targets, ",") {
		began := time.Now()
		fmt.Printf("pgx's tests: %s\n", target)
		r, err := o.runOn(ctx, target, source, filepath.Join(*keep, target+".json"))
		if err != nil {
			return fmt.Errorf("running on target %s: %w", target, err)
		}
		fmt.Printf("  %d of %d pass, %d are skipped, in %v\n", r.count(passed), r.count(passed)+r.count(failed), r.count(skipped),
			time.Since(began).Round(time.Second))
		all = append(all, r)
	}
	return o.judge(os.Stdout, all)
}
