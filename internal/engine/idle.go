package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// client_idle_timeout. Clients have no timers: while a pool has that timeout their slots are looked through, some at a
// time, all of them once a second. With more than 400,000 on one loop it takes as much longer.

const (
	// idleStep is how many slots are looked at in one turn: less than 1 ms.
	idleStep = 4096
	// idleRound is how often each slot is looked at: the precision of client_idle_timeout.
	idleRound = int64(time.Second)
	// idlePause is the shortest time between two steps.
	idlePause = int64(10 * time.Millisecond)
)

// watchIdle begins to look for clients that are idle too long, if any pool has a bound.
func (s *Shard) watchIdle() {
	if s.idleWatched || !s.engine.closesIdle() {
		return
	}
	s.idleWatched = true
	s.timers.Set(loop.Timer{At: s.now, Kind: timerIdle})
}

// closesIdle reports whether any pool has a client_idle_timeout, or timeouts of transactions that no server knows of.
func (e *Engine) closesIdle() bool {
	for i := range e.config.Load().Pools {
		if cfg := &e.config.Load().Pools[i]; cfg.ClientIdleTimeout > 0 || cfg.DeferBegin && cfg.TransactionTimeout+cfg.IdleTransactionTimeout > 0 {
			return true
		}
	}
	return false
}

// stepIdle looks at the next slots.
func (s *Shard) stepIdle() {
	if !s.engine.closesIdle() {
		s.idleWatched = false
		return
	}
	end := min(s.idleNext+idleStep, s.slots.used)
	for ; s.idleNext < end; s.idleNext++ {
		if sl := s.slots.slot(s.idleNext); sl.kind == slotClient {
			s.closeIdle(&sl.client)
		}
	}
	if s.idleNext >= s.slots.used {
		s.idleNext = 1
	}
	pause := min(max(idleRound*idleStep/int64(s.slots.used), idlePause), idleRound)
	s.timers.Set(loop.Timer{At: s.now + pause, Kind: timerIdle})
}

// closeIdle closes a client that has asked nothing for too long.
func (s *Shard) closeIdle(c *client) {
	if c.state == clientIdle && c.Deferred() {
		s.closeDeferred(c)
		return
	}
	timeout := s.pools[c.pool].config().ClientIdleTimeout
	if timeout <= 0 {
		return
	}
	if since, idle := s.idleSince(c); idle && s.now-since >= int64(timeout) {
		s.finishClient(c, idleTooLong(timeout).message("FATAL"))
	}
}

// closeDeferred closes a client that lets a transaction rest whose BEGIN has been deferred.
func (s *Shard) closeDeferred(c *client) {
	cfg := s.pools[c.pool].config()
	switch rests := s.now - c.since; {
	case cfg.TransactionTimeout > 0 && rests >= int64(cfg.TransactionTimeout):
		s.finishClient(c, transactionTooLong(cfg).message("FATAL"))
	case cfg.IdleTransactionTimeout > 0 && rests >= int64(cfg.IdleTransactionTimeout):
		s.finishClient(c, restsTooLong(cfg).message("FATAL"))
	}
}

// idleSince is since when a client is idle, if it is: logged in, with nothing asked and outside a transaction. One that
// keeps its server, in pool_mode session or for what it has left there, is idle nevertheless, but not one that listens:
// it waits for notifications. PgBouncer, too, lets those be.
func (s *Shard) idleSince(c *client) (since int64, idle bool) {
	switch c.state {
	case clientIdle:
		return c.since, c.welcomed && !c.congested && !c.Listens && c.awaits == 0
	case clientLinked:
		srv := s.serverOf(c)
		return srv.rests, srv.timesOut() && !srv.Owes() && !srv.InTransaction() && !c.MidFrame() && !c.congested &&
			c.blocked == session.More && srv.Pins&session.PinListen == 0 && !c.Listens && c.awaits == 0
	}
	return 0, false
}

func idleTooLong(timeout time.Duration) *Refusal {
	return &Refusal{
		SQLState: "57P05",
		Message:  "terminating connection due to idle-session timeout",
		Detail:   "client_idle_timeout is " + seconds(timeout) + ".",
		Hint:     "Connect again when there is something to ask, or raise client_idle_timeout of the pool.",
	}
}
