package engine

import "github.com/pgmux/caddy-pgmux/internal/session"

// A client that asks Postgres to terminate, or to cancel, the process of another client's cancel key means that client: it is
// told 57P01 and closed, or what it runs is cancelled. As with Postgres, one may do so to one's own: to clients of the same
// user in the same pool, of whatever database. A superuser may signal servers, whose process IDs are in pg_stat_activity.

// signal passes a signal on to the shard of the client that is meant, in the next turn at the earliest: it may be the one that
// asks. It reports whether there is such a client, that the asker may signal.
func (s *Shard) signal(asker *session.Client, pid uint32, terminate bool) bool {
	shard, ok := s.engine.shardOf(pid)
	if !ok {
		return false
	}
	from := s.pools[s.client(asker.Slot).pool].shared
	if !shard.reaches.has(shard.slotOf(pid), reachKey(pid, from.template.name, from.user)) {
		return false
	}
	kind := mailInterrupt
	if terminate {
		kind = mailTerminate
	}
	shard.post(mail{kind: kind, pid: pid, pool: from})
	return true
}

// signalled does what a signal from a client of some pool asks for.
func (s *Shard) signalled(pid uint32, from *sharedPool, terminate bool) {
	slot := s.slotOf(pid)
	if slot == 0 || slot >= s.slots.used {
		return
	}
	sl := s.slots.slot(slot)
	if sl.kind != slotClient {
		return
	}
	c := &sl.client
	to := s.pools[c.pool].shared
	if s.pid(c) != pid || to.template != from.template || to.user != from.user {
		return
	}
	if terminate {
		s.finishClient(c, terminated.message("FATAL"))
		return
	}
	s.cancel(pid, s.secretOf(c), make(chan struct{}))
}

var terminated = &Refusal{SQLState: "57P01", Message: "terminating connection due to administrator command"}
