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
	timerClean                 // server Ref should be clean by now
	timerDrain                 // the drain is over
	timerStop                  // and the last clients have had time for their last bytes
	timerDismiss               // the clients of removed pool Ref have had their time
	timerClosed                // server Ref should have been ended by Postgres
	timerCancel                // what server Ref runs for nobody may have to be cancelled again
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
		}
	case timerFinish:
		if sl := s.slots.at(loop.ID(t.Ref)); sl != nil && sl.kind == slotClient {
			s.closeClient(&sl.client)
		}
	case timerClean:
		s.cleanOverdue(t.Ref)
	case timerClosed:
		if srv := s.serverAt(t.Ref); srv != nil {
			s.serverClosed(srv)
		}
	case timerCancel:
		if srv := s.serverAt(t.Ref); srv != nil && srv.purpose == abandoned && srv.Owes() {
			s.cancelAbandoned(srv)
		}
	case timerDrain:
		s.endDrain()
	case timerStop:
		s.stop()
	case timerDismiss:
		if p := s.pools[t.Ref]; p != nil && p.leaving() {
			s.dismiss(p)
		}
	}
}

// cleanOverdue closes a server that was to be clean by now.
func (s *Shard) cleanOverdue(conn uint64) {
	srv := s.serverAt(conn)
	if srv == nil {
		return
	}
	switch srv.purpose {
	case abandoned, rollingBack, resetting, waiting:
		s.notice(Warn, "a server did not become clean in time and is closed", srv, "its last query may hang, or the network to Postgres")
		s.closeServer(srv)
	}
}

// sweep closes servers that have rested too long, are too old, or are too many.
func (s *Shard) sweep() {
	var out []*server
	for p := range s.eachPool {
		cfg := p.config()
		p.ledger.EachIdle(func(r pool.Idle) bool {
			srv := s.server(r.Server)
			if cfg.ServerIdleTimeout > 0 && s.now-r.Since >= int64(cfg.ServerIdleTimeout) ||
				srv.expires != 0 && s.now >= srv.expires || srv.upstream.removed.Load() || p.leaving() {
				out = append(out, srv)
			}
			return true
		})
	}
	for _, srv := range out {
		s.closeServer(srv)
	}
	for p := range s.eachPool {
		if p.ledger.Missing() > 0 {
			s.supply(p)
		}
	}
	s.forgetPools()
}

// configured takes a new configuration into use.
func (s *Shard) configured() {
	for name := range s.forgotten {
		if t := s.engine.template(name); t == nil || t.removed.Load() {
			delete(s.forgotten, name)
		}
	}
	for p := range s.eachPool {
		p.configure()
		s.shrink(p)
		s.watch(p)
		s.supply(p)
		if p.leaving() {
			s.dismiss(p)
		} else {
			p.dismissed = 0 // it may have come back
		}
	}
}

// shrink closes idle servers beyond a smaller size; the others leave as they are released.
func (s *Shard) shrink(p *shardPool) {
	for p.shared.shared.Size.Over() {
		r, ok := p.ledger.OldestIdle()
		if !ok {
			return
		}
		s.closeServer(s.server(r.Server))
	}
}
