package engine

import (
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// dialListener dials the listener, if there is a permit, and else sees to it that there will be one.
func (s *Shard) dialListener(p *shardPool) {
	l := p.listener
	if l.dialing || !l.needed() || s.stopped {
		return
	}
	if at := max(p.retryAt, l.again); s.now < at {
		s.timers.Set(loop.Timer{At: at, Kind: timerListen, Ref: uint64(p.index)})
		return
	}
	u := s.choose(p)
	if u == nil || !u.servers.Take() {
		s.makeRoomToListen(p)
		s.timers.Set(loop.Timer{At: s.now + int64(listenAgain), Kind: timerListen, Ref: uint64(p.index)})
		return
	}
	p.shared.listeners.Take()
	l.dialing = true
	p.dialing++
	s.seq++
	s.dials[s.seq] = dial{pool: p, upstream: u, listens: true}
	k := p.shared.poolKey
	s.engine.host.Dial(DialRequest{Ticket: Ticket{s.index, s.seq}, Pool: k.pool, Database: k.database, User: k.user,
		Upstream: u.address, Timeout: p.config().ServerConnectTimeout})
}

// makeRoomToListen has a server closed that rests, where an upstream has no permit left: of another pool, or else of this one.
func (s *Shard) makeRoomToListen(p *shardPool) {
	full := false
	for _, u := range *p.shared.template.upstreams.Load() {
		limit := u.servers.Limit()
		if limit <= 0 || u.servers.Taken() < limit {
			continue
		}
		full = true
		u.starving[s.index].CompareAndSwap(0, max(s.now, 1))
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
		p.giveListenerBack(s, d.upstream)
		s.dialFailed(p, d.upstream, r.Refused)
		s.dialListener(p)
		return
	}
	p.counts.Connects++
	if s.isWrongReplica(p, d.upstream, r.Params) {
		s.engine.host.CloseFD(r.FD)
		p.giveListenerBack(s, d.upstream)
		s.dialListener(p)
		return
	}
	srv := &server{pool: p, upstream: d.upstream, pid: r.PID, secret: r.Secret, params: r.Params, born: s.now, heard: s.now,
		layer: r.Layer, purpose: hearing, listens: true}
	srv.Status = pgwire.StatusIdle
	if !s.adopt(srv, r.FD) {
		p.giveListenerBack(s, d.upstream)
		return
	}
	srv.OnNotification = func(m []byte) { s.hears(srv, m) }
	p.fails, p.retryAt, p.refusal = 0, 0, nil
	l.server = srv
	l.next = []string{neverTooIdle}
	for name := range l.wanted {
		l.next = append(l.next, "LISTEN "+quoteChannel(name))
	}
	slices.Sort(l.next[1:])
	s.drive(p)
}

// listenerLost dials another listener.
func (s *Shard) listenerLost(srv *server) {
	p := srv.pool
	l := p.listener
	s.closeServer(srv)
	l.server = nil
	l.gap = len(l.wanted) > 0
	l.marks, l.sent = append(l.sent, l.marks...), nil
	s.spread(p)
	if l.gap {
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
		case srv == nil || !srv.Settled():
		case srv.upstream.removed.Load():
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
	if l.server != nil && !p.leaving() && (timeout <= 0 || s.now-l.idle < timeout) {
		return
	}
	if l.server != nil {
		p.shared.hearing.Store(false)
		s.closeServer(l.server)
	}
	if !l.dialing {
		p.listener = nil
	}
}

// size is the budget that a server counts in, beside its upstream's.
func (srv *server) size() *pool.Budget {
	if srv.listens {
		return &srv.pool.shared.listeners
	}
	return &srv.pool.shared.shared.Size
}

// giveListenerBack returns the permits of a listener that did not come to be.
func (p *shardPool) giveListenerBack(s *Shard, u *upstream) {
	give(&p.shared.listeners, &u.servers)
	p.announce(s, u)
}
