package engine

import (
	"cmp"

	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// A server that has rested for server_check_interval is asked server_check_query before a client gets it. Meanwhile the
// client is with it as with one that is being prepared: should it not answer, the client gets another, and its wait
// goes on as if it had not been over. What a late one says reaches nobody: it is closed.

// mustCheck reports whether nobody knows whether a server is still there.
func (s *Shard) mustCheck(srv *server) bool {
	interval := srv.pool.config().ServerCheckInterval
	return interval > 0 && s.now-srv.heard >= int64(interval)
}

// check asks a server, for a client that is to have it.
func (s *Shard) check(c *client, srv *server) {
	srv.client, c.server = c.Slot, srv.slot
	c.state = clientPreparing
	s.askIfThere(srv)
	s.alarmBefore(srv, c)
}

// askIfThere begins a check. The server is in no ledger.
func (s *Shard) askIfThere(srv *server) {
	cfg := srv.pool.config()
	srv.purpose = checking
	srv.Ask(s.env, cfg.ServerCheckQuery)
	s.limit(srv, cmp.Or(cfg.ServerConnectTimeout, cleanTimeout))
}

// checkOthers checks, for nobody, the servers at rest of a pool in which one has not answered: if the network has
// forgotten them too, a client must not find that out one after the other.
func (s *Shard) checkOthers(silent *server) {
	p := silent.pool
	p.ledger.EachIdle(func(r pool.Idle) bool {
		if srv := s.server(r.Server); srv.upstream == silent.upstream && s.mustCheck(srv) {
			s.rested = append(s.rested, srv)
		}
		return true
	})
	for _, srv := range s.rested {
		p.ledger.Remove(srv.slot)
		s.askIfThere(srv)
	}
	clear(s.rested)
	s.rested = s.rested[:0]
}

// alarmBefore sees to it that a client does not wait for a check longer than for a server.
func (s *Shard) alarmBefore(srv *server, c *client) {
	if timeout := srv.pool.config().QueryWaitTimeout; timeout > 0 {
		s.alarm(srv, min(srv.deadline, c.since+int64(timeout)))
	}
}

// checked takes the answer.
func (s *Shard) checked(srv *server) {
	if srv.Failed || !srv.Releasable() {
		s.checkFailed(srv, "it answered server_check_query with an error, or is being shut down")
		return
	}
	c := s.clientOf(srv)
	if c == nil { // it has left, or did not wait for this
		s.release(srv)
		return
	}
	srv.client, c.server = 0, 0
	s.grant(c, srv)
}

// checkOverdue looks whether the answer, or the client, has taken too long.
func (s *Shard) checkOverdue(srv *server) {
	if s.now >= srv.deadline {
		s.checkOthers(srv)
		s.checkFailed(srv, "it has not answered server_check_query within server_connect_timeout: the network to Postgres may be gone")
		return
	}
	s.alarm(srv, srv.deadline)
	c := s.clientOf(srv)
	if c == nil {
		return
	}
	p := srv.pool
	if timeout := p.config().QueryWaitTimeout; timeout > 0 && s.now-c.since >= int64(timeout) {
		p.counts.WaitTimeouts++
		s.leaveCheck(c, s.waitedTooLong(p, c.since))
		return
	}
	s.alarmBefore(srv, c)
}

// leaveCheck refuses the client for which a server is checked; the check goes on for nobody.
func (s *Shard) leaveCheck(c *client, r *Refusal) {
	s.unhook(c)
	s.resumeClient(c, pauseServerFull)
	s.refuse(c, r)
	s.proceed(c)
}

// checkFailed closes a server that is not there any more; its client gets another.
func (s *Shard) checkFailed(srv *server, cause string) {
	s.notice(Warn, "a server failed its check and is closed", srv, cause)
	s.serverLost(srv)
}
