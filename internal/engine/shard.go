package engine

import (
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/routing"
)

// Shard is the core of one event loop (a [loop.Core]): its clients, its servers, its part of every pool.
//
// Everything but the atomic fields and the mailbox is touched by the loop's thread only.
type Shard struct {
	engine *Engine
	index  int

	mail     loop.Mailbox[mail]
	unread   []mail       // taken out of it, and not read yet
	attached atomic.Int64 // clients attached, those still in the mailbox included
	down     atomic.Bool  // after Crash, until Bind
	capacity int

	now    int64
	ops    []loop.Op
	told   bool // the driver has been given the ops
	timers loop.Timers
	env    *session.Env
	slots  slots
	// reaches is what other shards know of its clients.
	reaches reaches
	held    chunks
	// heldMax is maxHeldTotal, but in tests.
	heldMax int

	pools []*shardPool // by shardPool.index, with gaps
	gaps  []uint32
	byKey map[poolKey]*shardPool
	// forgotten is what pools that have been forgotten had counted, by the name of the declared pool.
	forgotten map[string]*Counts
	totals    map[Target]*Totals // by database; at most maxForgotten
	telling   []*toldPools       // collections of figures that have begun
	dials     map[uint64]dial
	cancels   map[uint64]*cancelling
	// asking is the fingerprints of which the grammar is asked.
	asking map[uint64]uint64
	seq    uint64
	rested []*server // used in closeRested, checkOthers and closeUnwanted only
	moving []uint64  // used in reroute only
	// spilling: one who waits is on his way to another branch.
	spilling bool
	// candidates is what a policy chooses from, and offered which upstreams these are; eligible is who may serve a read.
	candidates        []routing.Candidate
	offered, eligible []int
	refusing          *shardPool // a branch that would be a candidate, but has refused
	request           routing.Request
	seed              uint64 // of random
	// profiles is what clients' sessions are set to, by key.
	profiles    map[uint64]*profile
	profilesMax int
	// differences is the SQL between two profiles, and outcomes what statements have made of sessions, as far as they are
	// remembered; knowing is sets of parameters that clients know, by sum.
	differences map[[2]uint64]string
	outcomes    map[outcome]uint64
	knowing     map[uint64][]Setting
	// seeking is replication clients that have no server yet, by connection.
	seeking map[uint64]*seeker
	// listening is what clients listen to, by slot; overfull is for closeOverfull.
	listening map[uint32]*listening
	overfull  []uint64
	// accepting is the sockets that it accepts clients from, by name.
	accepting map[uint64]*accepting
	// idleWatched: clients are looked through for client_idle_timeout, from slot idleNext on.
	idleWatched bool
	idleNext    uint32
	layered     bool // the operations of this turn hold a Layer
	clients     int
	servers     int
	stopping    bool
	stopped     bool

	turns, events uint64
	turn          Histogram // how long turns take
	turnNanos     uint64
	lines         lines
	queries
	// busiest is by name of the declared pool; formText is for readForm.
	busiest   map[string]*busiest
	reading   allowedReading
	formText  []byte
	slowLines lines
}

var (
	_ loop.Core  = (*Shard)(nil)
	_ loop.Timed = (*Shard)(nil)
)

func newShard(e *Engine, index int) *Shard {
	s := &Shard{engine: e, index: index}
	s.reset()
	return s
}

// reset makes the shard empty.
func (s *Shard) reset() {
	s.ops, s.timers = nil, loop.Timers{}
	s.env = session.NewEnv(s)
	s.env.Startup, s.env.MayPin, s.env.OnDefaults = s, s.mayPin, s.changedDefaults
	s.env.Schema, s.env.OnSignal, s.env.Defines = &s.engine.schema, s.signal, s.defines
	s.env.Awaited, s.env.Own = s.awaited, s.own
	s.env.Listeners = s
	s.slots.reset()
	s.held, s.heldMax = chunks{}, maxHeldTotal
	s.pools, s.gaps, s.byKey = nil, nil, map[poolKey]*shardPool{}
	s.forgotten, s.totals, s.telling = map[string]*Counts{}, map[Target]*Totals{}, nil
	s.env.Ask = s.ask
	s.dials, s.cancels, s.asking = map[uint64]dial{}, map[uint64]*cancelling{}, map[uint64]uint64{}
	s.seed = s.engine.host.Random() | 1
	s.differences, s.outcomes, s.knowing = map[[2]uint64]string{}, map[outcome]uint64{}, map[uint64][]Setting{}
	s.profiles, s.profilesMax = map[uint64]*profile{0: {ready: true}}, minProfiles
	s.clients, s.servers = 0, 0
	s.seeking = map[uint64]*seeker{}
	s.listening, s.overfull = map[uint32]*listening{}, nil
	s.accepting = map[uint64]*accepting{}
	s.idleWatched, s.idleNext, s.layered = false, 1, false
	s.env.Runs, s.env.OnRan = s.runs, s.ran
	s.busiest = map[string]*busiest{}
	s.queries.reset()
}

