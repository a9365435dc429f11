package engine

import "github.com/pgmux/caddy-pgmux/internal/session"

// A server that knows statements by its client's own names is asked what they stand for when code has run on it that nobody can read, and
// its client's transaction is over: what is not known counts as a write of everything (session/native_texts.go).

// asksNames asks that, if it is to be. It reports true if so.
func (s *Shard) asksNames(srv *server, c *client) bool {
	if !srv.AsksTexts() {
		return false
	}
	if srv.cancel != 0 {
		return true // it would be hit; cancelled looks again
	}
	srv.naming = true
	s.inquire(srv, c, session.TextsQuestion)
	return true
}

// named takes the answer.
func (s *Shard) named(srv *server, c *client) {
	c.state, srv.purpose = clientLinked, linked
	c.blocked = session.More // what it awaited has been answered, too
	srv.LearnTexts(s.env)
	s.proceed(c)
}
