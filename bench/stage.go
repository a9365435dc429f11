package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/fakepg"
	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/proc"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
)

// stage is the fake server, and the loop that the load generator shares with it.
type stage struct {
	rig      *rig.Rig
	backend  *fakepg.Backend
	listener net.Listener
	address  string // of the fake server
	dir      string // of its socket; empty if it listens on TCP
}

// openStage starts the fake server, on a port of 127.0.0.1 or on a Unix socket.
func openStage(driver string, onUnix bool) (s *stage, err error) {
	s = &stage{address: "127.0.0.1:0"}
	if onUnix {
		if s.dir, err = os.MkdirTemp("", "pgmux-bench-"); err != nil {
			return nil, fmt.Errorf("making a directory for the socket: %w", err)
		}
		s.address = filepath.Join(s.dir, ".s.PGSQL.5432")
	}
	if s.listener, err = rig.Listen(s.address); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	s.address = s.listener.Addr().String()
	if s.rig, err = rig.New(driver, capacity); err != nil {
		return nil, errors.Join(err, s.listener.Close(), s.removeDir())
	}
	s.rig.Run()
	s.backend = fakepg.New(s.rig)
	go s.backend.Serve(s.listener)
	return s, nil
}

// close ends the server and every connection.
func (s *stage) close() {
	s.listener.Close()
	s.rig.Stop()
	s.removeDir()
}

func (s *stage) removeDir() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// counters are the fake server's.
func (s *stage) counters() (c fakepg.Counters) {
	s.rig.Call(func() { c = s.backend.Counters() })
	return c
}

// target is what load is put on.
type target struct {
	address string
	pid     int // 0: its cost is not known
}

// meter is the CPU time used up to an instant.
type meter struct {
	at           time.Time
	pooler, load time.Duration
}

func (t target) read() (m meter, err error) {
	if t.pid != 0 {
		if m.pooler, err = proc.CPU(t.pid); err != nil {
			return m, err
		}
	}
	m.load, err = proc.CPU(os.Getpid())
	m.at = time.Now()
	return m, err
}

// measure puts load on a target and tells what came of it.
func (s *stage) measure(t target, m load.Mode, clients int, w window) (report.Sample, error) {
	s.rig.Call(func() { s.backend.Expect(m.Texts()) })
	g := load.New(s.rig, m)
	if err := g.Connect(t.address, clients); err != nil {
		return report.Sample{}, err
	}
	g.Start()
	sample, err := s.watch(t, g, w)
	if err != nil {
		return sample, err
	}
	sample.Mode, sample.Clients = m.Name, clients
	return sample, g.Finish()
}

// crew is whoever makes the load: it has begun, and tells how long each thing took that ended while it was measured.
type crew interface {
	Measure(on bool) load.Histogram
}

// watch lets the warm-up pass, measures for the length of the window, and counts system calls after it.
func (s *stage) watch(t target, g crew, w window) (sample report.Sample, err error) {
	time.Sleep(w.warmUp)
	g.Measure(true)
	seen := s.counters()
	before, err := t.read()
	if err != nil {
		return sample, err
	}
	time.Sleep(w.length)
	after, err := t.read()
	if err != nil {
		return sample, err
	}
	latencies := g.Measure(false)
	sample = sum(before, after, latencies)
	now := s.counters()
	sample.ServerLogins = now.Logins - seen.Logins
	sample.Own = now.Extra - seen.Extra
	sample.Extra = float64(sample.Own) / float64(max(latencies.Total(), 1))
	sample.AtServer = float64(now.Queries-seen.Queries) / float64(max(latencies.Total(), 1))
	sample.Syscalls, sample.Enters = -1, -1
	if t.pid != 0 {
		if sample.Resident, err = proc.Resident(t.pid); err != nil {
			return sample, err
		}
		sample.Syscalls, sample.Enters = s.syscalls(t, w)
	}
	return sample, nil
}

// sum makes a sample of two readings and what happened between them.
func sum(before, after meter, latencies load.Histogram) report.Sample {
	wall := after.at.Sub(before.at)
	n := time.Duration(max(latencies.Total(), 1))
	pooler, generator := after.pooler-before.pooler, after.load-before.load
	return report.Sample{
		PerSecond:  float64(latencies.Total()) / wall.Seconds(),
		P50:        time.Duration(latencies.Quantile(0.5)),
		P99:        time.Duration(latencies.Quantile(0.99)),
		P999:       time.Duration(latencies.Quantile(0.999)),
		CPU:        pooler / n,
		LoadCPU:    generator / n,
		PoolerBusy: pooler.Seconds() / wall.Seconds(),
		LoadBusy:   generator.Seconds() / wall.Seconds(),
	}
}

// syscalls is the pooler's system calls per query, and those of io_uring_enter; negative if perf cannot tell.
func (s *stage) syscalls(t target, w window) (all, enters float64) {
	if w.syscalls <= 0 {
		return -1, -1
	}
	before := s.counters().Queries
	calls, err := proc.Syscalls(t.pid, w.syscalls)
	queries := s.counters().Queries - before
	if err != nil || queries == 0 {
		return -1, -1
	}
	return float64(calls.All) / float64(queries), float64(calls.Enter) / float64(queries)
}

// pinSelf puts this process on its CPU.
func (w window) pinSelf() error {
	if w.loadCPU < 0 {
		return nil
	}
	return proc.PinSelf(w.loadCPU)
}
