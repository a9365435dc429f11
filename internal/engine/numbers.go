package engine

import (
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Whose numbers of sequences a session knows (see session.Sequences). A client's are on the server where it drew last, until
// somebody else has that server: then they are lost, and what asks for them gets 55000. So
//
//   - the client gets that server again if it is free and nobody else has had it; others get it last;
//   - the server rests with the client for a moment after it may have drawn, though others may have to wait for it. How often
//     they do in vain is bounded, for each client and for all that have not asked yet: see session.WorthARest.
//
// Nothing keeps it for good: of as many clients as ask, each with a server of its own, the others would starve.

const (
	// numbersRest is for the next text of a program that is at work: a round trip, and what an interpreter does between.
	numbersRest = int64(20 * time.Millisecond)
	// numbersLonger is for a client that has asked too late before: a round trip across an ocean.
	numbersLonger = int64(100 * time.Millisecond)
	// asksAgain is for a second question behind the first.
	asksAgain = int64(5 * time.Millisecond)
	// restsFor bounds how long a client goes on with one server by resting in time: what a new client is told has changed then.
	restsFor = int64(time.Second)
)

// rest is the time that a server has stayed with a client for its numbers: first is when that began, since when the present
// rest did, and alarm when the timer for its end is due; 0: not yet, or none is set.
type rest struct{ first, since, alarm int64 }

// someoneElse is more than one client.
const someoneElse = ^uint64(0)

// linkSequences notes whose numbers a server's session knows when a client gets it.
func (s *Shard) linkSequences(c *client, srv *server) {
	own := srv.usedBy == c.Conn && (c.DrewOn == srv.slot || c.DrewOn == 0)
	srv.Habit = &srv.pool.shared.catalog.habit
	srv.Sequences = session.Sequences{Own: own || srv.usedBy == 0, Elsewhere: !own && c.DrewOn != 0 && c.DrewOn != session.Discarded}
	srv.rest.first = 0
}

// noteUse notes the same when a server leaves a client: any text may have drawn, seen or not.
func (srv *server) noteUse(c *session.Client) {
	srv.usedBy = someoneElse
	if srv.Sequences.Own {
		srv.usedBy = c.Conn
	}
	if srv.Sequences.Drew {
		c.DrewOn = srv.slot // what it drew elsewhere is older
	}
}

// forgotNumbers notes that the reset query has run, which may be one that leaves numbers.
func (srv *server) forgotNumbers() {
	query := strings.ToUpper(srv.pool.config().ServerResetQuery)
	if strings.Contains(query, "DISCARD ALL") || strings.Contains(query, "DISCARD SEQUENCES") {
		srv.usedBy = 0
	} else {
		srv.usedBy = someoneElse
	}
}

// moveNumbers notes that a server goes to another shard, where other clients have the numbers of this one's.
func (srv *server) moveNumbers() {
	if srv.usedBy != 0 {
		srv.usedBy = someoneElse
	}
	srv.rest.alarm = 0 // it stays here
}

// ownNumbers takes the server where a client has drawn last out of those at rest, if nobody else has had it, and clients ask.
func (s *Shard) ownNumbers(c *client, p *shardPool) *server {
	if c.DrewOn == 0 || c.DrewOn >= s.slots.used || !p.shared.catalog.habit.Asking() || p.ledger.Waiting() > 0 {
		return nil
	}
	sl := s.slots.slot(c.DrewOn)
	if sl.kind != slotServer {
		return nil
	}
	srv := sl.server(s)
	if srv.purpose != idle || srv.pool != p || srv.usedBy != c.Conn || !p.ledger.Remove(srv.slot) {
		return nil
	}
	return srv
}

// rests reports whether a server that nothing else keeps rests with its client for a moment, because that may ask for numbers.
func (s *Shard) rests(srv *server, c *client) bool {
	q := &srv.Sequences
	if !q.Drew || c.Pinning != session.PinningOn || !srv.WorthARest(&c.Client) || c.quits || s.stopping ||
		srv.pool.leaving() || srv.pool.shared.shared.TooMany() || s.mustGo(srv) || s.expired(srv) {
		return false
	}
	r := &srv.rest
	if !q.Resting {
		q.Rest()
		s.hasHeard(c, srv)
		if r.since = s.now; r.first == 0 {
			r.first = s.now
		}
	}
	at := r.since + moment(c, q)
	if s.now >= at {
		if s.othersWait(srv.pool) {
			srv.RestedInVain(&c.Client)
		}
		return false
	}
	if s.now-r.first >= restsFor {
		return false
	}
	if r.alarm == 0 || r.alarm > at {
		r.alarm = at
		s.timers.Set(loop.Timer{At: at, Kind: timerNumbers, Ref: srv.Conn})
	}
	return true
}

// moment is how long a client has for its next text.
func moment(c *client, q *session.Sequences) int64 {
	switch {
	case q.Asked():
		return asksAgain
	case c.Slow():
		return numbersLonger
	}
	return numbersRest
}

func (s *Shard) othersWait(p *shardPool) bool { return p.shared.shared.Waiting() > 0 }

// awaited is session.Env.Awaited.
func (s *Shard) awaited(machine *session.Server) bool {
	srv := s.serverAt(machine.Conn)
	return srv != nil && s.othersWait(srv.pool)
}

// numbersDue looks whether a server has rested long enough.
func (s *Shard) numbersDue(conn uint64) {
	srv := s.serverAt(conn)
	if srv == nil || srv.rest.alarm == 0 || s.now < srv.rest.alarm {
		return // another has replaced it
	}
	srv.rest.alarm = 0
	if srv.purpose == linked && srv.Sequences.Resting {
		s.settled(srv)
	}
}

// restsNow reports whether a server rests: whatever it says, and if it ends, it is between two transactions, and no client is told.
func (srv *server) restsNow() bool {
	return srv.purpose == linked && srv.Sequences.Resting && !srv.Owes()
}

// endRest takes a server that rests from its client, which is to leave.
func (s *Shard) endRest(c *client) {
	if srv := s.serverOf(c); c.state == clientLinked && srv.Sequences.Resting {
		s.settled(srv)
	}
}

// keepsNumbers reports whether a server that is free has numbers that its last client may come back for.
func (srv *server) keepsNumbers() bool {
	return srv.Sequences.Drew && srv.usedBy != 0 && srv.usedBy != someoneElse && srv.Habit.Asking()
}
