package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A query that took slow_query or longer has a line in the log: once it has been answered, so that the line can tell how long it took, and with its
// normal form, so that no literal of it is told. Of queries that are quick it costs a comparison.

// maxSlowLines bounds the lines about slow queries that one shard writes in a second.
const maxSlowLines = 10

// SlowQuery is what a Notice about a slow query tells besides its Elapsed.
type SlowQuery struct {
	// Waited is how long the client had waited for a server before.
	Waited time.Duration
	// Rows is how many were returned or changed.
	Rows uint64
	// LeftOut is how many such lines have not been written since the last, because there were too many.
	LeftOut uint64
}

// slow tells of a query that was.
func (s *Shard) slow(srv *server, r *session.Ran, elapsed int64) {
	leftOut, ok := s.slowLines.take(s.now, maxSlowLines)
	if !ok {
		return
	}
	k := srv.pool.shared.poolKey
	n := Notice{
		Level: Warn, Message: "a query was slow", Pool: k.pool, Database: k.database, User: k.user, Upstream: srv.upstream.address,
		Statement: string(s.readForm(r)), Elapsed: time.Duration(elapsed),
		Slow: &SlowQuery{Waited: time.Duration(srv.waited), Rows: r.Rows, LeftOut: leftOut},
	}
	if r.Failed {
		n.Cause = "it ended with an error"
	}
	if c := s.clientOf(srv); c != nil {
		n.User, n.Address = s.loginOf(c), c.Address()
		n.Application, _ = s.profiles[c.Settings].value(applicationName)
	}
	s.engine.host.Log(n)
}
