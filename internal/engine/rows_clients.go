package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// There may be a million clients, so they are looked through two thousand at a time: shard after shard, in the order of their IDs, until there
// are as many as were asked for. Queries run in between.

// rowsPerTurn bounds the slots that are looked at in one turn: less than a millisecond's work, if all are clients that have servers.
const rowsPerTurn = 2048

// clientRows is what is gathered of clients. One shard has it at a time.
type clientRows struct {
	Filter
	rows []ClientRow
	out  chan []ClientRow
}

// ClientRows asks for clients; the channel yields them once, sorted by ID.
func (e *Engine) ClientRows(f Filter) <-chan []ClientRow {
	most := e.Clients() // room for all, or some turn would copy what there is
	if f.Limit > 0 {
		most = min(most, f.Limit)
	}
	g := &clientRows{Filter: f, rows: make([]ClientRow, 0, most), out: make(chan []ClientRow, 1)}
	shard, _, _ := place(f.After)
	e.gatherFrom(shard, g)
	return g.out
}

// gatherFrom asks a shard, or the next that runs.
func (e *Engine) gatherFrom(shard int, g *clientRows) {
	for ; shard < len(e.shards); shard++ {
		if e.shards[shard].mail.Post(mail{kind: mailClients, clients: g}) {
			return
		}
	}
	g.out <- g.rows
}

// gather adds the next clients of this shard.
func (s *Shard) gather(g *clientRows) {
	shard, slot, _ := place(g.After)
	if shard != s.index {
		slot = 0
	}
	end := min(s.slots.used, slot+1+rowsPerTurn)
	for i := slot + 1; i < end; i++ {
		sl := s.slots.slot(i)
		if sl.kind != slotClient || !s.isAsked(&sl.client, &g.Filter) {
			continue
		}
		g.rows = append(g.rows, s.rowOf(&sl.client))
		if g.Limit > 0 && len(g.rows) >= g.Limit {
			g.out <- g.rows
			return
		}
	}
	if end < s.slots.used {
		g.After = uint64(s.index)<<(idSlotBits+idGenBits) | uint64(end-1)<<idGenBits
		s.mail.Post(mail{kind: mailClients, clients: g}) // in the next turn
		return
	}
	s.engine.gatherFrom(s.index+1, g)
}

// isAsked reports whether a client is one of those wanted.
func (s *Shard) isAsked(c *client, f *Filter) bool {
	p := s.pools[c.pool]
	if !f.takesIn(p.shared.poolKey) || !fits(f.State, c.status()) {
		return false
	}
	if f.Address != "" && f.Address != c.Address() && f.Address != hostOf(c.Address()) {
		return false
	}
	if f.User != "" && f.User != p.shared.user && f.User != s.loginOf(c) {
		return false
	}
	if f.Upstream != "" {
		if srv := s.serverOf(c); srv == nil || srv.upstream.address != f.Upstream {
			return false
		}
	}
	return f.Application == "" || f.Application == s.application(c.Settings)
}

func (s *Shard) application(settings uint64) string {
	profile := s.profiles[settings]
	if profile == nil {
		return ""
	}
	name, _ := profile.value(applicationName)
	return name
}

// status is a client's state in the words of the admin API.
func (c *client) status() string {
	switch {
	case c.state == clientFinishing:
		return "closing"
	case !c.welcomed:
		return "logging_in"
	case c.state == clientWaiting:
		return "waiting"
	case c.state == clientIdle:
		return "idle"
	}
	return "active"
}

// rowOf is a client as it is now.
func (s *Shard) rowOf(c *client) ClientRow {
	p := s.pools[c.pool]
	k := p.shared.poolKey
	row := ClientRow{
		ID: clientID(s.index, c.Conn), PID: s.pid(c), Pool: k.pool, Database: k.database, User: k.user, Login: s.loginOf(c),
		Application: s.application(c.Settings), Address: c.Address(), State: c.status(), Since: s.sinceOf(c),
		Age: time.Duration(s.now) - time.Duration(c.born)*time.Second, TLS: c.encrypted, Queries: uint64(c.queries),
		Prepared: c.Statements(s.env), Listening: s.channelsOf(c), Why: s.why(c),
	}
	row.Age = max(row.Age, 0)
	if srv := s.serverOf(c); srv != nil {
		row.Server, row.ServerPID, row.Upstream = srv.id, srv.pid, srv.upstream.address
		row.Pinned = reasonsOf(srv.Pins)
	}
	return row
}

// sinceOf is how long a client is in its state.
func (s *Shard) sinceOf(c *client) time.Duration {
	since := c.since
	if srv := s.serverOf(c); srv != nil && c.state == clientLinked {
		switch {
		case srv.running != 0:
			since = srv.running
		case srv.rests != 0:
			since = srv.rests
		}
	}
	if since == 0 {
		return 0
	}
	return time.Duration(max(s.now-since, 0))
}

// channelsOf is how many channels a client listens to.
func (s *Shard) channelsOf(c *client) int {
	if l := s.listening[c.Slot]; l != nil {
		return len(l.channels)
	}
	return 0
}

// CloseClient closes a client with 57P01. The channel tells whether there was one with that ID.
func (e *Engine) CloseClient(id uint64) <-chan bool {
	out := make(chan bool, 1)
	shard, _, conn := place(id)
	if shard >= len(e.shards) || !e.shards[shard].mail.Post(mail{kind: mailCloseClient, ticket: conn, closed: out}) {
		out <- false
	}
	return out
}

// closeOne closes a client of this shard, if it is there and not being closed already.
func (s *Shard) closeOne(conn uint64, out chan bool) {
	sl := s.slots.at(loop.ID(conn))
	there := sl != nil && sl.kind == slotClient && sl.client.state != clientFinishing
	if there {
		s.finishClient(&sl.client, closedByOperator.message("FATAL"))
	}
	out <- there
}

var closedByOperator = &Refusal{
	SQLState: "57P01",
	Message:  "terminating connection due to administrator command",
	Hint:     "An operator has closed this connection. Connect again.",
}
