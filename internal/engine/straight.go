package engine

import (
	"math"
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Clients that have logged in with the parameter `replication` speak more than the protocol of queries. Such a client gets
// a server of its own, dialed with the same parameters; from then on bytes go straight through, both ways. What is known of
// them is where messages begin, so that a last word never comes in the middle of one.
//
//	seeking ──permit──▶ dialing ──▶ straight ──▶ closed, both
//	   ▲          │
//	   └──────────┘ idle servers of the pool are closed for it, for as long as it may wait

// straight is a server that is a client's for good: what has passed either way.
type straight struct {
	requests, answers frames
	// sql: it may say SQL, which nobody reads.
	sql bool
}

// frames is where in its messages a stream is.
type frames struct {
	left int // bytes of the message that are still to come
	head [pgwire.HeaderLen]byte
	have int // bytes of the next header
}

// pass takes the next bytes.
func (f *frames) pass(b []byte) {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.left -= n
			b = b[n:]
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have < len(f.head) {
			return
		}
		f.have = 0
		if f.left = pgwire.FrameLen(f.head[:]) - len(f.head); f.left < 0 {
			f.left = math.MaxInt // this is no message: nothing is known any more
		}
	}
}

func (f *frames) amid() bool { return f.left > 0 || f.have > 0 }

// amidRequest reports whether the client has sent a message in part.
func (t *straight) amidRequest() bool { return t != nil && t.requests.amid() }

// midMessage reports whether a server's client has received a message in part.
func (srv *server) midMessage() bool {
	if srv.straight != nil {
		return srv.straight.answers.amid()
	}
	return srv.MidMessage()
}

// seeker is a replication client that has no server yet.
type seeker struct {
	replication string
	startup     []Setting
	dialing     bool
}

// seekEvery is how often a replication client looks whether there is a permit.
const seekEvery = 10 * time.Millisecond

func refusedReplication(name string) *Refusal {
	return &Refusal{
		SQLState:  "0A000",
		Message:   "replication connections need pool_mode session",
		Detail:    "Pool " + name + " has another pool_mode.",
		Hint:      "Use a pool with pool_mode session, or connect to Postgres directly.",
		Permanent: true,
	}
}

// seek gets a replication client a server of its own.
func (s *Shard) seek(c *client, in *Client) {
	p := s.pools[c.pool]
	if limit := p.config().MaxWaitingClients; limit > 0 && p.shared.shared.WaitingInFamily()+int(p.shared.seekers.Load()) >= limit {
		s.refuse(c, &Refusal{
			SQLState: "53300",
			Message:  "too many clients wait for a server",
			Detail:   "max_waiting_clients is " + strconv.Itoa(limit) + ", pool_size is " + strconv.Itoa(p.shared.shared.Size.Limit()) + ".",
			Hint:     "Try again, or raise pool_size or max_waiting_clients.",
		})
		return
	}
	c.state, c.since = clientSeeking, s.now
	s.seeking[c.Conn] = &seeker{replication: in.Replication, startup: in.Startup}
	p.shared.seekers.Add(1)
	p.shared.template.seekers.Add(1)
	s.seekOn(c)
}

// seekNoMore ends a client's search.
func (s *Shard) seekNoMore(c *client) {
	if _, ok := s.seeking[c.Conn]; ok {
		delete(s.seeking, c.Conn)
		p := s.pools[c.pool]
		p.shared.seekers.Add(-1)
		p.shared.template.seekers.Add(-1)
	}
}

// refuseSeeker tells a client that there is no server for it.
func (s *Shard) refuseSeeker(c *client, r *Refusal) {
	s.seekNoMore(c)
	s.refuse(c, r)
}

// seekAgain is seek's timer.
func (s *Shard) seekAgain(conn uint64) {
	if k := s.seeking[conn]; k != nil && !k.dialing {
		s.seekOn(s.client(loop.ID(conn).Slot()))
	}
}

// seekOn dials if there is a permit, and else sees to it that there will be one.
func (s *Shard) seekOn(c *client) {
	p := s.poolToSeek(c)
	if u := s.choose(p); u != nil && p.takePermits(u) {
		s.dialStraight(c, p, u)
		return
	}
	next := s.now + int64(seekEvery)
	if timeout := p.config().QueryWaitTimeout; timeout > 0 {
		if s.now-c.since >= int64(timeout) {
			p.counts.WaitTimeouts++
			s.refuseSeeker(c, s.waitedTooLong(p, c.since))
			return
		}
		next = min(next, c.since+int64(timeout))
	}
	s.timers.Set(loop.Timer{At: next, Kind: timerSeek, Ref: c.Conn})
	s.makeRoom(c, p)
}

// poolToSeek is the pool for whose pool_size its server counts: where upstreams share transactions, that of the one whose turn it is.
func (s *Shard) poolToSeek(c *client) *shardPool {
	root := s.pools[c.pool]
	if root.view().mode != routeBalanced {
		return root
	}
	return s.route(c)
}

// makeRoom has a server closed that rests: one of the pool, here or elsewhere, or, if it is an upstream that has none to
// spare, one of another pool of it.
func (s *Shard) makeRoom(c *client, p *shardPool) {
	size := &p.shared.shared.Size
	if size.Leaving() > 0 {
		return // one is on its way out
	}
	for _, u := range *p.shared.template.upstreams.Load() {
		if limit := u.servers.Limit(); limit > 0 && u.servers.Taken() >= limit && size.Taken() < size.Limit() {
			u.starving[s.index].CompareAndSwap(0, max(c.since, 1))
			for _, other := range s.engine.shards {
				other.mail.Post(mail{kind: mailEvict, pool: p.shared, upstream: u})
			}
		}
	}
	s.giveUpOne(p)
}

