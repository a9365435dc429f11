package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// What changes with the upstreams of a pool: servers that rest where they serve nobody any more are closed, those in use when
// they are released (mustGo); and who waits where no server is going to come waits elsewhere, as if it had always waited there.

// regroup does that after a new view.
func (s *Shard) regroup(t *template) {
	s.regroupThose(func(p *shardPool) bool { return p.shared.template == t })
}

func (s *Shard) regroupThose(taken func(*shardPool) bool) {
	for p := range s.eachPool {
		if taken(p) {
			s.closeUnwanted(p)
		}
	}
	for i := 0; i < len(s.pools); i++ { // who waits elsewhere may make a branch
		if p := s.pools[i]; p != nil && taken(p) {
			if r := s.broken(p); r != nil {
				s.refuseWaiters(p, r)
			}
			s.reroute(p)
			s.supply(p)
			s.keepMinimum(p)
			if p.listener != nil {
				s.tendListener(p)
			}
		}
	}
}

// closeUnwanted closes the servers at rest that their upstream is not to have any more, also those that rest with a client.
func (s *Shard) closeUnwanted(p *shardPool) {
	p.ledger.EachIdle(func(r pool.Idle) bool {
		if srv := s.server(r.Server); srv.unwanted() {
			s.rested = append(s.rested, srv)
		}
		return true
	})
	for _, srv := range s.rested {
		s.closeServer(srv)
	}
	clear(s.rested)
	s.rested = s.rested[:0]
	for srv := range p.servers {
		if srv.restsNow() && srv.unwanted() {
			s.settled(srv) // it rests no longer
		}
	}
}

// reroute has those who wait in a pool wait elsewhere, where another is better for them now.
func (s *Shard) reroute(p *shardPool) {
	if p.ledger.Waiting() == 0 || !s.isForsaken(p) {
		return
	}
	s.moving = s.moving[:0]
	p.ledger.EachWaiter(func(w pool.Waiter) { s.moving = append(s.moving, s.client(w.Client).Conn) })
	for _, conn := range s.moving {
		if c := s.waiterIn(p, conn); c != nil {
			s.waitElsewhere(c, p)
		}
	}
}

// waiterIn is the client of a connection, if it still waits in a pool.
func (s *Shard) waiterIn(p *shardPool, conn uint64) *client {
	c := s.client(loop.ID(conn).Slot())
	if c.Conn != conn || c.at != p.index || c.state != clientWaiting && c.state != clientWelcoming {
		return nil
	}
	return c
}

// waitElsewhere has a client wait in the pool that is the right one now, if that is another.
func (s *Shard) waitElsewhere(c *client, p *shardPool) {
	to := s.route(c)
	if to == p {
		return
	}
	p.ledger.Leave(c.ticket)
	c.state = clientIdle
	s.againAt(c, to)
}

// leaveLobby lets those go on who wait for a replica, after the pause of one that has refused.
func (s *Shard) leaveLobby(p *shardPool) {
	if p.root == nil {
		return
	}
	if l := p.root.branch(lobby); l != nil {
		s.reroute(l)
	}
}

// isForsaken reports whether no server is going to come to a pool for now.
func (s *Shard) isForsaken(p *shardPool) bool {
	if p.root == nil {
		return p.view().mode == routeBalanced
	}
	if p.shared.upstream == lobby || p.isRefused(s.now) {
		return true
	}
	for _, u := range *p.shared.template.upstreams.Load() {
		if u.address == p.shared.upstream {
			return u.serves.Load()&servesBranch == 0 || !u.isClosed()
		}
	}
	return true
}
