package routing

// circuit is an upstream's circuit breaker. It is about dialing only: what fails on a connection that stands does not count.
//
//	        BreakerFails in a row                BreakerOpen later
//	Closed ───────────────────────▶  Open  ───────────────────────▶  HalfOpen ──▶ one dial
//	   ▲                              ▲                                 │  │
//	   │                              └────────── it fails ─────────────┘  │
//	   └────────────────────── a connection is made ───────────────────────┘
//
// The rules:
//
//  1. Closed, every dial is admitted, and those that fail are counted until one succeeds.
//  2. Open, none is. Those under way may still fail, which does not make it last longer.
//  3. Half open, one is, until its outcome is told. If it never is, another one is admitted BreakerOpen later.
//  4. A connection that is made closes it, whatever it was.
type circuit struct {
	state    Breaker
	failures int
	// until is when an open one becomes half open; of one that is half open, until when the dial that was admitted is awaited.
	until int64
}

// failed counts a dial that has failed.
func (c *circuit) failed(now int64, s *Settings) {
	if s.BreakerFails <= 0 {
		return
	}
	c.failures++
	if c.state == HalfOpen || c.state == Closed && c.failures >= s.BreakerFails {
		c.state, c.until = Open, now+int64(s.BreakerOpen)
	}
}

// succeeded: a connection was made.
func (c *circuit) succeeded() { *c = circuit{} }

// tick lets time pass.
func (c *circuit) tick(now int64) {
	if c.state == Open && now >= c.until {
		c.state, c.until = HalfOpen, now
	}
}

// admit tells whether a dial may be tried now, and if so, awaits its outcome.
func (c *circuit) admit(now int64, s *Settings) bool {
	c.tick(now)
	switch {
	case c.state == Closed:
		return true
	case c.state == Open || now < c.until:
		return false
	}
	c.until = now + int64(s.BreakerOpen)
	return true
}
