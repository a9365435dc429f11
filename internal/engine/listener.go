package engine

import (
	"cmp"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// The listener of a pool, over all shards, is one server on one of them. It counts for max_server_connections, and not for
// pool_size: no client ever gets it. It is dialed when a client listens, and closed when for server_idle_timeout none has.
//
// It is told what to listen to in batches: one query at a time, and what comes meanwhile is the next. Every batch, an empty one
// too, is answered after the notifications that were sent before it; so its answer says that all of those have been heard.
//
// A listener that is lost is dialed again and told everything; then the clients are told that they may have missed something.

const (
	// maxBatch bounds the statements of one batch.
	maxBatch = 1000
	// neverTooIdle keeps Postgres from ending a listener that has nothing to say for long.
	neverTooIdle = "SELECT pg_catalog.set_config(name,'0',false) FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'idle_session_timeout'"
	// listenAgain is when a listener that lacks a permit looks for one again.
	listenAgain = 10 * time.Millisecond
)

// listener is the server that listens for a pool, with what it is to do.
type listener struct {
	server  *server // nil: there is none
	dialing bool
	wanted  map[string][]int // the shards that want a channel
	shards  []int            // how many channels each shard wants
	// next is statements for the next batch, marks who is told when they are answered, and sent those of the batch on its way.
	next        []string
	marks, sent []mark
	heard       []byte // notifications that have not been passed on yet
	// hearsMarkers: it listens to them. named is whom those have named, by process of Postgres; see markers.go.
	hearsMarkers bool
	named        map[uint32]naming
	// ended is how many servers had ended when that was last looked at, and ending those that will have been heard then.
	ended  uint64
	ending []uint32
	// gap: it has been lost; the clients are told when it listens again.
	gap bool
	// again is when a connection may be tried again, and since when nobody wants anything; 0: now, and somebody does.
	again, idle int64
	// alarm is when the next timer for a dial is due, lacks since when there is no permit for it; 0: there is, or none is needed.
	alarm, lacks int64
}

// mark is a shard that is told when the listener has got so far, and the number it knows that by.
type mark struct {
	shard  int
	number uint64
}

// drive has the listener do what is to be done: dial, or the next batch.
func (s *Shard) drive(p *shardPool) {
	l := p.listener
	srv := l.server
	if srv == nil {
		s.dialListener(p)
		return
	}
	if !srv.Settled() || len(l.next)+len(l.marks) == 0 {
		return
	}
	n := min(len(l.next), maxBatch)
	text := strings.Join(l.next[:n], ";")
	if l.next = l.next[n:]; len(l.next) == 0 {
		l.next = nil
		l.sent, l.marks = l.marks, nil
	}
	s.tellListener(srv, text)
}

// tellListener sends a batch.
func (s *Shard) tellListener(srv *server, text string) {
	srv.pool.listener.noteEnded(s.engine.senders.ended.Load())
	s.limit(srv, cmp.Or(srv.pool.config().ServerConnectTimeout, cleanTimeout))
	srv.Ask(s.env, text)
}

// needed reports whether anybody wants anything of the listener.
func (l *listener) needed() bool { return len(l.wanted)+len(l.marks)+len(l.sent) > 0 }

// hears takes one notification, which the turn's end of what the server says passes on.
func (s *Shard) hears(srv *server, m []byte) {
	pid, name, ok := pgwire.Notification(m)
	switch l := srv.pool.listener; {
	case !ok || l == nil:
	case string(name) == s.engine.markerChannel:
		l.takesMarker(&s.engine.senders, pid, m)
	default:
		l.heard = pgwire.AppendNotification(l.heard, m, l.sentBy(&s.engine.senders, pid))
	}
}

// fromListener takes what a listener sent.
func (s *Shard) fromListener(srv *server, data []byte) {
	srv.heard = s.now
	fine := srv.Feed(s.env, nil, data)
	p := srv.pool
	l := p.listener
	s.spread(p)
	switch {
	case !fine:
		s.notice(Error, "a server broke the protocol and is closed", srv, "the server is not Postgres, or something between has changed what it said")
		s.serverLost(srv)
		return
	case srv.Dying:
		s.serverLost(srv)
		return
	case !srv.Settled():
		return
	case srv.Failed:
		s.notice(Warn, "the server that listens for clients could not, and is closed", srv, string(pgwire.ErrorField(srv.Failure, 'M')))
		l.again = s.now + int64(max(p.config().ServerLoginRetry, time.Second))
		s.serverLost(srv)
		return
	}
	srv.deadline = loop.Never
	l.forgetEnded()
	l.begins(s.engine, p.shared)
	if l.gap && len(l.next) == 0 {
		l.gap = false
		l.heard = append(l.heard, missed...)
		s.spread(p)
	}
	if len(l.next) == 0 {
		p.shared.hearing.Store(true)
	}
	sent := l.sent
	l.sent = nil
	for _, m := range sent {
		if m.shard == s.index {
			s.heardUpTo(p, m.number)
			continue
		}
		s.engine.shards[m.shard].mail.Post(mail{kind: mailListening, pool: p.shared, ticket: m.number})
	}
	if l.server == srv {
		s.drive(p)
	}
}

// spread passes on what the listener has heard, to all shards that want anything of it.
func (s *Shard) spread(p *shardPool) {
	l := p.listener
	heard := l.heard
	if len(heard) == 0 {
		return
	}
	l.heard = nil // others read it
	for i, other := range s.engine.shards {
		if i != s.index && l.shards[i] > 0 {
			other.mail.Post(mail{kind: mailHeard, pool: p.shared, heard: heard})
		}
	}
	s.passOn(p, heard)
}

var missed = pgwire.AppendNotice(nil, "WARNING", "01000", "notifications may have been missed",
	"The connection to Postgres that listens for this session was lost; a new one listens now.",
	"Look at the state that the notifications are about.")
