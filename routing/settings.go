package routing

import "time"

// defaultBreakerOpen is how long a breaker is open where nobody has said.
const defaultBreakerOpen = time.Second

// probes: upstreams are probed.
func (s *Settings) probes() bool { return s.Interval > 0 }

// sensible is s with what must be at least 1 being so.
func (s Settings) sensible() Settings {
	s.Passes, s.Fails = max(s.Passes, 1), max(s.Fails, 1)
	if s.BreakerOpen <= 0 {
		s.BreakerOpen = defaultBreakerOpen
	}
	return s
}
