package engine

import (
	"math"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// dialListener dials the listener, if there is a permit, and else sees to it that there will be one.
func (s *Shard) dialListener(p *shardPool) {
	l := p.listener
	if !l.needed() {
		l.lacks = 0
	}
	if l.dialing || !l.needed() || s.stopped {
		return
	}
	if at := max(p.retryAt, l.again); s.now < at {
		s.lookAgain(p, &l.alarm, at)
		return
	}
	u := s.takeToListen(p)
	if u == nil {
		if l.lacks == 0 {
			l.lacks = max(s.now, 1)
		}
		s.makeRoomToListen(p)
		s.lookAgain(p, &l.alarm, s.now+int64(listenAgain))
		return
	}
	l.dialing, l.lacks = true, 0
	p.dialing++
	s.seq++
	s.dials[s.seq] = dial{pool: p, upstream: u, defaults: p.template.defaults.Load(), generation: s.engine.opens(p.shared), listens: true}
	k := p.shared.poolKey
	s.engine.host.Dial(DialRequest{Ticket: Ticket{s.index, s.seq}, Pool: k.pool, Database: p.shared.serverDatabase, User: k.user,
		Upstream: u.address, Timeout: p.config().ServerConnectTimeout})
}

// lookAgain sets a timer for a pool's listener and those who wait for it; alarm is when the next one for the same purpose is due,
// or there would be one more for everybody who asks.
func (s *Shard) lookAgain(p *shardPool, alarm *int64, at int64) {
	if *alarm > s.now && *alarm <= at {
		return
	}
	*alarm = at
	s.timers.Set(loop.Timer{At: at, Kind: timerListen, Ref: uint64(p.index)})
}

// takeToListen is the upstream for a listener, with the permits for it; nil if there are none.
func (s *Shard) takeToListen(p *shardPool) *upstream {
	u := s.chooseIf(p, (*upstream).mayListen)
	switch {
	case u == nil || !u.listeners.TakeBelow(u.mostListeners()):
		return nil
	case !u.servers.Take():
		u.listeners.Give()
		return nil
	}
	return u
}

// mostListeners is how many listeners an upstream may have: one server is left for the clients.
func (u *upstream) mostListeners() int {
	if limit := u.servers.Limit(); limit > 0 {
		return limit - 1
	}
	return math.MaxInt32
}

func (u *upstream) mayListen() bool { return u.listeners.Taken() < u.mostListeners() }

// makeRoomToListen has a server closed that rests, where an upstream has no permit left: of another pool, or else of this one.
func (s *Shard) makeRoomToListen(p *shardPool) {
	full := false
	for _, u := range *p.shared.template.upstreams.Load() {
		limit := u.servers.Limit()
		switch {
		case limit <= 0:
			continue
		case u.mayListen():
			if u.servers.Taken() < limit {
				continue
			}
			full = true
			if u.starving[s.index].Load() == 0 {
				u.turn[s.index].Store(p.listener.lacks)
				u.starving[s.index].Store(p.listener.lacks)
			}
		}
		for _, other := range s.engine.shards {
			other.mail.Post(mail{kind: mailEvict, pool: p.shared, upstream: u})
		}
	}
	if full && p.shared.shared.Size.Leaving() == 0 {
		s.giveUpOne(p)
	}
}

// listenerDialed takes what became of that.
func (s *Shard) listenerDialed(d dial, r *DialResult) {
	p := d.pool
	l := p.listener
	l.dialing = false
	p.dialing--
	if r.Refused != nil {
		p.counts.ConnectsFailed++
		p.giveListenerBack(s, &d)
		s.dialFailed(p, d.upstream, r.Refused)
		s.dialListener(p)
		return
	}
	p.counts.Connects++
	if s.isWrongReplica(p, d.upstream, r.Params) {
		s.engine.host.CloseFD(r.FD)
		p.giveListenerBack(s, &d)
		s.dialListener(p)
		return
	}
	srv := &server{pool: p, upstream: d.upstream, pid: r.PID, secret: r.Secret, params: r.Params, born: s.now, defaults: d.defaults, generation: d.generation, heard: s.now,
		layer: r.Layer, purpose: hearing, listens: true}
	srv.Status = pgwire.StatusIdle
	if !s.adopt(srv, r.FD) {
		p.giveListenerBack(s, &d)
		return
	}
	srv.OnNotification = func(m []byte) { s.hears(srv, m) }
	p.fails, p.retryAt, p.refusal = 0, 0, nil
	l.server = srv
	l.next = nil
	for name := range l.wanted {
		l.next = append(l.next, "LISTEN "+quoteChannel(name))
	}
	slices.Sort(l.next)
	s.tellListener(srv, neverTooIdle+";LISTEN "+quoteChannel(s.engine.markerChannel))
}

// listenerLost dials another listener.
func (s *Shard) listenerLost(srv *server) {
	p := srv.pool
	l := p.listener
	s.closeServer(srv)
	l.server, l.next = nil, nil
	l.ends(s.engine, p.shared)
	l.gap = len(l.wanted) > 0
	l.marks, l.sent = append(l.sent, l.marks...), nil
	s.spread(p)
	if l.gap && !srv.unwanted() {
		s.notice(Warn, "the server that listens for clients is lost; they may miss notifications until another listens", srv,
			"Postgres has ended it, or the network to it is gone")
	}
	p.shared.hearing.Store(false)
	for _, other := range s.engine.shards {
		other.mail.Post(mail{kind: mailDeaf, pool: p.shared})
	}
	s.dialListener(p)
}

// tendListener closes a listener that nobody has needed for long, or whose upstream has been removed, and asks one of which nobody
// has heard for server_check_interval whether it is still there.
func (s *Shard) tendListener(p *shardPool) {
	l := p.listener
	if l == nil {
		return
	}
	if l.needed() {
		l.idle = 0
		switch srv := l.server; {
		case srv == nil && !l.dialing && !p.roomToListen():
			s.endListening(p)
		case srv == nil || !srv.Settled():
		case srv.unwanted(), srv.upstream.listeners.Taken() > srv.upstream.mostListeners(): // there is no room for it any more
			s.listenerLost(srv)
		case s.mustCheck(srv):
			s.tellListener(srv, "")
		}
		return
	}
	if l.idle == 0 {
		l.idle = max(s.now, 1)
	}
	timeout := int64(p.config().ServerIdleTimeout)
	if l.server != nil && !p.leaving() && !l.server.unwanted() && (timeout <= 0 || s.now-l.idle < timeout) {
		return
	}
	s.dismissListener(p)
}

// dismissListener closes a listener that nobody needs.
func (s *Shard) dismissListener(p *shardPool) {
	l := p.listener
	if l.server != nil {
		p.shared.hearing.Store(false)
		l.ends(s.engine, p.shared)
		s.closeServer(l.server)
		l.server = nil
	}
	if !l.dialing {
		p.listener = nil
	}
}

// evictListener closes a listener that nobody needs, of any pool with that upstream, where others lack its permit.
func (s *Shard) evictListener(u *upstream) bool {
	for p := range s.eachPool {
		if l := p.listener; l != nil && !l.needed() && l.server != nil && l.server.upstream.allowance == u.allowance {
			s.dismissListener(p)
			return true
		}
	}
	return false
}

// size is the budget that a server counts in, beside its upstream's.
func (srv *server) size() *pool.Budget {
	if srv.listens {
		return &srv.upstream.listeners
	}
	return &srv.pool.shared.shared.Size
}

// giveListenerBack returns the permits of a listener that did not come to be.
func (p *shardPool) giveListenerBack(s *Shard, d *dial) {
	s.engine.closed(p.shared, d.generation)
	give(&d.upstream.listeners, &d.upstream.servers)
	p.announce(s, d.upstream)
}
