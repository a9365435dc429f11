package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/pool"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// mayRelease is the release point. A server leaves its client only when
//
//  1. the protocol machine says so (session.Server.Releasable: status I, nothing owed, no open batch, no COPY, no half
//     message, nothing unsure);
//  2. the client is not in the middle of a frame for it;
//  3. nothing pins it;
//  4. everything sent to it has left.
//
// A cancel on its way to it keeps it from others (release), but not with this client.
func (s *Shard) mayRelease(srv *server, c *client) bool {
	return srv.Releasable() && !c.MidFrame() && srv.Pins == 0 && !srv.congested
}

// unlink takes a server from its client, and passes it on.
func (s *Shard) unlink(srv *server, c *client) {
	srv.linking(s.now, -1)
	s.recordNoMore(srv)
	srv.used = max(s.now, 1)
	srv.client, c.server = 0, 0
	s.countPinned(srv)
	srv.noteUse(&c.Client)
	s.noteWrite(c, srv)
	s.hasHeard(c, srv)
	c.state, c.since = clientIdle, s.now
	c.blocked = session.More
	s.resumeClient(c, pauseServerFull)
	s.resumeServer(srv)
	s.clean(srv)
	if s.stopping || s.pools[c.pool].leaving() {
		s.finishClient(c, goingAway.message("FATAL"))
		return
	}
	s.proceed(c)
	s.cancelHeld(c)
}

// relieve lets a client go on that had to wait for its server's answers.
func (s *Shard) relieve(srv *server, c *client) {
	if c.blocked == session.Blocked && srv.Relieved() || c.blocked == session.Await && srv.mayGoOn(c) {
		c.blocked = session.More
		s.proceed(c)
	}
}

// abandon ends what a client has left behind: its query is cancelled, its transaction rolled back.
func (s *Shard) abandon(srv *server, c *session.Client) {
	s.endTrace(srv, true)
	s.recordNoMore(srv)
	srv.noteUse(c)
	srv.Sequences.Drew = false // nobody comes back for it
	if srv.Dying || !srv.Abandon(s.env, c) {
		s.closeServer(srv)
		return
	}
	s.resumeServer(srv)
	srv.purpose, srv.used = abandoned, max(s.now, 1)
	s.limit(srv, cleanTimeout)
	if srv.started != 0 && srv.Owes() {
		s.cancelAbandoned(srv)
	}
	s.settled(srv)
}

// cancelAbandoned cancels what an abandoned server runs for nobody, and again after a while: a cancel can come before
// its query, or hit only the first of several.
func (s *Shard) cancelAbandoned(srv *server) {
	if !srv.Asked() { // else fitted does it: it would hit what makes the session the client's
		s.cancelServer(srv, nil)
	}
	s.timers.Set(loop.Timer{At: s.now + int64(cancelAgain), Kind: timerCancel, Ref: srv.Conn})
}

// rollBack ends the transaction that was left open, if there is one.
func (s *Shard) rollBack(srv *server) {
	if srv.Unsure() || srv.Dying || srv.misfit {
		s.closeServer(srv)
		return
	}
	if srv.Status != pgwire.StatusIdle {
		srv.purpose = rollingBack
		srv.Ask(s.env, "ROLLBACK")
		return
	}
	s.clean(srv)
}

// clean makes the session of a server that a client has left state in as it was at its start, where server_reset is
// always that of any that a client gives back, and passes it on.
func (s *Shard) clean(srv *server) {
	s.settleWrites(srv)
	cfg := srv.pool.config()
	query := cfg.ServerResetQuery
	srv.soil(someoneElse)
	left := srv.Pins | srv.Lost
	unclean := left != 0 || srv.Touched.Any() || srv.Channels.Changed || srv.Channels.Worn
	s.countPinned(srv)
	s.defined(srv)
	switch {
	case unclean && (cfg.ServerReset == ResetNever || query == "" || left&session.Lasting != 0):
		s.closeServer(srv)
		return
	case !unclean && !(srv.dirty && cfg.ServerReset == ResetAlways && query != ""):
		s.release(srv)
		return
	}
	if srv.cancel != 0 {
		srv.purpose = waiting // a late cancel must not hit the reset
		return
	}
	srv.purpose = resetting
	s.limit(srv, cleanTimeout)
	srv.Ask(s.env, query)
}

// release passes a clean server on: to the first who waits, here or elsewhere, or to rest.
func (s *Shard) release(srv *server) {
	if srv.cancel != 0 {
		srv.purpose = waiting
		return
	}
	p := srv.pool
	if s.mustGo(srv) {
		s.closeServer(srv)
		return
	}
	if s.expired(srv) {
		s.closeExpired(srv)
		return
	}
	if s.mustStudy(p) {
		s.study(srv)
		return
	}
	srv.purpose, srv.dirty = idle, false
	outcome, to := p.ledger.Release(s.now, srv.slot, uint32(srv.Settings))
	switch outcome {
	case pool.ToWaiter:
		s.grant(s.client(to), srv)
	case pool.ToShard:
		s.leave(srv, int(to))
	case pool.ToClose:
		s.closeServer(srv)
	case pool.ToIdle:
		if srv.keepsNumbers() {
			p.ledger.TakeLast(srv.slot)
		}
		if p.root != nil {
			s.draw(p)
		}
	}
}

// mustGo reports whether a server that is free is wanted no longer: its upstream has been removed, or its pool, in which
// nobody waits any more; or others need its place.
func (s *Shard) mustGo(srv *server) bool {
	p := srv.pool
	return srv.unwanted() || srv.outlived() ||
		p.leaving() && p.shared.shared.Waiting() == 0 ||
		s.yields(srv)
}

// unwanted reports whether the upstream of a server has been removed, or is not what the server was dialed for any more, or
// transactions are balanced now, and it is of the root; or that an operator wants it gone, or all of its pool.
func (srv *server) unwanted() bool {
	return srv.upstream.serves.Load()&srv.needs() == 0 || srv.generation < srv.pool.shared.oldest.Load()
}

// needs is what the upstream of a server has to serve.
func (srv *server) needs() uint32 {
	switch {
	case srv.pool.root != nil:
		return servesBranch
	case srv.listens || srv.straight != nil:
		return servesRoot
	}
	return servesTransactions
}