// giveUpOne has a server of a pool closed that rests, here or elsewhere.
func (s *Shard) giveUpOne(p *shardPool) {
	if p.ledger.Idle() > 0 {
		s.giveUp(p.shared)
		return
	}
	if other := p.ledger.Lender(); other >= 0 {
		s.engine.shards[other].mail.Post(mail{kind: mailGiveUp, pool: p.shared})
	}
}

// giveUp closes the server of a pool that has rested longest.
func (s *Shard) giveUp(shared *sharedPool) {
	p := s.partOf(shared)
	if p == nil || p.ledger.Waiting() > 0 || shared.shared.Size.Leaving() > 0 {
		return
	}
	if r, ok := p.ledger.OldestIdle(); ok {
		s.closeServer(s.server(r.Server))
	}
}

// dialStraight asks the Host for a client's own server, for which the permits have been taken.
func (s *Shard) dialStraight(c *client, p *shardPool, u *upstream) {
	k := s.seeking[c.Conn]
	k.dialing = true
	p.dialing++
	s.seq++
	s.dials[s.seq] = dial{pool: p, upstream: u, defaults: p.template.defaults.Load(), generation: s.engine.opens(p.shared), seeker: c.Conn}
	key := p.shared.poolKey
	s.engine.host.Dial(DialRequest{Ticket: Ticket{s.index, s.seq}, Pool: key.pool, Database: p.shared.serverDatabase, User: key.user,
		Upstream: u.address, Replication: k.replication, Startup: k.startup, Timeout: p.config().ServerConnectTimeout})
}

// straightDialed takes what became of such a dial. A refusal is the client's, at once, and nobody else's.
func (s *Shard) straightDialed(d dial, r *DialResult) {
	p, k := d.pool, s.seeking[d.seeker]
	p.dialing--
	if r.Refused != nil {
		p.counts.ConnectsFailed++
		p.giveBack(s, d.upstream, d.generation)
		if k != nil {
			s.refuseSeeker(s.client(loop.ID(d.seeker).Slot()), r.Refused)
		}
		return
	}
	p.counts.Connects++
	if k == nil { // it has left meanwhile
		s.engine.host.CloseFD(r.FD)
		p.giveBack(s, d.upstream, d.generation)
		return
	}
	c := s.client(loop.ID(d.seeker).Slot())
	if s.isWrongReplica(p, d.upstream, r.Params) {
		s.engine.host.CloseFD(r.FD)
		p.giveBack(s, d.upstream, d.generation)
		k.dialing = false
		s.seekOn(c)
		return
	}
	srv := &server{pool: p, upstream: d.upstream, pid: r.PID, secret: r.Secret, params: r.Params, born: s.now, defaults: d.defaults, generation: d.generation, layer: r.Layer,
		straight: &straight{}}
	srv.Status = pgwire.StatusIdle
	if !s.adopt(srv, r.FD) {
		p.giveBack(s, d.upstream, d.generation)
		s.refuseSeeker(c, refusedFull("event loop", s.capacity))
		return
	}
	s.pair(c, srv)
}

// pair makes them one connection.
func (s *Shard) pair(c *client, srv *server) {
	k := s.seeking[c.Conn]
	s.seekNoMore(c)
	srv.client, c.server = c.Slot, srv.slot
	srv.purpose, c.state = linked, clientLinked
	srv.linking(s.now, 1)
	srv.Pins = session.PinStraight
	if srv.straight.sql = k.replication == "database"; srv.straight.sql && s.tracks {
		s.trackFrom(srv)
	}
	s.sends(srv, c)
	s.countPins(srv)
	var block []byte
	for _, q := range srv.params {
		block = pgwire.AppendParameterStatus(block, q.Name, q.Value)
	}
	s.Send(c.Conn, s.loggedIn(c, block))
	c.welcomed = true
	if c.congested {
		s.pauseServer(srv)
	}
	early := s.held.get(c.held)
	s.held.drop(&c.held) // its bytes stay until the turn ends
	s.resumeClient(c, pauseHeld)
	if len(early) > 0 {
		s.passRequest(srv, early)
	}
}

// straightFromClient takes what a replication client sent.
func (s *Shard) straightFromClient(srv *server, data []byte) {
	srv.pool.counts.BytesReceived += uint64(len(data))
	s.passRequest(srv, data)
}

func (s *Shard) passRequest(srv *server, data []byte) {
	srv.straight.requests.pass(data)
	s.Send(srv.Conn, data)
}

// straightFromServer takes what its server sent.
func (s *Shard) straightFromServer(srv *server, data []byte) {
	srv.pool.counts.BytesSent += uint64(len(data))
	srv.heard = s.now
	srv.straight.answers.pass(data)
	if c := s.clientOf(srv); c != nil {
		s.Send(c.Conn, data)
	}
}

// straightLost ends a replication client with its server. Whatever that had to say, it has said.
func (s *Shard) straightLost(srv *server) {
	c := s.clientOf(srv)
	if c == nil {
		s.closeServer(srv)
		return
	}
	srv.client, c.server = 0, 0
	srv.linking(s.now, -1)
	c.state = clientIdle
	s.closeServer(srv)
	s.finishClient(c, nil)
}
