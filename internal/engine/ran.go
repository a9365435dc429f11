package engine

import "github.com/pgmux/caddy-pgmux/internal/session"

// How long a query took is measured where it is counted, from when its server turned to it, which is when it was sent or when the one
// before it was done, until its last reply has come. So it does not tell the wait for a server, which the log does besides; it does
// tell how long a client took to read the rows, or to send those of its COPY. Time passes for a loop from turn to turn: of queries
// whose replies come in one piece, all the time is the first one's.

// ran is session.Env.OnRan.
func (s *Shard) ran(machine *session.Server, r *session.Ran) {
	srv := s.serverAt(machine.Conn)
	if srv == nil {
		panic("bug: a query was answered by a server that is not there")
	}
	elapsed := s.now - srv.turned
	why := ReasonNoChoice
	if c := s.clientOf(srv); c != nil {
		why = c.last.reason
	}
	if srv.trace.on() {
		s.traceQuery(srv, r)
	}
	s.countForm(srv.pool.busiest, r, elapsed, why)
	if slow := int64(srv.pool.config().SlowQuery); slow > 0 && elapsed >= slow {
		s.slow(srv, r, elapsed)
	}
	srv.turned, srv.waited = s.now, 0
}
