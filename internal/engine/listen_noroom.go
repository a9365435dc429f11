package engine

import "slices"

// Listeners leave one server of an upstream to queries. Where max_server_connections is 1, there is none for them, and never will
// be: who listens then is closed, rather than left to wait for what nobody hears.

// roomToListen reports whether max_server_connections allows of a listener at all, however many servers there are now.
func (p *shardPool) roomToListen() bool {
	list := *p.shared.template.upstreams.Load()
	declared := slices.ContainsFunc(list, func(u *upstream) bool { return u.role == RolePrimary })
	primaries := hasPrimary(list)
	return slices.ContainsFunc(list, func(u *upstream) bool {
		return u.mostListeners() > 0 && (u.role == RolePrimary || !declared && (u.role != RoleReplica || !primaries))
	})
}

// endListening has all shards close the clients of a pool that listen.
func (s *Shard) endListening(p *shardPool) {
	for i, other := range s.engine.shards {
		if i != s.index {
			other.mail.Post(mail{kind: mailUnheard, pool: p.shared})
		}
	}
	s.unheard(p)
}

// unheard closes the clients of a pool here that listen, or are about to.
func (s *Shard) unheard(p *shardPool) {
	conns := s.listenersOf(p)
	if p.hub != nil {
		for _, w := range p.hub.waits {
			if len(w.added) > 0 {
				conns = append(conns, w.conn)
			}
		}
	}
	for _, conn := range conns {
		if c := s.waiterOf(listenWait{conn: conn}); c != nil { // not one that is closed already
			s.finishClient(c, noRoomToListen.message("FATAL"))
		}
	}
}

var noRoomToListen = &Refusal{
	SQLState: "08006",
	Message:  "no connection can be had that listens for the client: max_server_connections is 1",
	Detail:   "That one is left to queries; the notifications of a LISTEN that has committed would not reach the client.",
	Hint:     "Set max_server_connections to 2 or more, and connect again.",
}
