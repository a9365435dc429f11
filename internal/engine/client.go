package engine

import (
	"cmp"
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/routing"
)

// clientState is where a client is in its life; see the diagram in package session.
type clientState uint8

const (
	clientIdle      clientState = iota // has no server and wants none
	clientWelcoming                    // waits for a server whose answers complete its login
	clientWaiting                      // waits for a server, for its query
	clientPreparing                    // has a server whose settings are being made the client's
	clientLinked                       // has a server
	clientSeeking                      // wants replication, and waits for a server of its own
	clientFinishing                    // was told why it is closed; its last bytes are on their way
)

// pause is why nothing is received from a client.
type pause uint8

const (
	// pauseHeld: it waits, and has sent as much as is kept for it.
	pauseHeld pause = 1 << iota
	// pauseServerFull: its server takes no more for the moment.
	pauseServerFull
)

// maxHeld is how many bytes are taken from a client that waits before it is paused.
const maxHeld = 64 << 10

// finishTimeout bounds how long a client's last bytes may take when they are all on their way, and finishSlow when
// it reads slowly.
const (
	finishTimeout = 500 * time.Millisecond
	finishSlow    = 5 * time.Second
)

// addressLen is room for an IPv6 address with a zone and a port.
const addressLen = 56

// client is one client connection: the protocol machine, and what the engine knows besides. Without pointers.
type client struct {
	session.Client
	pool   uint32 // index in Shard.pools, of the root
	at     uint32 // of the pool it waits in or has its server of: the root or a branch
	server uint32 // slot of its server; 0: none
	held   uint32 // what it has sent and nobody took yet, in Shard.held
	need   uint32 // how much must be held before it is worth a look
	secret uint32
	gen    uint32
	// userKey is of whom it has logged in as, for policies that ask for that.
	userKey uint32

	state     clientState
	priority  Priority
	want      want // of the transaction that it has, or has asked for
	wrote     bool // that may have written
	paused    pause
	congested bool
	welcomed  bool
	longKey   bool            // its cancel key is a long one
	cancelled bool            // what it has said and no server has been sent yet is not going to run
	quits     bool            // it has ended the conversation, and what it asked before is still being done
	ended     bool            // it has ended its half of the connection, and is still to be answered
	inHand    bool            // what it has said is being looked at: nobody else takes up what is kept of that
	unready   bool            // it has not been told yet that its transaction is over
	farOff    bool            // it follows what a session of another process has written
	awaits    uint8           // how often it is in hub.waits; meanwhile nothing it says is taken up
	blocked   session.Verdict // Blocked or Await while it waits for its server's answers

	ticket     uint64 // its place in the queue
	mark       uint64 // the newest when it last wrote; 0: it has not
	key        uint64 // of a comment, for policies that ask for that
	told       uint64 // the sum of what it knows of its session's parameters
	since      int64  // when it began to wait, or to be idle
	address    [addressLen]byte
	addressLen uint8
	login      loginID // whom it has logged in as
	born       uint32  // when it came, in seconds of the loop's clock
	queries    uint32  // what it has asked for
	encrypted  bool    // its connection is
	departed   bool    // why it leaves has been noted
	// last is why what it has asked for last goes as it does, and before that of what it asked before.
	last, before because
}

// attach takes a client over.
func (s *Shard) attach(in *Client, login loginID) {
	i, sl := s.slots.take(slotClient)
	if i == 0 || s.stopping {
		refusal := refusedFull("event loop", s.capacity)
		if i != 0 {
			s.slots.give(i)
			refusal = refusedShuttingDown
		}
		s.engine.host.Dismiss(*in, refusal)
		s.attached.Add(-1)
		s.engine.left(s.engine.template(in.Pool), in.Address, login)
		return
	}
	s.clients++
	p := s.join(poolKey{in.Pool, in.Database, in.User})
	c := &sl.client
	*c = client{pool: p.index, at: p.index, gen: sl.gen, secret: uint32(s.engine.host.Random()), login: login,
		longKey: in.LongKey, born: uint32(s.now / int64(time.Second)), encrypted: in.Layer != nil}
	c.Slot, c.Conn = i, uint64(loop.MakeID(i, sl.gen))
	c.priority = in.Priority
	c.userKey = uint32(routing.Sum(cmp.Or(in.Login, in.User)))
	c.addressLen = uint8(copy(c.address[:], in.Address))
	p.clients++
	p.shared.clients.Add(1)
	s.reaches.set(i, reachKey(s.pid(c), in.Pool, in.User))
	s.attachOp(loop.Op{FD: int32(in.FD), Conn: loop.ID(c.Conn), Layer: in.Layer})
	if len(in.Unread) > 0 {
		s.held.put(&c.held, in.Unread, 0)
	}
	if p.leaving() { // since it was let in
		s.finishClient(c, goingAway.message("FATAL"))
		return
	}
	if in.Replication != "" {
		s.seek(c, in)
		return
	}
	startup, token := withoutToken(lastOfEach(in.Startup))
	s.follow(c, token)
	profile := s.profileOf(inOrder(startup))
	c.Startup = profile.key
	c.wear(profile)
	c.ListensAlone = s.listensAlone(c, profile)
	p.configureClient(c)
	s.welcome(c)
}

