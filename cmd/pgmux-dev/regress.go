package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// regression is one call of `pgmux-dev regress`: what is run, and how.
type regression struct {
	caddy    string
	targets  []string
	files    []string // only these, and what they need; empty: all
	poolSize int
	order    string        // in which idle servers are taken
	deadline time.Duration // of one target
	patience time.Duration // with one file
	verbose  bool

	suite suite
}

// regressTargets is where the suite can run: Postgres itself, or a pool of ours in a pool mode.
var regressTargets = []string{"direct", "session", "transaction"}

// regress runs PostgreSQL's own regression suite against Postgres itself and through the pooler, and tells which files
// tell the two apart. It is no failure that some do: the table is the result.
func regress(ctx context.Context, args []string) error {
	r, err := parseRegress(args)
	if err != nil {
		return err
	}
	if r.suite, err = findSuite(ctx); err != nil {
		return err
	}
	if err := r.suite.has(r.files); err != nil {
		return err
	}
	var outcomes []outcome
	for _, target := range r.targets {
		o, err := r.run(ctx, target)
		if err != nil {
			return fmt.Errorf("running the suite, target %s: %w", target, err)
		}
		outcomes = append(outcomes, o)
	}
	direct, err := readOutcome("direct", r.out("direct"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	direct.target = "direct"
	report(os.Stdout, outcomes, direct)
	return nil
}

// parseRegress reads the flags.
func parseRegress(args []string) (regression, error) {
	var r regression
	flags := flag.NewFlagSet("regress", flag.ContinueOnError)
	flags.StringVar(&r.caddy, "caddy", "bin/caddy", "the program to run")
	targets := flags.String("target", strings.Join(regressTargets, ","), "where to run it")
	files := flags.String("files", "", "run only these files of the suite, and those that they need; default all")
	flags.IntVar(&r.poolSize, "pool-size", 40, "servers of the pool per database and user")
	flags.StringVar(&r.order, "idle-server-order", "lifo",
		"which idle server a client gets: lifo, mostly the one it had before; fifo, another for each transaction")
	flags.DurationVar(&r.deadline, "deadline", 8*time.Minute, "end a target after this time")
	flags.DurationVar(&r.patience, "patience", 2*time.Minute, "end a file after this time")
	flags.BoolVar(&r.verbose, "v", false, "show what pg_regress says while it runs")
	if err := flags.Parse(args); err != nil {
		return r, err
	}
	r.targets, r.files = words(*targets), words(*files)
	for _, target := range r.targets {
		if !slices.Contains(regressTargets, target) {
			return r, fmt.Errorf("no target %q: there are %s", target, strings.Join(regressTargets, ", "))
		}
	}
	return r, nil
}

// words takes a list apart that is separated by commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}

// out is where a target's results are kept. Those of a few files do not replace those of all.
func (r regression) out(target string) string {
	if len(r.files) > 0 {
		target += "-some"
	}
	return filepath.Join(r.suite.dir, "out", target)
}

// run runs the suite against one target, on a Postgres of its own.
func (r regression) run(ctx context.Context, target string) (o outcome, err error) {
	var u undo
	defer func() { err = errors.Join(err, u.all()) }()
	if err := r.prepareOut(target); err != nil {
		return o, err
	}
	server, err := r.startPostgres(ctx)
	if err != nil {
		return o, err
	}
	u.add(server.Close)
	addr, c, err := r.serve(ctx, target, server, &u)
	if err != nil {
		return o, err
	}
	fmt.Printf("%s: Postgres %s at %s, results in %s\n", target, server.Install.Version, addr, r.out(target))
	began := time.Now()
	incident := r.pgRegress(ctx, target, addr)
	o, err = readOutcome(target, r.out(target))
	if err != nil || ctx.Err() != nil {
		return o, errors.Join(incident, err)
	}
	o.took, o.incident = time.Since(began), errors.Join(incident, c.bug())
	if o.notRun, err = r.notRun(o); err != nil {
		return o, err
	}
	return o, r.keepLogs(target, server, c)
}

// notRun are the files of the schedule of which there is no result.
func (r regression) notRun(o outcome) (names []string, err error) {
	path, err := r.schedule(o.target)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the schedule: %w", err)
	}
	return slices.DeleteFunc(scheduled(string(text)), func(name string) bool {
		_, known := o.files[name]
		return known
	}), nil
}

// prepareOut empties the target's directory. Postgres, which may run as another user, writes files of its own into results.
func (r regression) prepareOut(target string) error {
	results := filepath.Join(r.out(target), "results")
	if err := os.RemoveAll(r.out(target)); err != nil {
		return fmt.Errorf("removing old results: %w", err)
	}
	if err := os.MkdirAll(results, 0o755); err != nil {
		return fmt.Errorf("making the directory of results: %w", err)
	}
	if err := os.Chmod(results, 0o777); err != nil {
		return fmt.Errorf("opening the directory of results: %w", err)
	}
	return nil
}

// keepLogs keeps what Postgres and Caddy have logged beside the results.
func (r regression) keepLogs(target string, server *pgtest.Server, c *caddyProcess) error {
	logs := map[string]string{"postgres.log": server.Log()}
	if c != nil {
		text, err := os.ReadFile(c.logPath)
		if err != nil {
			return fmt.Errorf("reading Caddy's log: %w", err)
		}
		logs["caddy.log"] = string(text)
	}
	for name, text := range logs {
		if err := os.WriteFile(filepath.Join(r.out(target), name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("keeping a log: %w", err)
		}
	}
	return nil
}
