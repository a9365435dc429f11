package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/proc"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
)

// cacheTrial is what `bench cache` is told.
type cacheTrial struct {
	window
	rows       []cacheRow
	contenders []rival.Contender
	runs       int
	setting    rival.Setting
	results    string
}

// cacheRow is a number of clients, a mode, and a number of event loops, written 64:simple or 64:pipelined:2.
type cacheRow struct {
	clients, loops int
	mode           load.Mode
}

// cacheRows are measured unless others are wanted. All queries of a row are the same, so that all but the first are hits; in `unique` none is.
const cacheRows = "64:simple,64:prepared,64:pgx,64:pipelined,64:pipelined-prepared,64:unique,64:pipelined:2"

// cache measures what a reply costs that is cached, beside one of PgBouncer, and one of the same program without a cache.
func cache(args []string) error {
	t, err := parseCache(args)
	if err != nil {
		return err
	}
	if err := t.pinSelf(); err != nil {
		return err
	}
	var samples []report.Sample
	for _, row := range t.rows {
		for run := range t.runs {
			for _, contender := range t.contenders {
				if !row.suits(contender) {
					continue
				}
				s, err := t.run(contender, row)
				if err != nil {
					return fmt.Errorf("%s, %d clients, %s: %w", contender.Name(), row.clients, row.name(), err)
				}
				samples = append(samples, s)
				fmt.Fprintf(os.Stderr, "%4d %-20s run %d  %-12s %6.2f µs of CPU a query, %.3f of them at the server, %8.0f queries/s\n",
					row.clients, row.name(), run+1, s.Contender, float64(s.CPU)/1000, s.AtServer, s.PerSecond)
			}
		}
	}
	return t.report(samples)
}

// suits reports whether a pooler can have so many event loops.
func (r cacheRow) suits(c rival.Contender) bool {
	_, ours := c.(rival.Pgmux)
	return ours || r.loops == 1
}

// name is how the table calls the row.
func (r cacheRow) name() string {
	if r.loops == 1 {
		return r.mode.Name
	}
	return fmt.Sprintf("%s, %d loops", r.mode.Name, r.loops)
}

// run measures one contender once. Event loops beyond the first run wherever there is room.
func (t *cacheTrial) run(contender rival.Contender, row cacheRow) (report.Sample, error) {
	setting := t.setting
	setting.Loops = row.loops
	if row.loops > 1 {
		setting.CPU = proc.Anywhere
	}
	s, err := t.try(contender, setting, func(st *stage, at target) (report.Sample, error) {
		return st.measure(at, row.mode, row.clients, t.window)
	})
	s.Mode = row.name()
	return s, errors.Join(err, row.demandHits(contender, s))
}

const (
	// maxMisses is how many queries of clients, all of them alike, may come to the server though they are cached.
	maxMisses = 0.01
	// maxHits is how many may not come to the server where nothing is cached: the window of the load begins and ends a moment before the
	// server's.
	maxHits = 0.1
)

// demandHits refuses a sample that is not one of hits where it should be, or of misses where there are to be some.
func (r cacheRow) demandHits(c rival.Contender, s report.Sample) error {
	ours, _ := c.(rival.Pgmux)
	switch hits := ours.Caches && r.mode.Name != load.Unique; {
	case hits && s.AtServer > maxMisses:
		return fmt.Errorf("%.3f of the queries came to the server, where all are to be hits", s.AtServer)
	case !hits && s.AtServer < 1-maxHits:
		return fmt.Errorf("only %.3f of the queries came to the server, where none is to be a hit", s.AtServer)
	}
	return nil
}

// report prints the table and keeps it in a file.
func (t *cacheTrial) report(samples []report.Sample) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s; %v, medians of %d, %d servers\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), t.window, t.runs, t.setting.Servers)
	if err := report.Cache(&text, report.Rows(samples)); err != nil {
		return err
	}
	fmt.Print("\n", text.String())
	if t.results == "" {
		return nil
	}
	return errors.Join(os.MkdirAll(t.results, 0o755), os.WriteFile(filepath.Join(t.results, "cache.md"), []byte(text.String()), 0o644))
}

func parseCache(args []string) (*cacheTrial, error) {
	fs := flag.NewFlagSet("cache", flag.ContinueOnError)
	w := windowFlags(fs)
	rows := fs.String("rows", cacheRows, "what to measure, as clients:mode or clients:mode:loops; a mode is "+modesHelp())
	names := fs.String("poolers", "pgbouncer,pgmux,pgmux-cache", "what to compare")
	program := fs.String("caddy", "../bin/caddy", "the caddy with our module")
	runs := fs.Int("runs", 5, "how often; the median counts")
	servers := fs.Int("servers", 20, "pool size")
	cpu := fs.Int("pooler-cpu", 0, "CPU of a pooler of one event loop")
	results := fs.String("results", "results", "directory for cache.md; empty: none")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	t := &cacheTrial{window: *w, runs: *runs, results: *results, setting: rival.Setting{Servers: *servers, CPU: *cpu, Driver: w.driver}}
	var err error
	if t.contenders, err = contenders(*names, rival.Pgmux{Program: *program}); err != nil {
		return nil, err
	}
	t.rows, err = parseCacheRows(*rows)
	return t, err
}

// parseCacheRows reads clients:mode:loops,….
func parseCacheRows(s string) (rows []cacheRow, err error) {
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseCacheRow(part)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", part, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func parseCacheRow(s string) (r cacheRow, err error) {
	fields := strings.Split(s, ":")
	r.clients, _ = strconv.Atoi(fields[0])
	r.loops = 1
	if len(fields) == 3 {
		r.loops, err = strconv.Atoi(fields[2])
	}
	if err != nil || r.clients < 1 || r.loops < 1 || len(fields) < 2 || len(fields) > 3 {
		return r, errors.New("write it as clients:mode or clients:mode:loops, for example 64:pipelined:2")
	}
	r.mode, err = load.ModeNamed(fields[1])
	return r, err
}