func (p *shardPool) configureClient(c *client) {
	cfg := p.config()
	c.Splits = cfg.Split
	c.Defers = (cfg.Split || cfg.Cache.TTL > 0) && cfg.DeferBegin && cfg.Mode == Transaction
	c.NoTransactions = cfg.Mode == Statement
	c.NoPrepared = cfg.MaxPreparedStatements <= 0
	c.Pinning = cfg.Pinning
}

// fromClient takes what a client sent.
func (s *Shard) fromClient(c *client, data []byte) {
	if c.quits {
		return // what comes behind the end means nothing
	}
	p := s.pools[c.pool]
	p.counts.BytesReceived += uint64(len(data))
	if srv := s.serverOf(c); srv != nil && srv.straight != nil {
		s.straightFromClient(srv, data)
		return
	}
	if c.held != 0 || c.state == clientWaiting || c.state == clientWelcoming || c.state == clientPreparing || c.state == clientSeeking ||
		c.blocked != session.More || c.congested || c.awaits > 0 {
		s.hold(c, data)
		if c.mayProceed() && len(s.held.get(c.held)) >= int(c.need) {
			s.proceed(c)
		}
		return
	}
	s.process(c, data)
}

// mayProceed reports whether what a client sends can be looked at.
func (c *client) mayProceed() bool {
	return (c.state == clientIdle || c.state == clientLinked) && c.awaits == 0 && !c.congested && c.blocked == session.More
}

// hold keeps what a client sent for later. One that sends on and on while it waits is paused.
func (s *Shard) hold(c *client, data []byte) {
	if !s.keep(c, data, int(c.need)) {
		return
	}
	if !c.mayProceed() && len(s.held.get(c.held)) >= maxHeld {
		s.pauseClient(c, pauseHeld)
	}
}

// keep copies what a client sent. It reports false if that is more than may be held, and the client is refused.
func (s *Shard) keep(c *client, data []byte, need int) bool {
	s.held.put(&c.held, data, min(need, maxHeld))
	if s.held.used <= s.heldMax {
		return true
	}
	s.finishClient(c, heldTooMuch.message("FATAL"))
	return false
}

var heldTooMuch = &Refusal{
	SQLState: "53200",
	Message:  "out of memory for queries that wait",
	Detail:   "The clients of one event loop have sent more than can be kept for them while they wait.",
	Hint:     "Try again; lower max_waiting_clients, or raise pool_size.",
}

// proceed takes up what is held, if that can be done now.
func (s *Shard) proceed(c *client) {
	if !c.mayProceed() || c.inHand {
		return
	}
	data := s.held.get(c.held)
	s.held.drop(&c.held) // its bytes stay until the turn ends
	s.resumeClient(c, pauseHeld)
	if len(data) > 0 {
		s.process(c, data)
	} else {
		s.through(c)
	}
}

// process feeds a client's bytes to its machine, and gets it a server when it needs one.
func (s *Shard) process(c *client, data []byte) {
	answered := 0 // from the cache
	for {
		srv := s.serverOf(c)
		var machine *session.Server
		if srv != nil {
			machine = &srv.Server
			switch {
			case !srv.Tracks || srv.recording != nil:
			case srv.fresh:
				s.record(c, srv, data)
			case s.readsInside(srv):
				if n := s.inside(c, srv, data); n > 0 {
					data = data[n:]
					continue
				}
			}
		}
		kept := srv != nil && srv.began == 0 && !srv.fresh
		if srv != nil && srv.began == 0 && srv.pool.config().Tracing {
			s.beginTrace(c, srv, data)
		}
		refused := s.env.Refused
		used, verdict, need := c.Feed(s.env, machine, data)
		if s.env.Prepares != (Prepares{}) {
			s.pools[c.pool].counts.Prepares.Add(s.env.Prepares)
			s.env.Prepares = Prepares{}
		}
		data = data[used:]
		if srv != nil && s.env.Refused != refused {
			s.recordNoMore(srv) // the next reply may be to another unit
		}
		if srv != nil {
			srv.fresh = srv.fresh && used == 0 && !srv.Began
			s.asked(srv)
			if kept && srv.began != 0 {
				s.keeps(c, srv)
			}
			s.countPins(srv)
		}
		switch verdict {
		case session.More:
			c.need = uint32(need)
			if len(data) > 0 {
				if !s.keep(c, data, need) {
					return
				}
			}
			if srv == nil {
				c.since = s.now // what it asked, it has been answered
				s.through(c)
			} else if !srv.Owes() {
				s.settled(srv)
			}
			return
		case session.NeedServer:
			if answered > maxAnswered {
				s.answersLater(c, data)
				return
			}
			n, reply, waits := s.fromCache(c, data)
			if n > 0 {
				data = data[n:]
				answered += reply
				continue
			}
			if waits {
				s.hold(c, data)
				return
			}
			c.want = wantWrite
			c.decides(ReasonNoChoice)
			if s.pools[c.pool].chooses() {
				c.want = s.wanted(c, data)
			}
			c.inHand = true
			s.acquire(c)
			c.inHand = false
			switch c.state {
			case clientWaiting, clientPreparing:
				s.hold(c, data)
				return
			case clientIdle, clientLinked: // it was refused, or has one
			default:
				return
			}
		case session.Blocked, session.Await:
			c.blocked = verdict
			s.hold(c, data)
			return
		case session.Yield:
			switch {
			case s.mayRelease(srv, c):
				if s.keep(c, data, 0) {
					s.unlink(srv, c) // which takes it up
				}
				return
			case srv.ReadsOnly:
				c.blocked = session.Await // it is released as soon as all has left that was sent to it
				s.hold(c, data)
				return
			}
		case session.Quit:
			s.quit(c)
			return
		case session.Violated:
			s.violated(c, data)
			return
		}
	}
}

