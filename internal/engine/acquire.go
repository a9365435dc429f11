package engine

import (
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pool"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// acquire gets a client a server. It reports true if the client has it now; otherwise the client waits, or was
// refused.
func (s *Shard) acquire(c *client) bool {
	p := s.pools[c.pool]
	if p.chooses() {
		p = s.route(c)
	}
	c.at = p.index
	if s.hopeless(c, p) {
		return false
	}
	p.arrivals++
	s.pools[c.pool].counts.Reasons[c.last.reason]++
	if srv := s.ownNumbers(c, p); srv != nil {
		c.since = s.now
		return s.take(c, srv)
	}
	slot, ticket, answer := p.ledger.Acquire(s.now, c.Slot, uint32(c.Settings), c.priority.queue())
	c.since = s.now
	switch answer {
	case pool.Got:
		return s.take(c, s.server(slot))
	case pool.Full:
		s.refuse(c, &Refusal{
			SQLState: "53300",
			Message:  "too many clients wait for a server",
			Detail:   "max_waiting_clients is " + strconv.Itoa(p.ledger.MaxWaiting) + ", pool_size is " + strconv.Itoa(p.shared.shared.Size.Limit()) + ".",
			Hint:     "Try again, or raise pool_size or max_waiting_clients.",
		})
		return false
	}
	s.await(c, ticket)
	return false
}

// again gets a client another server that lost one before it used it: its wait goes on as if it had not been over.
func (s *Shard) again(c *client) { s.againAt(c, s.route(c)) }

// againAt is again where it is known already in which pool.
func (s *Shard) againAt(c *client, p *shardPool) {
	c.at = p.index
	if s.hopeless(c, p) {
		s.proceed(c)
		return
	}
	slot, ticket, answer := p.ledger.Rejoin(c.since, c.Slot, uint32(c.Settings), c.priority.queue())
	if answer == pool.Got {
		s.grant(c, s.server(slot))
		return
	}
	s.await(c, ticket)
}

// hopeless refuses a client that needs a server where none is going to come.
func (s *Shard) hopeless(c *client, p *shardPool) bool {
	return (p.refusal != nil || p.view().anyOpen) && s.refuseHopeless(c, p)
}

// refuseHopeless is hopeless for a pool of which something is known to have failed.
func (s *Shard) refuseHopeless(c *client, p *shardPool) bool {
	if r := s.broken(p); r != nil {
		s.refuse(c, r)
		return true
	}
	r := p.refusal
	if r == nil || !r.Permanent || s.now >= p.retryAt || p.hasServers() {
		return false
	}
	s.refuse(c, r)
	return true
}

// hasServers reports whether the pool has a server on any shard, or one that is being dialed.
func (p *shardPool) hasServers() bool { return p.shared.shared.Size.Staying() > 0 }

// await has a client wait for its turn.
func (s *Shard) await(c *client, ticket uint64) {
	p := s.pools[c.at]
	c.ticket = ticket
	c.state = clientWaiting
	if !c.welcomed {
		c.state = clientWelcoming
	}
	s.watch(p)
	s.supply(p)
	if p.reserveAt == 0 {
		s.watchReserve(p)
	}
}

// queue is what package pool calls a priority.
func (p Priority) queue() pool.Priority {
	switch p {
	case PriorityHigh:
		return pool.High
	case PriorityLow:
		return pool.Low
	}
	return pool.Normal
}

// grant gives a server to a client that has waited for it.
func (s *Shard) grant(c *client, srv *server) {
	c.state = clientIdle
	if s.take(c, srv) {
		s.proceed(c)
	}
}

// take makes a server a client's: at once if its session is set as the client's is, else after making it so; one of which
// nobody has heard for long is checked before.
func (s *Shard) take(c *client, srv *server) bool {
	if !c.welcomed {
		if block := s.greeting(c); block != nil { // it has become known meanwhile
			c.state = clientIdle
			s.admit(c, block)
			s.release(srv)
			return false
		}
	}
	if srv.unwanted() { // which has just become known: what rests here is looked through in a moment
		srv.purpose = waiting
		s.closeServer(srv)
		s.again(c)
		return c.state == clientLinked
	}
	if s.mustCheck(srv) {
		s.check(c, srv)
		return false
	}
	if !c.welcomed && c.Settings == srv.Settings && !s.profiles[c.Settings].oddlyNamed() { // another client has set its session so
		c.state = clientIdle
		s.greet(c, srv, nil)
		s.release(srv)
		return false
	}
	srv.waited = s.now - c.since
	srv.pool.counts.acquireTime(srv.waited)
	c.got(srv.pool, srv.waited)
	srv.client, c.server = c.Slot, srv.slot
	if c.Settings != srv.Settings || !c.welcomed || srv.soiledFor(c) {
		return s.fit(c, srv)
	}
	s.link(c, srv)
	s.linkKnown(c, srv)
	return true
}

// fit makes a server's session what its client's is. It reports true if the client has it at once, and its query follows
// what sets the session: where Postgres is sure to do that.
func (s *Shard) fit(c *client, srv *server) bool {
	from, to := s.profiles[srv.Settings], s.profiles[c.Settings]
	srv.before, srv.Settings = srv.Settings, c.Settings
	switch {
	case srv.soiledFor(c):
		srv.notices = nil
		srv.Ask(s.env, s.cleansing(to))
	case !c.welcomed:
		srv.Ask(s.env, s.asAtLogin(srv, from, to))
	default:
		srv.Ask(s.env, s.difference(from, to))
	}
	if c.welcomed && to.ready && (to.key == 0 || srv.pool.accepted[to.key]) && !from.has("statement_timeout") && !from.has("transaction_timeout") {
		s.link(c, srv)
		srv.fitting = true
		return true
	}
	c.state, srv.purpose = clientPreparing, preparing
	return false
}

// fitted takes the answer to what was sent ahead of a client's query.
func (s *Shard) fitted(srv *server) {
	c := s.clientOf(srv)
	if !srv.fitting {
		s.cancelNext(srv)
		return
	}
	srv.fitting = false
	if c == nil || srv.Failed {
		srv.misfit = srv.Failed
		if srv.purpose == abandoned && srv.Owes() {
			s.cancelServer(srv, nil)
		}
		return
	}
	if otherwise := s.linkKnown(c, srv); otherwise != "" {
		srv.Misread(otherwise) // what was sent ahead was read by what the client knew then
	}
	s.cancelNext(srv)
}

// cancelNext cancels what a client runs, if it asked for that while something of ours was ahead.
func (s *Shard) cancelNext(srv *server) {
	c := s.clientOf(srv)
	if c == nil || !c.cancelled || srv.purpose != linked || srv.Asked() {
		return
	}
	if c.cancelled = false; srv.Owes() {
		srv.pool.counts.Cancels++
		s.cancelServer(srv, nil)
	}
}

// misfitted ends a server whose session could not be made its client's, and the client, whose query may have run: it must not
// go on as if nothing had happened.
func (s *Shard) misfitted(srv *server, c *client) {
	message := settingsFailed(srv.Failure)
	srv.linking(s.now, -1)
	srv.client, c.server = 0, 0
	c.state = clientIdle
	s.closeServer(srv)
	s.finishClient(c, message)
}

// linkKnown notes what a client knows of its new server, having told it what it did not. It returns what reads does.
func (s *Shard) linkKnown(c *client, srv *server) (otherwise string) {
	otherwise = s.tell(c, srv)
	srv.sumAtLink, srv.paramsAtLink = srv.sum, srv.params
	return otherwise
}

// maxAccepted bounds the profiles that a pool is known to take.
const maxAccepted = 4096

// accept notes that Postgres has taken a profile.
func (p *shardPool) accept(key uint64) {
	if len(p.accepted) >= maxAccepted {
		clear(p.accepted)
	}
	if p.accepted == nil {
		p.accepted = map[uint64]bool{}
	}
	p.accepted[key] = true
}

// link makes them one conversation.
func (s *Shard) link(c *client, srv *server) {
	p := srv.pool
	c.state, srv.purpose = clientLinked, linked
	srv.fresh = true
	srv.Channels = session.Channels{}
	c.blocked = session.More
	s.linkSequences(c, srv)
	srv.ReadsOnly = srv.readsOnly()
	srv.NewUnit()
	if srv.soiledFor(c) {
		srv.soiledBy = 0 // it has just been cleaned, or that is on its way
	}
	s.sends(srv, c)
	srv.Markers = srv.markersOf()
	srv.MaxPrepared = p.config().MaxPreparedStatements
	p.configureClient(c)
	srv.Suspects = p.suspects()
	srv.Tracks = srv.Tracks || s.tracks
	if p.config().Mode == Session {
		srv.Pins |= session.PinSession
	}
	p.starts++
	srv.linking(s.now, 1)
	s.startClock(srv)
	srv.used, srv.dirty = max(s.now, 1), true
	if c.congested {
		s.pauseServer(srv)
	}
}

// watch sees to it that waiting ends in time.
func (s *Shard) watch(p *shardPool) {
	timeout := p.config().QueryWaitTimeout
	first, ok := p.ledger.FirstWaiter()
	if timeout <= 0 || !ok {
		return
	}
	at := first.Since + int64(timeout)
	if p.expireAt > 0 && p.expireAt <= at {
		return
	}
	p.expireAt = at
	s.timers.Set(loop.Timer{At: at, Kind: timerWait, Ref: uint64(p.index)})
}

// expire refuses those who have waited too long.
func (s *Shard) expire(p *shardPool) {
	if p.expireAt == 0 || s.now < p.expireAt {
		return // of a timer that an earlier one has replaced
	}
	p.expireAt = 0
	timeout := p.config().QueryWaitTimeout
	for {
		first, ok := p.ledger.FirstWaiter()
		if !ok || timeout <= 0 || s.now-first.Since < int64(timeout) {
			break
		}
		p.ledger.PopWaiter()
		p.counts.WaitTimeouts++
		c := s.client(first.Client)
		s.refuse(c, s.waitedTooLong(p, first.Since))
		s.proceed(c)
	}
	s.watch(p)
}

// waitedTooLong says how long, and why there was no server.
func (s *Shard) waitedTooLong(p *shardPool, since int64) *Refusal {
	waited := time.Duration(s.now - since)
	r := &Refusal{
		SQLState: "08006",
		Message:  "no server became free within " + seconds(p.config().QueryWaitTimeout) + " (query_wait_timeout)",
		Detail: "Waited " + seconds(waited.Round(time.Millisecond)) + "; " + strconv.Itoa(p.shared.shared.Size.Taken()) + " of " +
			strconv.Itoa(p.shared.shared.Size.Limit()) + " servers (pool_size) are in use.",
		Hint: "Try again; raise pool_size, or shorten transactions.",
	}
	if why := s.unserved(p); why != "" {
		r.Message = why + " within " + seconds(p.config().QueryWaitTimeout) + " (query_wait_timeout)"
		r.Detail = "Waited " + seconds(waited.Round(time.Millisecond)) + "; " + p.view().describe()
		r.Hint = "Try again; see GET /postgres/upstreams."
		if p.shared.paused() {
			r.Hint = "Try again when it has been resumed; raise query_wait_timeout if pauses take longer."
		}
		if len(p.view().upstreams) == 0 {
			r.Hint = "Can the source of dynamic_upstreams be reached? The log tells."
		}
		return r
	}
	if p.refusal != nil && (p.refusedAt >= since || s.now < p.retryAt) {
		r.Detail = "Waited " + seconds(waited.Round(time.Millisecond)) + "; the last attempt to connect to Postgres failed: " + p.refusal.Error()
		r.Hint = "See whether Postgres is up and accepts connections."
		if p.refusal.Hint != "" {
			r.Hint = p.refusal.Hint
		}
	}
	return r
}

// cancelWait ends a client's wait because it was cancelled.
func (s *Shard) cancelWait(c *client) {
	p := s.pools[c.at]
	p.ledger.Leave(c.ticket)
	p.counts.Cancels++
	s.refuse(c, cancelledByUser)
	s.proceed(c)
}

var cancelledByUser = &Refusal{SQLState: "57014", Message: "canceling statement due to user request"}
