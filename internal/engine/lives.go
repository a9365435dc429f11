package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// What becomes of clients is counted, and written to the log where that is asked for: that they came, left, were refused something, or keep
// their server.

// Logged is what is written to the log of clients.
type Logged uint8

const (
	// LogConnections writes a line for each client that has logged in. (PgBouncer: log_connections.)
	LogConnections Logged = 1 << iota
	// LogDisconnections writes one, with the reason, for each that leaves. (PgBouncer: log_disconnections.)
	LogDisconnections
	// LogErrors writes one for each query that is refused, and client that is closed, by the pooler. (PgBouncer: log_pooler_errors.)
	LogErrors
	// LogPins writes one when a client begins to keep its server beyond a transaction, and why.
	LogPins
)

// Life is what a Notice says of the life of a client.
type Life struct {
	// Reason is why: see Departure, or a SQLSTATE, or reasons to be pinned.
	Reason string
	// Queries is what the client has asked; Age how long it was there.
	Queries uint64
	Age     time.Duration
	TLS     bool
	// LeftOut is how many lines of this kind were left out before.
	LeftOut uint64
}

// Why clients leave. One that the pooler closes leaves for the SQLSTATE that it is told.
const (
	leftTerminated = "terminated"    // it has said Terminate
	leftClosed     = "closed"        // it has closed its connection without saying so
	leftLost       = "lost"          // its connection broke
	leftServer     = "server_closed" // Postgres has ended its session, and told it why
	leftViolation  = "violation"     // what it said is no message of the protocol
)

// departs notes why a client leaves; the first reason is the one. message is an ErrorResponse that it is told, or nothing.
func (s *Shard) departs(c *client, reason string, message []byte) {
	if c.departed {
		return
	}
	c.departed = true
	p := s.pools[c.pool]
	text := ""
	if len(message) > 0 {
		reason, text = string(pgwire.ErrorField(message, 'C')), string(pgwire.ErrorField(message, 'M'))
		p.counts.refused(reason)
	}
	p.counts.left(reason)
	logged := p.config().Log
	switch {
	case len(message) > 0 && logged&(LogErrors|LogDisconnections) != 0 && !isFarewell(reason):
		s.tellOf(c, Warn, "a client was closed", text, &Life{Reason: reason})
	case logged&LogDisconnections != 0:
		s.tellOf(c, Info, "a client has left", text, &Life{Reason: reason})
	}
}

// isFarewell reports whether an error is no fault of anybody, but the pooler's or an operator's goodbye.
func isFarewell(state string) bool { return state == "57P01" || state == "57P05" }

// arrived notes that a client has logged in.
func (s *Shard) arrived(c *client) {
	if s.pools[c.pool].config().Log&LogConnections != 0 {
		s.tellOf(c, Info, "a client has logged in", "", &Life{})
	}
}

// refusal notes that a client is refused something, and goes on.
func (s *Shard) refusal(c *client, r *Refusal) {
	p := s.pools[c.pool]
	p.counts.refused(r.SQLState)
	if p.config().Log&LogErrors != 0 {
		s.tellOf(c, Warn, "a query was refused", r.Message, &Life{Reason: r.SQLState})
	}
}

// pins notes that a client begins to keep its server.
func (s *Shard) pins(srv *server, fresh session.Pins) {
	c := s.clientOf(srv)
	if fresh &^= session.PinSession | session.PinStraight; c == nil || fresh == 0 || srv.pool.config().Log&LogPins == 0 {
		return
	}
	reason := ""
	fresh.Each(func(name string) { reason += ", " + name })
	s.tellOf(c, Info, "a client keeps its server", "", &Life{Reason: reason[2:]})
}

// tellOf writes a line about a client.
func (s *Shard) tellOf(c *client, level Level, message, cause string, life *Life) {
	leftOut, ok := s.lines.take(s.now, maxLines)
	if !ok {
		return
	}
	life.LeftOut, life.Queries, life.TLS = leftOut, uint64(c.queries), c.encrypted
	life.Age = max(time.Duration(s.now)-time.Duration(c.born)*time.Second, 0)
	k := s.pools[c.pool].shared.poolKey
	n := Notice{Level: level, Message: message, Pool: k.pool, Database: k.database, User: s.loginOf(c), Address: c.Address(),
		Application: s.application(c.Settings), Cause: cause, Life: life}
	if srv := s.serverOf(c); srv != nil {
		n.Upstream = srv.upstream.address
	}
	s.engine.host.Log(n)
}

// maxLines is how many lines about clients a shard writes in a second: a log that is written faster costs more than what it tells.
const maxLines = 500

// maxStates bounds the reasons that are counted each on its own; there are fewer SQLSTATEs of ours.
const maxStates = 64

func (t *Counts) refused(state string) { countIn(&t.Refused, state) }

func (t *Counts) left(reason string) { countIn(&t.Left, reason) }

func countIn(m *map[string]uint64, key string) {
	if *m == nil {
		*m = map[string]uint64{}
	}
	if _, known := (*m)[key]; !known && len(*m) >= maxStates {
		key = "other"
	}
	(*m)[key]++
}

func addIn[N int | uint64](m *map[string]N, other map[string]N) {
	for key, n := range other {
		if *m == nil {
			*m = map[string]N{}
		}
		(*m)[key] += n
	}
}
