package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// dial is a server on its way.
type dial struct {
	pool       *shardPool
	upstream   *upstream
	seeker     uint64 // the replication client it is for; 0: whoever waits
	listens    bool   // it is for the pool's listener
	orphaned   bool   // nobody wants it any more: its shard has crashed meanwhile
	defaults   uint64 // what template.defaults was when it was begun
	generation uint64
}

const (
	// maxRetries is how often the pause between failed dials doubles.
	maxRetries = 4
	// replicaFor is how long an upstream that said it is in recovery gets no writes before it is asked again.
	replicaFor = 2 * time.Second
	// unfairAfter is how long pools of an upstream may starve for its permits before servers of others are closed for
	// them.
	unfairAfter = 100 * time.Millisecond
	// evictEvery is how often a pool asks the others.
	evictEvery = time.Millisecond
)

// supply gets servers for those who wait: an idle one of another shard where there is one, else a new one for each who
// lacks one, as far as that is permitted.
func (s *Shard) supply(p *shardPool) {
	if p.ledger.Waiting() == 0 {
		return
	}
	missing := p.ledger.Missing()
	if other := p.ledger.Lender(); other >= 0 { // a dial that is under way may take long
		s.engine.shards[other].mail.Post(mail{kind: mailWanted, pool: p.shared, shard: s.index})
		missing-- // should it have none to spare after all, it says so: lend
	}
	for ; missing > 0 && s.now >= p.retryAt; missing-- {
		u := s.choose(p)
		if u == nil || !p.takePermits(u) && !s.takeReserve(p, u) {
			if !s.spilling && s.mayWaitBeside(p) {
				s.mail.Post(mail{kind: mailSpill, pool: p.shared}) // not now: the caller is in the middle of something
				return
			}
			s.starve(p)
			return
		}
		s.dial(p, u)
	}
}

// dial asks the Host for a server, for which the permits have been taken.
func (s *Shard) dial(p *shardPool, u *upstream) {
	p.ledger.Coming()
	p.dialing++
	s.seq++
	s.dials[s.seq] = dial{pool: p, upstream: u, defaults: p.template.defaults.Load(), generation: s.engine.opens(p.shared)}
	cfg, k := p.config(), p.shared.poolKey
	s.engine.host.Dial(DialRequest{Ticket: Ticket{s.index, s.seq}, Pool: k.pool, Database: p.shared.serverDatabase, User: k.user,
		Upstream: u.address, Timeout: cfg.ServerConnectTimeout})
}

// choose is the upstream for the next server: of those that the pool may have servers of, the one with the fewest. nil if none
// has a permit left, or all are out of reach.
func (s *Shard) choose(p *shardPool) *upstream {
	return s.chooseIf(p, func(*upstream) bool { return true })
}

func (s *Shard) chooseIf(p *shardPool, good func(*upstream) bool) (best *upstream) {
	var fewest int
	for _, u := range *p.shared.template.upstreams.Load() {
		if !u.mayServe(p) || p.root == nil && s.now < u.replicaUntil.Load() {
			continue
		}
		n, limit := u.servers.Taken(), u.servers.Limit()
		if limit > 0 && n >= limit || !good(u) || !u.isClosed() && !s.admits(p.shared.template, u) {
			continue
		}
		if best == nil || n < fewest {
			best, fewest = u, n
		}
	}
	return best
}

// hasPrimary reports whether any of them is declared to be, or may turn out to be, a primary.
func hasPrimary(list []*upstream) bool {
	for _, u := range list {
		if u.role != RoleReplica {
			return true
		}
	}
	return false
}