// Bind tells the shard its driver: how to be woken, and how many connections it may hold. Before Run.
func (s *Shard) Bind(d loop.Driver) {
	s.now = d.Now()
	s.slots.limit = uint32(d.Capacity())
	s.reaches.begin(s.slots.limit)
	// Servers need slots too: an eighth of them, and not more than 4,096, is kept for them.
	s.capacity = d.Capacity() - min(d.Capacity()/8, 4096) - 1
	s.timers.Set(loop.Timer{At: s.now + sweepEvery, Kind: timerSweep})
	if s.stopping { // it crashed amid the drain, and has no clients left
		s.timers.Set(loop.Timer{At: s.now, Kind: timerDrain})
	}
	s.watchIdle()
	s.mail.Bind(d.Wake)
	s.down.Store(false)
}

// Stopped reports that the loop may end.
func (s *Shard) Stopped() bool { return s.stopped }

// Deadline is when the earliest timer is due.
func (s *Shard) Deadline() int64 { return s.timers.Next() }

// Tick begins a turn: memory lent to the driver comes back, and what is due is done.
func (s *Shard) Tick(now int64) {
	s.now = now
	s.turns++
	s.beginOps()
	s.env.BeginTurn()
	s.held.beginTurn()
	for {
		t, ok := s.timers.Due(now)
		if !ok {
			return
		}
		s.due(t)
	}
}

// Turned implements loop.Timed.
func (s *Shard) Turned(took int64) {
	s.turn[bucket(took)]++
	s.turnNanos += uint64(max(took, 0))
}

// Ops is what the turn has decided.
func (s *Shard) Ops() []loop.Op {
	s.told = true
	return s.ops
}

// Step takes one event.
func (s *Shard) Step(ev *loop.Event) {
	s.events++
	if ev.Kind == loop.Woken {
		for s.unread = s.mail.Take(); len(s.unread) > 0; {
			m := &s.unread[0]
			s.unread = s.unread[1:]
			s.receive(m)
		}
		s.checkDrained() // servers may have come
		return
	}
	slot := s.slots.at(ev.Conn)
	if slot == nil {
		s.stepClosed(ev)
		return
	}
	switch slot.kind {
	case slotClient:
		s.stepClient(&slot.client, ev)
	case slotServer:
		s.stepServer(slot.server(s), ev)
	case slotAcceptor:
		s.stepAcceptor(ev)
	}
}

// stepClosed takes an event of a connection that was closed in this turn.
func (s *Shard) stepClosed(ev *loop.Event) {
	if ev.Kind == loop.Accepted {
		s.engine.host.CloseFD(int(ev.FD))
		ev.FD = loop.Taken
	}
}

func (s *Shard) stepClient(c *client, ev *loop.Event) {
	switch ev.Kind {
	case loop.Received:
		if c.state != clientFinishing {
			s.fromClient(c, ev.Data)
		}
	case loop.Ended:
		s.clientEnded(c)
	case loop.Failed:
		s.clientFailed(c)
	case loop.Congested:
		c.congested = true
		if srv := s.serverOf(c); srv != nil {
			s.pauseServer(srv)
		}
	case loop.Drained:
		c.congested = false
		if srv := s.serverOf(c); srv != nil {
			s.resumeServer(srv)
		}
		if s.mayTell(c) {
			s.Deliver(&c.Client)
		}
		s.proceed(c)
	}
}

func (s *Shard) stepServer(srv *server, ev *loop.Event) {
	switch ev.Kind {
	case loop.Received:
		if srv.purpose != closing {
			s.fromServer(srv, ev.Data)
		}
	case loop.Ended, loop.Failed:
		s.serverEnded(srv)
	case loop.Congested:
		srv.congested = true
		if c := s.clientOf(srv); c != nil {
			s.pauseClient(c, pauseServerFull)
		}
	case loop.Drained:
		srv.congested = false
		if c := s.clientOf(srv); c != nil {
			s.resumeClient(c, pauseServerFull)
		}
		s.settled(srv)
	case loop.Detached:
		s.depart(srv, ev)
	}
}

// Send is session.Wire: it adds to the operations of this turn. What lies in memory right behind what was sent to the
// same connection before becomes one operation with it.
func (s *Shard) Send(conn uint64, b []byte) {
	if s.tee != nil {
		s.teeTo(loop.ID(conn), b)
	}
	if n := len(s.ops); n > 0 {
		last := &s.ops[n-1]
		if last.Kind == loop.Send && last.Conn == loop.ID(conn) && behind(last.Data, b) {
			last.Data = last.Data[:len(last.Data)+len(b)]
			return
		}
	}
	s.ops = append(s.ops, loop.Op{Kind: loop.Send, Conn: loop.ID(conn), Data: b})
}

// behind reports whether b lies in memory right behind a, in the same allocation.
func behind(a, b []byte) bool {
	return len(b) > 0 && cap(a) >= len(a)+len(b) && &a[:len(a)+1][len(a)] == &b[0]
}

func (s *Shard) op(kind loop.OpKind, conn uint64) {
	s.ops = append(s.ops, loop.Op{Kind: kind, Conn: loop.ID(conn)})
}
