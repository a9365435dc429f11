package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// purpose is what a server is doing.
//
//	         grant                       settings differ
//	idle ─┬────────▶ linked ◀────────────── preparing
//	      └▶ checking ─▶ as granted
//	 ▲                 │  the client leaves       │
//	 │                 ▼                          ▼
//	 │◀──────────── abandoned ──▶ rollingBack ──▶ resetting ──▶ idle
//	 ├──▶ studying ──▶ idle
//	 ├──▶ leaving (to another shard)
//	 └──▶ closing (from wherever it was)
type purpose uint8

const (
	idle        purpose = iota // nobody's, in the ledger
	linked                     // a client's
	preparing                  // its settings are being made a client's
	asking                     // its client's transaction is over, and it is asked what that has left in the session
	studying                   // nobody's, and asked which functions leave state
	checking                   // it has rested for long, and is asked whether it is still there, for a client
	abandoned                  // its client has left; what it owes is swallowed
	rollingBack                // the transaction its client left open is rolled back
	resetting                  // its session is being cleaned
	waiting                    // clean, but a cancel is still on its way to it
	hearing                    // it listens for all clients of its pool; see listener
	leaving                    // going to another shard
	closing                    // told to end, and not heard of its end yet
)

// cleanTimeout bounds how long an abandoned server may take to become clean. After it the server is closed, and
// Postgres rolls back.
const cleanTimeout = 30 * time.Second

// runsOn is how long a server may work on what a client has asked that has said goodbye since.
const runsOn = 24 * time.Hour

// cancelAgain is how long an abandoned server may go on after a cancel before it is cancelled again.
const cancelAgain = 100 * time.Millisecond

// server is one connection to Postgres.
type server struct {
	session.Server
	slot     uint32
	id       uint64 // ServerRow.ID
	pool     *shardPool
	upstream *upstream
	client   uint32 // slot of its client; 0: none
	purpose  purpose
	// destination is the shard it is leaving for.
	destination int

	pid    uint32
	secret []byte
	params []Setting // what it has reported, and reports
	// sum is of all of params; sumAtLink and paramsAtLink are what it was when its client knew all of it.
	sum, sumAtLink uint64
	paramsAtLink   []Setting
	// notices is what Postgres has told while its session was made that of a client that logs in.
	notices []byte
	// reported: it has, since somebody looked.
	reported   bool
	born       int64
	defaults   uint64 // dial.defaults
	generation uint64 // dial.generation
	// fitting: what makes its session its client's has been sent ahead of what the client says.
	fitting bool
	// fresh: it has taken nothing of what its client says yet; whatever it was told was ahead of that.
	fresh bool
	// defines is the databases whose suspects its client may be changing. studied and studiedAt are what the catalog's answer
	// takes in, and when it was asked for.
	defines         []*catalog
	studied, doubts uint64
	studiedAt       int64
	// found is what the answer was, while the lineage is asked for.
	found *session.Suspects
	// misfit: that has failed.
	misfit bool
	// usedBy is the connection of the client that alone has used its session since that knew no numbers of sequences; 0: nobody,
	// someoneElse: several.
	usedBy uint64
	rest   rest
	// soiledBy is the connection of the client that may have left there what Postgres cannot be asked for; see soil.
	soiledBy uint64
	// pinned: it has been counted among those that stay with their clients.
	pinned bool
	// busy: it has been counted in upstream.busy.
	busy bool
	// before is what its session was set to before it was made a client's: what it still is, if that fails.
	before uint64
	// chance is how much of a tenth of server_lifetime it lives less: 0 to 1.
	chance float64
	// used is when a client has last got it or given it back, 0: never; heard when it has last said anything.
	used, heard int64
	// renewed: its replacement has been dialed. replace: that is to be done when it is closed.
	renewed, replace bool
	// listens: it is a listener, and counts as such when it is closed.
	listens bool
	// listing: it is asked what it listens to, for the listed-th time.
	listing bool
	listed  int
	// naming: it is asked what its client's own names stand for.
	naming bool
	// sender is the client that notifies by way of it.
	sender *sender
	// dirty: a client has had it since it was last put back.
	dirty bool
	// deadline is by when it should be done with what it does for nobody, or with its check; alarmAt is when the next timer
	// for that is due, 0: none is set.
	deadline, alarmAt int64

	congested, paused bool
	cancel            uint64       // the one on its way to it, in Shard.cancels; 0: none
	counted           session.Pins // pins that have been counted
	started           int64        // when the query that runs began; 0: none runs
	turned            int64        // when it turned to what it works on: that was sent, or what came before it was done
	waited            int64        // how long its client has waited for it, until the first query is done
	clock

	trace trace
	// writes is what its client may have changed, where that is tracked; recording is the reply that passes, to be cached.
	writes    writes
	recording *recording

	layer    loop.Layer // what stands between its socket's bytes and ours; nil: nothing
	straight *straight  // it is a replication client's own; nil: an ordinary one
}