// dialed takes what became of a dial.
func (s *Shard) dialed(ticket uint64, r *DialResult) {
	d, ok := s.dials[ticket]
	if !ok {
		if r.Refused == nil {
			s.engine.host.CloseFD(r.FD)
		}
		return
	}
	delete(s.dials, ticket)
	if d.orphaned {
		if r.Refused == nil {
			s.engine.host.CloseFD(r.FD)
		}
		if d.listens {
			d.pool.giveListenerBack(s, &d) // of the pool itself nothing may be left
		} else {
			s.joinShared(d.pool.shared).giveBack(s, d.upstream, d.generation)
		}
		return
	}
	p := d.pool
	if d.seeker != 0 {
		s.straightDialed(d, r)
		return
	}
	if d.listens {
		s.listenerDialed(d, r)
		return
	}
	p.ledger.Came()
	p.dialing--
	if r.Refused != nil {
		p.counts.ConnectsFailed++
		p.giveBack(s, d.upstream, d.generation)
		s.dialFailed(p, d.upstream, r.Refused)
		return
	}
	p.counts.Connects++
	srv := &server{pool: p, upstream: d.upstream, pid: r.PID, secret: r.Secret, params: r.Params, born: s.now, defaults: d.defaults, generation: d.generation, heard: s.now,
		layer: r.Layer, chance: float64(s.engine.host.Random()>>11) / (1 << 53)}
	srv.Status = 'I'
	if s.isWrongReplica(p, d.upstream, r.Params) {
		s.engine.host.CloseFD(r.FD)
		p.giveBack(s, d.upstream, d.generation)
		s.supply(p)
		return
	}
	srv.standsIn()
	for _, q := range srv.params {
		srv.sum += paramSum(q.Name, q.Value)
	}
	if !s.adopt(srv, r.FD) {
		p.giveBack(s, d.upstream, d.generation)
		return
	}
	p.fails, p.retryAt, p.refusal = 0, 0, nil
	s.connected(p.shared.template, d.upstream)
	s.introduce(srv)
	p.shared.warm.Store(true)
	s.release(srv)
	s.supply(p)
	s.keepMinimum(p)
}

// adopt gives a server a slot and its socket to the driver.
func (s *Shard) adopt(srv *server, fd int) bool {
	if s.stopped || !s.slots.addServer(srv) {
		s.engine.host.CloseFD(fd)
		return false
	}
	s.servers++
	srv.pool.servers[srv] = struct{}{}
	srv.OnParameter = func(name, value []byte) { s.reports(srv, name, value) }
	srv.OnAnswer = func() { s.fitted(srv) }
	srv.OnNotice = func(m []byte) { s.noticedAtLogin(srv, m) }
	if srv.sender == nil {
		s.engine.senders.add(srv)
	}
	srv.alarmAt = 0 // that was another shard's
	if srv.id == 0 {
		srv.id = s.engine.serverIDs.Add(1)
	}
	s.attachOp(loop.Op{KeepFD: true, FD: int32(fd), Conn: loop.ID(srv.Conn), Layer: srv.layer})
	return true
}

// isWrongReplica reports whether a server turned out to be in recovery where a primary is needed: its upstream's role
// is to be found out, and there are others.
func (s *Shard) isWrongReplica(p *shardPool, u *upstream, params []Setting) bool {
	list := *p.shared.template.upstreams.Load()
	if p.root != nil || u.role != RoleAuto || len(list) < 2 {
		return false
	}
	for _, q := range params {
		if q.Name == "in_hot_standby" && q.Value == "on" {
			u.replicaUntil.Store(s.now + int64(replicaFor))
			s.engine.host.ProbeSoon(p.shared.template.name, u.address)
			return true
		}
	}
	return false
}

// dialFailed decides who is told: at once, if trying again will not help and the pool has no server that could serve.
func (s *Shard) dialFailed(p *shardPool, u *upstream, r *Refusal) {
	p.refusal, p.refusedAt = r, s.now
	if s.now >= p.retryAt { // those dialed together fail together, which is one failure
		pause := int64(max(p.config().ServerLoginRetry, time.Millisecond)) << min(p.fails, maxRetries)
		pause += int64(s.engine.host.Random() % uint64(pause/4+1)) // so that pools do not knock all at once
		p.fails++
		p.retryAt = s.now + pause
		s.timers.Set(loop.Timer{At: p.retryAt, Kind: timerRetry, Ref: uint64(p.index)})
	}
	switch {
	case r.countsForBreaker():
		s.connectFailed(p.shared.template, u)
	case r.SQLState == "57P03":
		s.upstreamEnds(p.shared.template, u)
	}
	k := p.shared.poolKey
	s.engine.host.Log(Notice{Level: Warn, Message: "connecting to Postgres failed", Pool: k.pool, Database: k.database,
		User: k.user, Upstream: u.address, Cause: r.Error()})
	s.reroute(p)
	if r.Permanent && !p.hasServers() {
		s.refuseWaiters(p, r)
	}
}

// refuseWaiters tells all who wait in a pool here why there is no server.
func (s *Shard) refuseWaiters(p *shardPool, r *Refusal) {
	for p.ledger.Waiting() > 0 {
		c := s.client(p.ledger.PopWaiter().Client)
		s.refuse(c, r)
		s.proceed(c)
	}
}

// giveBack returns the permits of a server that did not come to be, and tells those who lack one.
func (p *shardPool) giveBack(s *Shard, u *upstream, generation uint64) {
	s.engine.closed(p.shared, generation)
	give(&p.shared.shared.Size, &u.servers)
	p.announce(s, u)
}