func (s *Shard) client(i uint32) *client { return &s.slots.slot(i).client }

func (s *Shard) serverOf(c *client) *server {
	if c.server == 0 {
		return nil
	}
	return s.server(c.server)
}

func (s *Shard) clientOf(srv *server) *client {
	if srv.client == 0 {
		return nil
	}
	return s.client(srv.client)
}

func (s *Shard) pauseClient(c *client, why pause) {
	if c.paused == 0 {
		s.op(loop.Pause, c.Conn)
	}
	c.paused |= why
}

func (s *Shard) resumeClient(c *client, why pause) {
	if c.paused&why == 0 {
		return
	}
	if c.paused &^= why; c.paused == 0 {
		s.op(loop.Resume, c.Conn)
	}
}

// clientGone ends a client that has left, or is to leave without a word.
func (s *Shard) clientGone(c *client) {
	s.unhook(c)
	s.closeClient(c)
}

// finishClient tells a client why it is closed, and closes it when it has been told.
func (s *Shard) finishClient(c *client, message []byte) {
	if c.state == clientFinishing {
		return
	}
	if srv := s.serverOf(c); srv != nil && srv.purpose == linked && srv.midMessage() {
		message = nil // in the middle of a message there is no place for an error
	}
	s.departs(c, leftServer, message)
	s.unhook(c)
	if len(message) > 0 {
		s.Send(c.Conn, message)
	}
	s.op(loop.Finish, c.Conn)
	c.state = clientFinishing
	s.reaches.set(c.Slot, 0)
	s.held.drop(&c.held)
	patience := finishTimeout
	if c.congested {
		patience = finishSlow
	}
	s.timers.Set(loop.Timer{At: s.now + int64(patience), Kind: timerFinish, Ref: c.Conn})
}

// unhook takes a client out of the queue, or from its server.
func (s *Shard) unhook(c *client) {
	s.leavesFlight(c)
	switch c.state {
	case clientWaiting, clientWelcoming:
		s.pools[c.at].ledger.Leave(c.ticket)
	case clientPreparing:
		srv := s.serverOf(c)
		srv.client, c.server = 0, 0
		if srv.purpose == asking {
			srv.linking(s.now, -1)
		}
	case clientLinked:
		srv := s.serverOf(c)
		srv.client, c.server = 0, 0
		srv.linking(s.now, -1)
		if srv.straight != nil {
			s.closeServer(srv)
			break
		}
		if c.quits {
			s.leaveRunning(srv, &c.Client)
		} else {
			s.abandon(srv, &c.Client)
		}
	case clientSeeking:
		s.seekNoMore(c)
	}
	c.state = clientIdle
}

// closeClient forgets a client.
func (s *Shard) closeClient(c *client) {
	p := s.pools[c.pool]
	s.departs(c, leftLost, nil)
	s.leavesFlight(c)
	s.listensNoMore(c)
	s.op(loop.Close, c.Conn)
	s.held.drop(&c.held)
	c.Forget(s.env)
	p.clients--
	p.shared.clients.Add(-1)
	s.clients--
	s.reaches.set(c.Slot, 0)
	address, login := c.Address(), c.login
	s.slots.give(c.Slot)
	s.attached.Add(-1)
	s.engine.left(p.shared.template, address, login)
	s.engine.clientLeft()
	s.checkDrained()
}

// refuse tells a client that its query is not going to run; the client goes on. One that is logging in is closed.
func (s *Shard) refuse(c *client, r *Refusal) {
	s.lands(c.Conn)
	if c.state == clientWelcoming || !c.welcomed {
		c.state = clientIdle
		s.finishClient(c, r.message("FATAL"))
		return
	}
	s.refusal(c, r)
	c.state, c.cancelled, c.since = clientIdle, false, s.now
	s.Send(c.Conn, r.message("ERROR"))
	c.FailDeferred()
	c.Refuse()
}

// message is the refusal as an ErrorResponse.
func (r *Refusal) message(severity string) []byte {
	return pgwire.AppendError(nil, severity, r.SQLState, r.Message, r.Detail, r.Hint)
}

func (c *client) Address() string { return string(c.address[:c.addressLen]) }

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}