// fromServer takes what a server sent.
func (s *Shard) fromServer(srv *server, data []byte) {
	if srv.straight != nil {
		s.straightFromServer(srv, data)
		return
	}
	if srv.purpose == hearing {
		s.fromListener(srv, data)
		return
	}
	srv.pool.counts.BytesSent += uint64(len(data))
	srv.heard = s.now
	c := s.clientOf(srv)
	var machine *session.Client
	if c != nil && (srv.purpose == linked || srv.purpose == asking) && !srv.restsNow() {
		machine = &c.Client
	}
	s.tee = srv.recording
	ok := srv.Feed(s.env, machine, data)
	s.tee = nil
	if !ok {
		s.notice(Error, "a server broke the protocol and is closed", srv, "the server is not Postgres, or something between has changed what it said")
		s.serverLost(srv)
		return
	}
	if srv.restsNow() {
		s.tell(c, srv) // all that concerns the client of what is said now
		if srv.Dying {
			s.serverLost(srv)
			return
		}
	}
	if srv.misfit && srv.purpose == linked && c != nil {
		s.misfitted(srv, c)
		return
	}
	if srv.started != 0 && !srv.Owes() {
		srv.pool.counts.queryTime(s.now - srv.started)
		if srv.pool.chooses() {
			srv.upstream.latency.Observe(s.now, s.now-srv.started)
		}
		srv.started = 0
	}
	if machine != nil && srv.purpose == linked {
		s.heard(srv)
	}
	if srv.recording != nil {
		s.recorded(srv)
	}
	s.settleWrites(srv)
	s.settled(srv)
	s.closeOverfull()
}

// asked notes the time when a query begins.
func (s *Shard) asked(srv *server) {
	if srv.started == 0 && srv.Owes() {
		srv.started, srv.turned = s.now, s.now
	}
	s.sent(srv)
}

// countPins counts new reasons for which a server stays with its client.
func (s *Shard) countPins(srv *server) {
	if fresh := srv.Pins &^ srv.counted; fresh != 0 {
		fresh.Each(func(reason string) { srv.pool.counts.pinned(reason, 1) })
		s.pins(srv, fresh)
	}
	srv.counted = srv.Pins
	s.countPinned(srv)
}

// countPinned counts a server among those of its pool that stay with their clients for what these have left in them.
func (s *Shard) countPinned(srv *server) {
	pinned := srv.client != 0 && srv.Pins&^session.PinSession&^session.PinStraight != 0
	if pinned == srv.pinned {
		return
	}
	srv.pinned = pinned
	by := int64(-1)
	if pinned {
		by = 1
	}
	srv.pool.top().shared.pinned.Add(by)
}

// unpinned counts a server out that goes.
func (s *Shard) unpinned(srv *server) {
	if srv.pinned {
		srv.pinned = false
		srv.pool.top().shared.pinned.Add(-1)
	}
}

// mayPin is what session asks before a client leaves state in a server.
func (s *Shard) mayPin(machine *session.Server) bool {
	sl := s.slots.at(loop.ID(machine.Conn))
	if sl == nil || sl.kind != slotServer {
		return true
	}
	p := sl.server(s).pool
	most := p.config().MaxPinned
	return most <= 0 || p.top().shared.pinned.Load() < int64(most)
}

// settled decides what a server does next, when what it was told has been answered. It is the one place where a server
// leaves its client.
func (s *Shard) settled(srv *server) {
	c := s.clientOf(srv)
	switch srv.purpose {
	case linked:
		if s.through(c) {
			return
		}
		if srv.Releasable() && !c.MidFrame() && !srv.congested {
			if s.list(srv, c) {
				return
			}
			s.reportedUnseen(srv)
			s.defined(srv)
			if srv.uncertain() && s.learn(srv, c) || s.asksNames(srv, c) {
				s.relieve(srv, c)
				return
			}
		}
		// Who awaited only the end of what was sent ahead has not had its turn: two that differ would pass the server to and
		// fro for ever, or one would have the same sent ahead again and again.
		waited := srv.fresh && c.blocked != session.More
		if !waited && s.mayRelease(srv, c) && !s.rests(srv, c) {
			s.unlink(srv, c)
			return
		}
		s.relieve(srv, c)
	case asking:
		if srv.Settled() {
			s.learned(srv, c)
		}
	case preparing:
		if srv.Settled() {
			s.prepared(srv, c)
		}
	case studying:
		if srv.Settled() {
			s.learnedSuspects(srv)
		}
	case checking:
		if srv.Settled() {
			s.checked(srv)
		}
	case abandoned:
		if srv.Settled() {
			s.reportedUnseen(srv)
			s.rollBack(srv)
		}
	case rollingBack:
		if !srv.Settled() {
			return
		}
		if srv.Failed || !srv.Releasable() {
			s.closeServer(srv)
			return
		}
		s.reportedUnseen(srv)
		s.clean(srv)
	case resetting:
		if !srv.Settled() {
			return
		}
		if srv.Failed || !srv.Releasable() {
			s.closeServer(srv)
			return
		}
		srv.Cleaned(s.env)
		srv.forgotNumbers()
		s.release(srv)
	case idle:
		if srv.Dying {
			s.serverLost(srv)
			return
		}
		s.news(srv)
	}
}

var (
	lostServer = &Refusal{
		SQLState: "08006",
		Message:  "server closed the connection unexpectedly",
		Detail:   "The Postgres server ended the connection before or while it processed the request.",
		Hint:     "Whether the request was executed is not known. Connect again.",
	}
	goingAway = &Refusal{
		SQLState: "57P01",
		Message:  "terminating connection due to administrator command",
		Hint:     "The pool is being removed or the pooler is shutting down. Connect again.",
	}
)

func (s *Shard) pauseServer(srv *server) {
	if !srv.paused {
		srv.paused = true
		s.op(loop.Pause, srv.Conn)
	}
}

func (s *Shard) resumeServer(srv *server) {
	if srv.paused {
		srv.paused = false
		s.op(loop.Resume, srv.Conn)
	}
}

// notice writes a line about a server.
func (s *Shard) notice(level Level, message string, srv *server, cause string) {
	k := srv.pool.shared.poolKey
	s.engine.host.Log(Notice{Level: level, Message: message, Pool: k.pool, Database: k.database, User: k.user,
		Upstream: srv.upstream.address, Cause: cause})
}
