package routing

// health is whether an upstream is up.
//
//  1. One of which nothing is known yet is up: a pool that has just been configured serves at once.
//  2. It is down after Fails failures in a row: probes that were not answered, dials that failed, and that the server ended
//     connections because it goes away. What fails in real traffic is seen before the next probe is due. However many connections
//     ended, that is one failure: pg_terminate_backend says the same, and if the server does go away, dials and probes fail next.
//  3. A probe that is answered ends the row. A connection that is made ends it for what traffic has found, but not for probes
//     that were not answered: a server that lets clients in and answers nothing is not up.
//  4. It is up again after Passes probes answered in a row, and only so: to try it with clients is not a way to find out.
//  5. Without probes it is always up, since nothing could bring it back. The circuit breaker is what protects it then.
type health struct {
	down bool
	why  string
	// since is when it came up or went down; returned: it has been down before.
	since    int64
	returned bool
	// passes is how many probes in a row were answered; unanswered is how many were not, passive how many dials and connections
	// failed.
	passes, unanswered, passive int
	ended                       bool // it is among what passive counts
}

// answered counts a probe with an answer.
func (h *health) answered(now int64, s *Settings) {
	h.passes++
	h.unanswered, h.passive, h.ended = 0, 0, false
	if h.down && h.passes >= s.Passes {
		*h = health{since: now, returned: true}
	}
}

// missed counts a probe without.
func (h *health) missed(now int64, why string, s *Settings) {
	h.unanswered++
	h.failed(now, why, s)
}

// refused counts a dial that failed.
func (h *health) refused(now int64, s *Settings) {
	h.passive++
	h.failed(now, "connecting to it fails", s)
}

// leaves counts that it ended connections.
func (h *health) leaves(now int64, s *Settings) {
	if !h.ended {
		h.ended = true
		h.passive++
	}
	h.failed(now, "it ended connections because it goes away", s)
}

func (h *health) failed(now int64, why string, s *Settings) {
	h.passes = 0
	switch {
	case h.down:
		h.why = why
	case s.probes() && h.unanswered+h.passive >= s.Fails:
		h.down, h.why, h.since = true, why, now
	}
}

// connected: a connection was made.
func (h *health) connected() { h.passive, h.ended = 0, false }

// sound: nothing has failed since the last answer, so what it told then still holds, unless it tells otherwise.
func (h *health) sound() bool { return !h.down && h.unanswered == 0 && h.passive == 0 }
