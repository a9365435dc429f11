package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// loginTrial is what `bench logins` is told.
type loginTrial struct {
	window
	doors      []rival.Door
	contenders []rival.Contender
	clients    int
	runs       int
	setting    rival.Setting
	results    string
}

// logins measures short connections at full speed: connect, log in, one query, gone. The servers behind the pooler are all
// there before, so that none is opened meanwhile.
func logins(args []string) error {
	l, err := parseLogins(args)
	if err != nil {
		return err
	}
	if err := l.pinSelf(); err != nil {
		return err
	}
	var samples []report.Sample
	for _, door := range l.doors {
		for run := range l.runs {
			for _, contender := range l.contenders {
				s, err := l.run(contender, door)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", contender.Name(), door.Name(), err)
				}
				samples = append(samples, s)
				fmt.Fprintf(os.Stderr, "%4d %-18s run %d  %-10s %6.2f µs of CPU a login, %8.0f logins/s\n",
					l.clients, door.Name(), run+1, s.Contender, float64(s.CPU)/1000, s.PerSecond)
			}
		}
	}
	return l.report(samples)
}

// run measures one contender once.
func (l *loginTrial) run(contender rival.Contender, door rival.Door) (report.Sample, error) {
	setting := l.setting
	setting.Door = door
	return l.try(contender, setting, func(st *stage, t target) (report.Sample, error) {
		s, err := st.visit(t, door, setting.Servers, l.clients, l.window)
		if err == nil && s.ServerLogins > 0 {
			err = fmt.Errorf("it logged in to the server %d times, though all its servers were there", s.ServerLogins)
		}
		return s, err
	})
}

// visitors are clients that come and go.
type visitors interface {
	crew
	Start(n int)
	Finish() error
}

// visit has the pooler open its servers, and then clients come and go, n at a time.
func (s *stage) visit(t target, door rival.Door, servers, n int, w window) (sample report.Sample, err error) {
	if err := fill(t.address, door, servers); err != nil {
		return sample, fmt.Errorf("having all servers opened: %w", err)
	}
	var g visitors
	if config := door.TLS(); config != nil {
		g = load.NewEncrypted(t.address, door.Who(), config)
	} else if g, err = load.NewVisitors(s.rig, t.address, door.Who()); err != nil {
		return sample, err
	}
	g.Start(n)
	sample, err = s.watch(t, g, w)
	sample.Mode, sample.Clients = door.Name(), n
	return sample, errors.Join(err, g.Finish())
}

// fill has so many clients be in a transaction at the same time, each of which needs a server.
func fill(address string, door rival.Door, servers int) error {
	var clients []net.Conn
	for range servers {
		c, err := door.Enter(address)
		if err != nil {
			return err
		}
		defer c.Close()
		clients = append(clients, c)
	}
	for _, sql := range []string{"BEGIN", "COMMIT"} {
		for _, c := range clients {
			if err := wire.RoundTrip(c, wire.AppendQuery(nil, sql)); err != nil {
				return err
			}
		}
	}
	return nil
}

// report prints the table and keeps it in a file.
func (l *loginTrial) report(samples []report.Sample) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s; %v, medians of %d, %d servers\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		l.window, l.runs, l.setting.Servers)
	if err := report.Logins(&text, report.Rows(samples)); err != nil {
		return err
	}
	fmt.Print("\n", text.String())
	if l.results == "" {
		return nil
	}
	return errors.Join(os.MkdirAll(l.results, 0o755),
		os.WriteFile(filepath.Join(l.results, "logins.md"), []byte(text.String()), 0o644))
}

func parseLogins(args []string) (*loginTrial, error) {
	fs := flag.NewFlagSet("logins", flag.ContinueOnError)
	w := windowFlags(fs)
	kinds := fs.String("kinds", "scram,trust", "how clients log in: scram, trust")
	encrypted := fs.Bool("tls", false, "each kind also over TLS 1.3, without resumption")
	clients := fs.Int("clients", 64, "how many connections are there at a time")
	names := fs.String("poolers", "pgbouncer,pgmux", "what to compare")
	program := fs.String("caddy", "../bin/caddy", "the caddy with our module")
	runs := fs.Int("runs", 3, "how often; the median counts")
	servers := fs.Int("servers", 20, "pool size")
	cpu := fs.Int("pooler-cpu", 0, "CPU of the pooler")
	results := fs.String("results", "results", "directory for logins.md; empty: none")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	l := &loginTrial{window: *w, clients: *clients, runs: *runs, results: *results,
		setting: rival.Setting{Servers: *servers, CPU: *cpu, Driver: w.driver}}
	if *clients < 1 || *clients > capacity/2 {
		return nil, fmt.Errorf("%d clients: take 1 to %d", *clients, capacity/2)
	}
	var err error
	if l.contenders, err = contenders(*names, rival.Pgmux{Program: *program}); err != nil {
		return nil, err
	}
	for _, c := range l.contenders {
		if _, bare := c.(rival.Relay); bare {
			return nil, errors.New("the relay knows of no logins: take pgbouncer or pgmux")
		}
	}
	l.doors, err = parseDoors(*kinds, *encrypted)
	return l, err
}

// The password of the benchmark's user, and what Postgres makes of any.
const (
	password   = "bench"
	salt       = "0123456789abcdef"
	iterations = 4096
)

// parseDoors reads scram,trust; each in clear, and then, if wanted, each over TLS.
func parseDoors(kinds string, encrypted bool) (doors []rival.Door, err error) {
	for kind := range strings.SplitSeq(kinds, ",") {
		var d rival.Door
		switch kind {
		case "scram":
			if d.Keys, err = wire.NewKeys(password, []byte(salt), iterations); err != nil {
				return nil, err
			}
		case "trust":
		default:
			return nil, fmt.Errorf("unknown kind of login %q: take scram or trust", kind)
		}
		doors = append(doors, d)
	}
	if !encrypted {
		return doors, nil
	}
	certificate, err := rival.NewCertificate()
	if err != nil {
		return nil, err
	}
	for _, d := range doors {
		d.Certificate = certificate
		doors = append(doors, d)
	}
	return doors, nil
}
