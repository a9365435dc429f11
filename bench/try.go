package main

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/bench/internal/fakepg"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
)

// try starts a contender on a stage of its own, measures it, and finds out whether it kept its limits and the protocol.
func (w window) try(contender rival.Contender, setting rival.Setting, measure func(*stage, target) (report.Sample, error)) (s report.Sample, err error) {
	st, err := openStage(w.driver, w.unix)
	if err != nil {
		return s, err
	}
	defer st.close()
	setting.Backend = st.address
	p, err := rival.Start(contender, setting)
	if err != nil {
		return s, err
	}
	s, err = measure(st, target{address: p.Address, pid: p.PID})
	s.Contender = contender.Name()
	seen := st.counters()
	stopErr := p.Stop()
	if err != nil {
		return s, fmt.Errorf("%w; it said:\n%s", err, p.Said())
	}
	if err := kept(contender, seen, setting.Servers); err != nil {
		return s, err
	}
	return s, stopErr
}

// kept refuses a contender that did not keep its limits, or the protocol.
func kept(contender rival.Contender, seen fakepg.Counters, servers int) error {
	switch {
	case seen.MaxSessions > servers:
		return fmt.Errorf("it opened %d server connections where %d are allowed", seen.MaxSessions, servers)
	case seen.Broken > 0:
		return fmt.Errorf("it sent on %d server connections what is not the protocol", seen.Broken)
	case contender.Prepares() && seen.Unknown > 0:
		return fmt.Errorf("it used prepared statements %d times on servers that did not have them", seen.Unknown)
	}
	return nil
}
