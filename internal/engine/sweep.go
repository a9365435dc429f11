package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// The kinds of timers. One of a pool may find another in its place, which it does no harm.
const (
	timerSweep   uint32 = iota // every sweepEvery
	timerWait                  // the first waiter of pool Ref has waited long enough
	timerRetry                 // pool Ref may dial again
	timerFinish                // client Ref has had its time for its last bytes
	timerServer                // server Ref may be late with what it does
	timerDrain                 // the drain is over
	timerStop                  // and the last clients have had time for their last bytes
	timerDismiss               // the clients of removed pool Ref have had their time
	timerClosed                // server Ref should have been ended by Postgres
	timerCancel                // what server Ref runs for nobody may have to be cancelled again
	timerClock                 // something server Ref does for its client may have taken too long
	timerIdle                  // some clients are to be looked at for client_idle_timeout
	timerSeek                  // replication client Ref looks again for a server
	timerListen                // pool Ref may dial its listener, or a client of it has waited long enough for that
	timerNumbers               // server Ref may have rested long enough with its client
	timerReserve               // a client of pool Ref may have waited for reserve_pool_timeout
	timerFlight                // client Ref may have waited long enough for another that asks the same
	timerFetch                 // client Ref may have waited long enough for other processes
	timerKnock                 // client Ref has ended its half of the connection, and may have vanished
	timerAccept                // the shard may accept clients again from socket Ref
)

// sweepEvery is how often what rests is looked through: the precision of server_idle_timeout and server_lifetime.
const sweepEvery = int64(time.Second)

// due does what a timer is about, unless it has become pointless.
func (s *Shard) due(t loop.Timer) {
	switch t.Kind {
	case timerSweep:
		s.sweep()
		s.timers.Set(loop.Timer{At: s.now + sweepEvery, Kind: timerSweep})
	case timerWait:
		if p := s.pools[t.Ref]; p != nil {
			s.expire(p)
		}
	case timerRetry:
		if p := s.pools[t.Ref]; p != nil {
			s.supply(p)
			s.leaveLobby(p)
		}
	case timerFinish:
		if sl := s.slots.at(loop.ID(t.Ref)); sl != nil && sl.kind == slotClient {
			s.closeClient(&sl.client)
		}
	case timerServer:
		s.alarmed(t.Ref)
	case timerClosed:
		if srv := s.serverAt(t.Ref); srv != nil {
			s.serverClosed(srv)
		}
	case timerCancel:
		if srv := s.serverAt(t.Ref); srv != nil && srv.purpose == abandoned && srv.Owes() {
			s.cancelAbandoned(srv)
		}
	case timerClock:
		s.clockDue(t.Ref)
	case timerIdle:
		s.stepIdle()
	case timerSeek:
		s.seekAgain(t.Ref)
	case timerKnock:
		if sl := s.slots.at(loop.ID(t.Ref)); sl != nil && sl.kind == slotClient {
			s.knock(&sl.client)
		}
	case timerFlight:
		s.flightLate(t.Ref)
	case timerFetch:
		s.fetchLate(t.Ref)
	case timerReserve:
		if p := s.pools[t.Ref]; p != nil {
			s.reserveDue(p)
		}
	case timerListen:
		if p := s.pools[t.Ref]; p != nil {
			s.expireListens(p)
			if p.listener != nil {
				s.drive(p)
			}
		}
	case timerNumbers:
		s.numbersDue(t.Ref)
	case timerAccept:
		s.acceptAgain(t.Ref)
	case timerDrain:
		s.endDrain()
	case timerStop:
		s.stopAnyway()
	case timerDismiss:
		if p := s.pools[t.Ref]; p != nil && p.leaving() {
			s.dismiss(p)
		}
	}
}

// sweep closes servers that have rested too long, are too old, or are too many, and gets those that are missing.
func (s *Shard) sweep() {
	for p := range s.eachPool {
		s.measure(p)
		s.closeRested(p)
		s.shrink(p)
	}
	for p := range s.eachPool {
		if p.ledger.Missing() > 0 {
			s.supply(p)
		}
		s.keepMinimum(p)
		s.tendListener(p)
	}
	s.renew()
	s.expireSuspects()
	s.endQuarantine()
	s.forgetPools()
}

// closeRested closes the servers of a pool that rest and are not to.
func (s *Shard) closeRested(p *shardPool) {
	timeout := int64(p.config().ServerIdleTimeout)
	p.ledger.EachIdle(func(r pool.Idle) bool {
		srv := s.server(r.Server)
		if srv.unwanted() || p.leaving() || srv.outlived() || s.expired(srv) || timeout > 0 && s.now-r.Since >= timeout {
			s.rested = append(s.rested, srv)
		}
		return true
	})
	minimum := p.minimum()
	for _, srv := range s.rested {
		switch {
		case srv.unwanted() || p.leaving() || srv.outlived():
			s.closeServer(srv)
		case s.expired(srv):
			s.closeExpired(srv)
		case p.shared.shared.Size.GoingAbove(minimum):
			p.counts.ServersIdledOut++
			s.endServer(srv)
		}
	}
	clear(s.rested)
	s.rested = s.rested[:0]
}

// configured takes a new configuration into use.
func (s *Shard) configured() {
	s.track()
	s.watchIdle()
	s.rearm()
	s.forgetRemoved()
	s.countDeclared()
	s.warm()
	for p := range s.eachPool {
		p.configure()
		for _, u := range *p.shared.template.upstreams.Load() {
			u.starving[s.index].Store(0) // who lacks a permit now will say so
		}
		for srv := range p.servers {
			srv.recount(s.now)
		}
	}
	for p := range s.eachPool {
		s.endSessions(p)
		s.closeOutlived(p)
		s.shrink(p)
		s.watch(p)
		s.supply(p)
		s.watchReserve(p)
		s.keepMinimum(p)
		if p.leaving() {
			s.dismiss(p)
		} else {
			p.dismissed = 0 // it may have come back
		}
	}
}

// shrink closes idle servers beyond a smaller size; the others leave as they are released.
func (s *Shard) shrink(p *shardPool) {
	for p.shared.shared.TooMany() {
		r, ok := p.ledger.OldestIdle()
		if !ok {
			return
		}
		s.closeServer(s.server(r.Server))
	}
}
