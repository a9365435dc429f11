package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/fakepg"
	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/relay"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
)

// capacity bounds the connections of one loop here.
const capacity = 16 << 10

// relayOnly runs the bare relay until it is interrupted.
func relayOnly(args []string) error {
	fs := flag.NewFlagSet("relay", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:6433", "where clients come")
	backend := fs.String("backend", "127.0.0.1:5432", "the server")
	servers := fs.Int("servers", 20, "number of server connections")
	driver := fs.String("driver", "auto", "io_uring, epoll or auto")
	if err := fs.Parse(args); err != nil {
		return err
	}
	g, err := rig.New(*driver, capacity)
	if err != nil {
		return err
	}
	g.Run()
	defer g.Stop()
	r := relay.New(g)
	if err := r.Connect(*backend, *servers); err != nil {
		return err
	}
	l, err := rig.Listen(*listen)
	if err != nil {
		return err
	}
	go r.Serve(l)
	awaitInterrupt()
	return l.Close()
}

// backendOnly runs the fake server until it is interrupted.
func backendOnly(args []string) error {
	fs := flag.NewFlagSet("backend", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:5432", "where poolers connect")
	driver := fs.String("driver", "auto", "io_uring, epoll or auto")
	if err := fs.Parse(args); err != nil {
		return err
	}
	g, err := rig.New(*driver, capacity)
	if err != nil {
		return err
	}
	g.Run()
	defer g.Stop()
	l, err := rig.Listen(*listen)
	if err != nil {
		return err
	}
	go fakepg.New(g).Serve(l)
	awaitInterrupt()
	return l.Close()
}

// loadOnly puts load on what runs already, pinned by whoever started it.
func loadOnly(args []string) error {
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	w := windowFlags(fs)
	address := fs.String("address", "127.0.0.1:6432", "the pooler")
	pid := fs.Int("pid", 0, "the pooler's process, to tell what it costs")
	clients := fs.Int("clients", 64, "number of clients")
	modeName := fs.String("mode", "simple", modesHelp())
	if err := fs.Parse(args); err != nil {
		return err
	}
	mode, err := load.ModeNamed(*modeName)
	if err != nil {
		return err
	}
	st, err := openStage(w.driver, w.unix)
	if err != nil {
		return err
	}
	defer st.close()
	s, err := st.measure(target{address: *address, pid: *pid}, mode, *clients, *w)
	if err != nil {
		return err
	}
	s.Contender = *address
	return report.Markdown(os.Stdout, report.Rows([]report.Sample{s}))
}

// direct measures the generator and the fake server without anything between them, on one loop and one CPU.
func direct(args []string) error {
	fs := flag.NewFlagSet("direct", flag.ContinueOnError)
	w := windowFlags(fs)
	clients := fs.Int("clients", 64, "number of clients")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := w.pinSelf(); err != nil {
		return err
	}
	var samples []report.Sample
	for _, mode := range load.Modes {
		st, err := openStage(w.driver, w.unix)
		if err != nil {
			return err
		}
		s, err := st.measure(target{address: st.address}, mode, *clients, *w)
		st.close()
		if err != nil {
			return err
		}
		s.Contender = "none, " + st.rig.DriverName()
		samples = append(samples, s)
	}
	return report.Markdown(os.Stdout, report.Rows(samples))
}

func awaitInterrupt() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	<-c
}

func modesHelp() string {
	s := "one of"
	for _, m := range load.Modes {
		s += " " + m.Name
	}
	return s
}

// window is how long and where to measure.
type window struct {
	warmUp, length time.Duration
	driver         string
	unix           bool // the server listens on a Unix socket
	loadCPU        int
	syscalls       time.Duration
}

func windowFlags(fs *flag.FlagSet) *window {
	w := &window{}
	fs.DurationVar(&w.warmUp, "warm-up", time.Second, "load before measuring")
	fs.DurationVar(&w.length, "window", 4*time.Second, "time measured")
	fs.StringVar(&w.driver, "driver", "auto", "io_uring, epoll or auto")
	fs.BoolVar(&w.unix, "unix", false, "the fake server listens on a Unix socket, not on TCP")
	fs.IntVar(&w.loadCPU, "load-cpu", 1, "CPU of the load generator and the fake server; -1: do not pin")
	fs.DurationVar(&w.syscalls, "syscalls", 500*time.Millisecond,
		"time to count system calls in, with perf, after the window; 0: do not")
	return w
}

// String tells it to the reader of a table.
func (w window) String() string {
	socket := "TCP"
	if w.unix {
		socket = "a Unix socket"
	}
	return fmt.Sprintf("warm-up %v, window %v, driver %s, server on %s", w.warmUp, w.length, w.driver, socket)
}
