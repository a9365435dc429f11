package poolhandler

import (
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/console"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// samples takes the figures that averages of SHOW STATS begin with: every stats period, as long as there is a console.
type samples struct {
	mu      sync.Mutex
	sampler console.Sampler
	stop    chan struct{} // nil: none are taken
}

// run begins, or ends, to take them.
func (s *samples) run(wanted bool, snapshot func() (engine.Snapshot, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case wanted && s.stop == nil:
		s.stop = make(chan struct{})
		go s.take(s.stop, snapshot)
	case !wanted && s.stop != nil:
		close(s.stop)
		s.stop, s.sampler = nil, console.Sampler{}
	}
}

// take takes one at once, and then one every period.
func (s *samples) take(stop <-chan struct{}, snapshot func() (engine.Snapshot, error)) {
	ticker := time.NewTicker(console.StatsPeriod)
	defer ticker.Stop()
	for now := time.Now(); ; {
		if figures, err := snapshot(); err == nil {
			s.add(stop, now, figures)
		}
		select {
		case now = <-ticker.C:
		case <-stop:
			return
		}
	}
}

// add keeps a sample, unless it is of before the end.
func (s *samples) add(stop <-chan struct{}, at time.Time, figures engine.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-stop:
	default:
		s.sampler.Add(at, figures)
	}
}

func (s *samples) before() console.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sampler.Before()
}
