package engine

import "github.com/pgmux/caddy-pgmux/internal/session"

// pool_mode changes live. Clients get their next server as the new mode has it; those that have one in pool_mode session would keep it until
// they leave. When the mode is another one, they give it back at the end of their transaction, as if they had got it in that mode: what
// they have done to its session meanwhile nobody has followed, so Postgres is asked for all of it, and state that cannot follow them keeps
// the server with them as ever.

// endSessions is for the servers of a pool that clients have in pool_mode session, when that is not its mode any more.
func (s *Shard) endSessions(p *shardPool) {
	if p.config().Mode == Session {
		return
	}
	for _, srv := range p.inOrder() {
		c := s.clientOf(srv)
		if c != nil && srv.purpose == linked && srv.straight == nil && srv.Pins.Has(session.PinSession) {
			s.endSession(srv, c)
		}
	}
}

func (s *Shard) endSession(srv *server, c *client) {
	srv.EndSession()
	srv.Suspects, srv.Markers, srv.ReadsOnly = srv.pool.suspects(), srv.markersOf(), srv.readsOnly()
	srv.pool.configureClient(c)
	s.settled(srv)
}
