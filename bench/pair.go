package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
)

// pairTrial is what `bench pair` is told.
type pairTrial struct {
	window
	rows       []rowSpec
	contenders [2]rival.Contender
	pairs      int
	settle     time.Duration
	setting    rival.Setting
	results    string
}

// side is one of the two, running, with a server and clients of its own.
type side struct {
	contender rival.Contender
	stage     *stage
	process   *rival.Process
}

// pair measures two poolers that run all the time, in short windows that follow each other: what else the machine does comes to both, so the
// ratio of two neighbours tells differences that whole runs do not.
func pair(args []string) error {
	t, err := parsePair(args)
	if err != nil {
		return err
	}
	if err := t.pinSelf(); err != nil {
		return err
	}
	var all []report.Pair
	for _, row := range t.rows {
		pairs, err := t.run(row)
		if err != nil {
			return fmt.Errorf("%d clients, %s: %w", row.clients, row.mode.Name, err)
		}
		all = append(all, pairs...)
	}
	return t.report(all)
}

// run measures all pairs of one row.
func (t *pairTrial) run(row rowSpec) (pairs []report.Pair, err error) {
	var sides [2]*side
	for i, c := range t.contenders {
		s, openErr := t.open(c)
		if openErr != nil {
			return nil, openErr
		}
		defer func() { err = errors.Join(err, s.close(t.setting.Servers)) }()
		sides[i] = s
	}
	for _, s := range sides {
		if _, err := s.measure(row, window{warmUp: t.settle, length: t.length}); err != nil {
			return nil, err
		}
	}
	for i := range t.pairs {
		var p report.Pair
		for k := range sides { // who is first changes
			k = (k + i) % 2
			if p[k], err = sides[k].measure(row, t.window); err != nil {
				return nil, err
			}
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func (t *pairTrial) open(c rival.Contender) (s *side, err error) {
	s = &side{contender: c}
	if s.stage, err = openStage(t.driver, t.unix); err != nil {
		return nil, err
	}
	setting := t.setting
	setting.Backend = s.stage.address
	if s.process, err = rival.Start(c, setting); err != nil {
		s.stage.close()
		return nil, err
	}
	return s, nil
}

func (s *side) measure(row rowSpec, w window) (report.Sample, error) {
	sample, err := s.stage.measure(target{address: s.process.Address, pid: s.process.PID}, row.mode, row.clients, w)
	sample.Contender = s.contender.Name()
	return sample, err
}

// close ends it, and finds out whether it kept its limits and the protocol.
func (s *side) close(servers int) error {
	defer s.stage.close()
	seen := s.stage.counters()
	return errors.Join(s.process.Stop(), kept(s.contender, seen, servers))
}

// report prints the table and keeps it in a file.
func (t *pairTrial) report(pairs []report.Pair) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s; %v, %d pairs, %d servers\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), t.window, t.pairs, t.setting.Servers)
	if err := report.Pairs(&text, pairs); err != nil {
		return err
	}
	fmt.Print("\n", text.String())
	if t.results == "" {
		return nil
	}
	return errors.Join(os.MkdirAll(t.results, 0o755), os.WriteFile(filepath.Join(t.results, "pair.md"), []byte(text.String()), 0o644))
}

func parsePair(args []string) (*pairTrial, error) {
	fs := flag.NewFlagSet("pair", flag.ContinueOnError)
	w := windowFlags(fs)
	rows := fs.String("rows", "64:unique", "what to measure, as clients:mode; a mode is "+modesHelp())
	names := fs.String("poolers", "pgmux,pgmux-cache", "the two; the second is told in parts of the first")
	program := fs.String("caddy", "../bin/caddy", "the caddy with our module")
	other := fs.String("other-caddy", "", "the caddy of the second, where it is to be another one")
	pairs := fs.Int("pairs", 60, "how often; the median of the ratios counts")
	settle := fs.Duration("settle", 8*time.Second, "load on each before the first pair")
	servers := fs.Int("servers", 20, "pool size")
	cpu := fs.Int("pooler-cpu", 0, "CPU of the poolers")
	results := fs.String("results", "results", "directory for pair.md; empty: none")
	for name, value := range map[string]string{"warm-up": "100ms", "window": "400ms", "syscalls": "0"} {
		fs.Lookup(name).DefValue = value
		if err := fs.Set(name, value); err != nil {
			return nil, err
		}
	}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	t := &pairTrial{window: *w, pairs: *pairs, settle: *settle, results: *results,
		setting: rival.Setting{Servers: *servers, CPU: *cpu, Driver: w.driver}}
	both, err := contenders(*names, rival.Pgmux{Program: *program})
	if err != nil {
		return nil, err
	}
	if len(both) != 2 {
		return nil, fmt.Errorf("-poolers %s: name two", *names)
	}
	if ours, ok := both[1].(rival.Pgmux); ok && *other != "" {
		ours.Program = *other
		both[1] = ours
	}
	t.contenders = [2]rival.Contender(both)
	t.rows, err = parseRows(*rows)
	return t, err
}
