package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A transaction at READ COMMITTED sees with each statement what others have committed before. As long as it has only read, it may be
// answered from the cache like what is outside a transaction, and its replies may be kept:
//
//  1. its BEGIN said READ COMMITTED, or nothing, where that is the default: of the session, or, as the catalog tells, of all;
//  2. everything that it has run since is known to only read, and leaves nothing in the session;
//  3. nothing is owed to its client, and nothing of it has been kept for later;
//  4. its server has heard of it lately: Postgres closes what rests in a transaction, and does not see who is answered here;
//  5. its server, if that is a replica's, has replayed all that the reply takes in: what is seen once in a transaction is seen up to its end.
//     Where there is no server yet, the one that comes must have.
//
// One whose BEGIN has been deferred needs no server until somebody has to be asked. One that has a server waits for nobody who asks the
// same: that one may be waiting for the server.

// maxUnheard is how long a server with an open transaction may be spared.
const maxUnheard = time.Second

// committed reports whether a transaction that began so sees what others commit.
func (s *Shard) committed(c *client, isolation session.Isolation) bool {
	if isolation == session.IsolationDefault {
		switch s.profiles[c.Settings].isolation {
		case isolationUnset:
			return s.pools[c.pool].shared.catalog.committed.Load()
		case isolationOther:
			return false
		}
	}
	return isolation != session.IsolationUnknown
}

// status is what a client without a server is told that its transaction is, if a reply from the cache suits it.
func (s *Shard) status(c *client) (status byte, suits bool) {
	if !c.Deferred() {
		return pgwire.StatusIdle, true
	}
	return pgwire.StatusActive, s.committed(c, c.Begun())
}

// stillReads reports whether a server's transaction, when it has run one text more, is one of these.
func (s *Shard) stillReads(srv *server, text []byte, id prepared.StmtID, effects sql.Effects) bool {
	switch w := &srv.writes; {
	case text == nil:
		return false
	case effects.Has(sql.Begins):
		c := s.clientOf(srv)
		return c != nil && !w.ran && s.committed(c, session.IsolationOf(text))
	default:
		return w.reads && s.env.OnlyReads(text, id, &srv.pool.shared.catalog.suspects)
	}
}

// readsInside reports whether a client may be answered from the cache that is amid a transaction on a server.
func (s *Shard) readsInside(srv *server) bool {
	w := &srv.writes
	return w.reads && srv.Status == pgwire.StatusActive && srv.Settled() && srv.Pins == 0 && !srv.congested && s.now-w.heard < int64(maxUnheard)
}

// inside answers the unit that a client's bytes begin with from the cache, amid a transaction on its server, or begins to record the
// reply to it. used is how long the unit is, if it has been answered.
func (s *Shard) inside(c *client, srv *server, data []byte) (used int) {
	q := s.looksUp(c, data)
	if q == nil {
		return 0
	}
	counts := &q.cache.counts[s.index]
	e := s.find(q)
	if e != nil && s.hasReplayed(srv, e.Evidence.Mark()) && s.answerWith(c, q, e, pgwire.StatusActive) {
		counts.hits.Add(1)
		srv.rests = s.now
		return q.Len
	}
	if s.mayCache(c, q) {
		counts.misses.Add(1)
		if srv.recording = s.recordingOf(c, srv, q, pgwire.StatusActive); srv.recording != nil {
			s.recordBehind(c, srv, data[q.Len:], pgwire.StatusActive)
		}
	}
	return 0
}
