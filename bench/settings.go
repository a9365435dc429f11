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

// settingTrial is what `bench settings` is told.
type settingTrial struct {
	window
	rows       []settingRow
	contenders []rival.Contender
	runs       int
	setting    rival.Setting
	results    string
}

// settingRow is a number of clients and servers, and what the clients set, written 64/20:two:4.
type settingRow struct {
	clients, servers int
	mode             load.Mode
}

// settingRows are measured unless others are wanted. With 64 clients on 20 servers, clients wait for servers, and whoever is
// next takes what is free; with 16, there is a choice; with 1 server, every query of two that differ meets the other's.
const settingRows = "64/20:none,64/20:two,64/20:five,64/20:two:2,64/20:two:20,64/20:two:64,64/20:five:64," +
	"64/20:set:20,64/20:local:20,16/20:none,16/20:two:2,16/20:two:16,2/1:none,2/1:two:2"

// settings measures what it costs that settings follow their clients. A pooler is measured where it lets those follow that are
// set; elsewhere its replies would be wrong. Rows are compared with each other, so they take turns, too.
func settings(args []string) error {
	t, err := parseSettings(args)
	if err != nil {
		return err
	}
	if err := t.pinSelf(); err != nil {
		return err
	}
	var samples []report.Sample
	for run := range t.runs {
		for _, row := range t.rows {
			for _, contender := range t.contenders {
				if !row.suits(contender) {
					continue
				}
				s, err := t.run(contender, row)
				if err != nil {
					return fmt.Errorf("%s, %d clients, %d servers, %s: %w", contender.Name(), row.clients, row.servers, row.mode.Name, err)
				}
				samples = append(samples, s)
				fmt.Fprintf(os.Stderr, "%4d on %2d  %-32s run %d  %-10s %6.2f µs of CPU a query, %.3f extra, %8.0f queries/s\n",
					row.clients, row.servers, row.mode.Name, run+1, s.Contender, float64(s.CPU)/1000, s.Extra, s.PerSecond)
			}
		}
	}
	return t.report(samples)
}

// suits reports whether a pooler lets follow what the clients set.
func (r settingRow) suits(c rival.Contender) bool {
	return !slices.ContainsFunc(r.mode.Settings, func(name string) bool { return !c.Follows(name) })
}

// run measures one contender once. Where all clients have the same settings, nothing may come of them but replies.
func (t *settingTrial) run(contender rival.Contender, row settingRow) (report.Sample, error) {
	setting := t.setting
	setting.Servers = row.servers
	s, err := t.try(contender, setting, func(st *stage, at target) (report.Sample, error) {
		s, err := st.measure(at, row.mode, row.clients, t.window)
		if err == nil && !row.mode.Differs {
			err = noExtras(s, row.servers)
		}
		return s, err
	})
	s.Servers = row.servers
	return s, err
}

// report prints the table and keeps it in a file.
func (t *settingTrial) report(samples []report.Sample) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s; %v, medians of %d\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), t.window, t.runs)
	if err := report.Settings(&text, report.Rows(samples)); err != nil {
		return err
	}
	fmt.Print("\n", text.String())
	if t.results == "" {
		return nil
	}
	return errors.Join(os.MkdirAll(t.results, 0o755),
		os.WriteFile(filepath.Join(t.results, "settings.md"), []byte(text.String()), 0o644))
}

func parseSettings(args []string) (*settingTrial, error) {
	fs := flag.NewFlagSet("settings", flag.ContinueOnError)
	w := windowFlags(fs)
	rows := fs.String("rows", settingRows, "what to measure, as clients/servers:kind:groups; a kind is one of none, two, five, set, local; without groups, one")
	names := fs.String("poolers", "pgbouncer,relay,pgmux", "what to compare")
	program := fs.String("caddy", "../bin/caddy", "the caddy with our module")
	runs := fs.Int("runs", 3, "how often; the median counts")
	cpu := fs.Int("pooler-cpu", 0, "CPU of the pooler")
	results := fs.String("results", "results", "directory for settings.md; empty: none")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	t := &settingTrial{window: *w, runs: *runs, results: *results, setting: rival.Setting{CPU: *cpu, Driver: w.driver}}
	var err error
	if t.contenders, err = contenders(*names, rival.Pgmux{Program: *program}); err != nil {
		return nil, err
	}
	t.rows, err = parseSettingRows(*rows)
	return t, err
}

// parseSettingRows reads clients/servers:kind:groups,….
func parseSettingRows(s string) (rows []settingRow, err error) {
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseSettingRow(part)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", part, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func parseSettingRow(s string) (r settingRow, err error) {
	fields := strings.Split(s, ":")
	clients, servers, _ := strings.Cut(fields[0], "/")
	r.clients, _ = strconv.Atoi(clients)
	r.servers, _ = strconv.Atoi(servers)
	groups := 1
	if len(fields) == 3 {
		groups, err = strconv.Atoi(fields[2])
	}
	if err != nil || r.clients < 1 || r.servers < 1 || len(fields) < 2 || len(fields) > 3 {
		return r, errors.New("write it as clients/servers:kind:groups, for example 64/20:two:4")
	}
	r.mode, err = load.WithSettings(fields[1], groups)
	return r, err
}
