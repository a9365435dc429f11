package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// movedServer is a server between two shards.
type movedServer struct {
	server *server
	// profile is what its session is set to.
	profile *profile
	fd      int
	early   []byte // what it said meanwhile
}

// lend gives another shard an idle server, if there is one to spare.
func (s *Shard) lend(shared *sharedPool, to int) {
	p := s.partOf(shared)
	if p != nil {
		if slot, ok := p.ledger.Lend(to); ok {
			s.leave(s.server(slot), to)
			return
		}
	}
	if !shared.shared.Starving(to) {
		return
	}
	// It has none any more; where one rests still, that one is asked, else who asked looks further.
	if p != nil {
		if other := p.ledger.Lender(); other >= 0 && other != to {
			s.engine.shards[other].mail.Post(mail{kind: mailWanted, pool: shared, shard: to})
			return
		}
	}
	s.engine.shards[to].mail.Post(mail{kind: mailFreed, pool: shared})
}

// leave takes a server, which is in no ledger any more, off this loop.
func (s *Shard) leave(srv *server, to int) {
	srv.purpose, srv.destination = leaving, to
	s.resumeServer(srv)
	s.op(loop.Detach, srv.Conn)
}

// depart sends a server that is off the loop to its next shard.
func (s *Shard) depart(srv *server, ev *loop.Event) {
	m := &movedServer{server: srv, profile: s.profiles[srv.Settings], fd: int(ev.FD), early: append([]byte(nil), ev.Data...)}
	ev.FD = loop.Taken
	p := srv.pool
	srv.moveNumbers()
	srv.Leave(s.env)
	srv.moveSoil()
	s.slots.removeServer(srv)
	s.servers--
	p.counts.retire(srv)
	delete(p.servers, srv)
	srv.OnParameter, srv.OnAnswer, srv.OnNotice = nil, nil, nil
	srv.armed = 0 // its timer stays here
	s.engine.shards[srv.destination].post(mail{kind: mailServer, moved: m})
	s.checkDrained()
}

// arrive takes a server over from another shard.
func (s *Shard) arrive(m *movedServer) {
	srv := m.server
	p := s.joinShared(srv.pool.shared)
	srv.pool = p
	srv.purpose = idle
	if _, known := s.profiles[srv.Settings]; !known {
		s.addProfile(m.profile)
	}
	if !s.adopt(srv, m.fd) {
		p.giveBack(s, srv.upstream, srv.generation)
		return
	}
	if len(m.early) > 0 {
		s.fromServer(srv, m.early)
		if srv.purpose == closing {
			return
		}
	}
	if srv.Dying { // it said so while it was leaving
		s.closeServer(srv)
		return
	}
	s.clean(srv)
}
