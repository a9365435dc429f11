package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
)

// comparison is what `bench compare` is told.
type comparison struct {
	window
	rows       []rowSpec
	contenders []rival.Contender
	runs       int
	setting    rival.Setting
	results    string
}

// rowSpec is a number of clients and a mode, written 64:simple.
type rowSpec struct {
	clients int
	mode    load.Mode
}

// compare runs every contender in turn, as often as wanted, for each row, and prints the medians.
func compare(args []string) error {
	c, err := parseComparison(args)
	if err != nil {
		return err
	}
	if err := c.pinSelf(); err != nil {
		return err
	}
	var samples []report.Sample
	for _, row := range c.rows {
		for run := range c.runs {
			for _, contender := range c.contenders {
				s, err := c.run(contender, row)
				if err != nil {
					return fmt.Errorf("%s, %d clients, %s: %w", contender.Name(), row.clients, row.mode.Name, err)
				}
				samples = append(samples, s)
				fmt.Fprintf(os.Stderr, "%4d %-18s run %d  %-10s %6.2f µs of CPU a query, %8.0f queries/s\n",
					row.clients, row.mode.Name, run+1, s.Contender, float64(s.CPU)/1000, s.PerSecond)
			}
		}
	}
	return c.report(samples)
}

// run measures one contender once.
func (c *comparison) run(contender rival.Contender, row rowSpec) (report.Sample, error) {
	return c.try(contender, c.setting, func(st *stage, t target) (report.Sample, error) {
		s, err := st.measure(t, row.mode, row.clients, c.window)
		return s, errors.Join(err, noExtras(s, c.setting.Servers))
	})
}

// maxExtra is how many queries of its own a pooler may have per query of clients that need none: it may look, now and then,
// whether a server is there, or what is in its catalog.
const maxExtra = 0.001

// noExtras refuses a sample in which a pooler asked servers what no client had asked for: more than maxExtra, and than one for
// each server, which may have been opened just then. The figures would tell something else than they are taken to.
func noExtras(s report.Sample, servers int) error {
	if s.Extra <= maxExtra || s.Own <= uint64(servers) {
		return nil
	}
	return fmt.Errorf("it has sent servers %d queries of its own, %.4f for each of a client's", s.Own, s.Extra)
}

// report prints the table and keeps table and samples in files.
func (c *comparison) report(samples []report.Sample) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s; %v, medians of %d, %d servers\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		c.window, c.runs, c.setting.Servers)
	if err := report.Markdown(&text, report.Rows(samples)); err != nil {
		return err
	}
	fmt.Print("\n", text.String())
	if c.results == "" {
		return nil
	}
	if err := os.MkdirAll(c.results, 0o755); err != nil {
		return fmt.Errorf("keeping the results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.results, "compare.md"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("keeping the table: %w", err)
	}
	f, err := os.Create(filepath.Join(c.results, "compare.tsv"))
	if err != nil {
		return fmt.Errorf("keeping the samples: %w", err)
	}
	defer f.Close()
	return report.TSV(f, samples)
}

func parseComparison(args []string) (*comparison, error) {
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	w := windowFlags(fs)
	rows := fs.String("rows", "64:simple,64:prepared,64:extended,64:pipelined,1000:simple,1000:prepared,1000:pipelined",
		"what to measure, as clients:mode; a mode is "+modesHelp())
	names := fs.String("poolers", "pgbouncer,relay,pgmux", "what to compare")
	program := fs.String("caddy", "../bin/caddy", "the caddy with our module")
	runs := fs.Int("runs", 3, "how often; the median counts")
	servers := fs.Int("servers", 20, "pool size")
	cpu := fs.Int("pooler-cpu", 0, "CPU of the pooler")
	results := fs.String("results", "results", "directory for compare.md and compare.tsv; empty: none")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	c := &comparison{window: *w, runs: *runs, results: *results,
		setting: rival.Setting{Servers: *servers, CPU: *cpu, Driver: w.driver}}
	var err error
	if c.contenders, err = contenders(*names, rival.Pgmux{Program: *program}); err != nil {
		return nil, err
	}
	c.rows, err = parseRows(*rows)
	return c, err
}

// contenders finds poolers by name.
func contenders(names string, ours rival.Pgmux) (found []rival.Contender, err error) {
	cached := ours
	cached.Caches = true
	all := []rival.Contender{rival.PgBouncer{}, rival.Relay{}, ours, cached}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(c rival.Contender) bool { return c.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown pooler %q: take pgbouncer, relay, pgmux or pgmux-cache", name)
		}
		found = append(found, all[i])
	}
	return found, nil
}

// parseRows reads clients:mode,….
func parseRows(s string) (rows []rowSpec, err error) {
	for part := range strings.SplitSeq(s, ",") {
		number, name, _ := strings.Cut(part, ":")
		clients, err := strconv.Atoi(number)
		if err != nil || clients <= 0 {
			return nil, fmt.Errorf("row %q: write it as clients:mode, for example 64:simple", part)
		}
		mode, err := load.ModeNamed(name)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", part, err)
		}
		rows = append(rows, rowSpec{clients, mode})
	}
	return rows, nil
}