// announce tells those who lack a permit that one has become free.
func (p *shardPool) announce(s *Shard, u *upstream) {
	for i, other := range s.engine.shards {
		if i != s.index && p.shared.shared.Starving(i) || u.starving[i].Load() != 0 {
			other.mail.Post(mail{kind: mailFreed, pool: p.shared})
		}
	}
	if p.ledger.Missing() > 0 {
		s.mail.Post(mail{kind: mailFreed, pool: p.shared}) // not now: the caller is in the middle of something
	}
}

// freed looks, after a permit has become free, for pools that lack one: whose client has waited longest is first.
func (s *Shard) freed(shared *sharedPool) {
	for _, u := range *shared.template.upstreams.Load() {
		u.starving[s.index].Store(0)
	}
	var lacking []*shardPool
	for p := range s.eachPool {
		if l := p.listener; l != nil && l.lacks != 0 && p.shared.template == shared.template {
			s.drive(p)
		}
		if p.shared.template == shared.template && p.ledger.Missing() > 0 {
			lacking = append(lacking, p)
		}
	}
	slices.SortFunc(lacking, func(a, b *shardPool) int {
		x, _ := a.ledger.Turn()
		y, _ := b.ledger.Turn()
		return cmp.Compare(x, y)
	})
	for _, p := range lacking {
		s.supply(p)
	}
	if p := s.partOf(shared); p != nil {
		s.refill(p)
	}
}

// starve notes that a pool lacks permits of its upstreams though it has some of its own, and makes the other pools of
// those upstreams give up a server that rests.
func (s *Shard) starve(p *shardPool) {
	if !s.mayHave(p) || s.now < p.retryAt {
		return
	}
	asked := p.evictedAt
	for _, u := range *p.shared.template.upstreams.Load() {
		if limit := u.servers.Limit(); limit <= 0 || u.servers.Taken() < limit || !u.mayServe(p) {
			continue
		}
		if first, ok := p.ledger.FirstWaiter(); ok {
			u.lacks(s.index, first.Since, p.ledger)
		}
		if s.now-asked < int64(evictEvery) {
			continue
		}
		p.evictedAt = s.now
		for _, other := range s.engine.shards {
			other.mail.Post(mail{kind: mailEvict, pool: p.shared, upstream: u})
		}
	}
}

// lacks notes that a pool of which a client waits since then lacks a permit on a shard.
func (u *upstream) lacks(shard int, since int64, l *pool.Ledger) {
	was := u.starving[shard].Load()
	if turn, _ := l.Turn(); was == 0 || turn < u.turn[shard].Load() {
		u.turn[shard].Store(turn)
	}
	if was == 0 || since < was {
		u.starving[shard].Store(max(since, 1))
	}
}

// evict closes a server of an upstream: a listener that nobody needs, or else the one that has rested longest in a pool other
// than the one in need.
func (s *Shard) evict(needy *sharedPool, u *upstream) {
	if (u.starved() && u.mayLose() || !u.mayListen()) && s.evictListener(u) {
		return
	}
	var victim *server
	oldest := loop.Never
	for p := range s.eachPool {
		if p.shared == needy || p.shared.template != needy.template {
			continue
		}
		p.ledger.EachIdle(func(r pool.Idle) bool {
			if srv := s.server(r.Server); srv.upstream.allowance == u.allowance && r.Since < oldest {
				victim, oldest = srv, r.Since
			}
			return true
		})
	}
	if victim != nil && u.starved() && u.mayLose() {
		s.closeServer(victim)
	}
}

// starved reports whether a pool on any shard lacks a permit of the upstream.
func (u *upstream) starved() bool {
	for i := range u.starving {
		if u.starving[i].Load() != 0 {
			return true
		}
	}
	return false
}

// mayLose reports whether one more server may be closed for others: not all at once, because it takes Postgres a moment
// to end them, and that may be enough.
func (u *upstream) mayLose() bool { return u.servers.Leaving() <= u.servers.Limit()/8 }

// yields reports whether a server should be closed at its release because another pool lacks a permit of its upstream:
// at once if nobody of its own pool waits for it, else if that pool starves and the turn of its waiter is before that of
// its own pool's. It is the order that the ledger keeps within a pool, or a server could go from one to the other for ever.
func (s *Shard) yields(srv *server) bool {
	u := srv.upstream
	if u.servers.Limit() <= 0 || !u.mayLose() {
		return false
	}
	turn, ok := srv.pool.ledger.Turn()
	for i := range u.starving {
		since := u.starving[i].Load()
		if since != 0 && (!ok || s.now-since > int64(unfairAfter) && u.turn[i].Load() < turn) {
			return true
		}
	}
	return false
}
