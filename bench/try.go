package main

import (
	"fmt"

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
	switch {
	case err != nil:
		return s, fmt.Errorf("%w; it said:\n%s", err, p.Said())
	case seen.MaxSessions > setting.Servers:
		return s, fmt.Errorf("it opened %d server connections where %d are allowed", seen.MaxSessions, setting.Servers)
	case seen.Broken > 0:
		return s, fmt.Errorf("it sent on %d server connections what is not the protocol", seen.Broken)
	case contender.Prepares() && seen.Unknown > 0:
		return s, fmt.Errorf("it used prepared statements %d times on servers that did not have them", seen.Unknown)
	}
	return s, stopErr
}
