package engine

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// serverRows is what is gathered of servers, of which there are some thousand at most.
type serverRows struct {
	Filter
	mu      sync.Mutex
	missing int
	rows    []ServerRow
	out     chan []ServerRow
}

// ServerRows asks for servers; the channel yields them once, sorted by ID. One that moves to another event loop at this moment may be missing.
func (e *Engine) ServerRows(f Filter) <-chan []ServerRow {
	g := &serverRows{Filter: f, missing: len(e.shards), rows: []ServerRow{}, out: make(chan []ServerRow, 1)}
	for _, s := range e.shards {
		s.post(mail{kind: mailServers, servers: g})
	}
	return g.out
}

// gatherServers adds those of this shard.
func (s *Shard) gatherServers(g *serverRows) {
	var rows []ServerRow
	for p := range s.eachPool {
		if !g.takesIn(p.shared.poolKey) || !fits(g.User, p.shared.user) {
			continue
		}
		for srv := range p.servers {
			row := s.serverRow(srv)
			if row.ID > g.After && fits(g.State, row.State) && fits(g.Upstream, row.Address) && fits(g.Address, row.Address) && fits(g.Application, row.Application) {
				rows = append(rows, row)
			}
		}
	}
	g.answered(rows)
}

// answered adds rows, and completes the answer with the last shard.
func (g *serverRows) answered(rows []ServerRow) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rows = append(g.rows, rows...)
	if g.missing--; g.missing > 0 {
		return
	}
	slices.SortFunc(g.rows, func(a, b ServerRow) int { return cmp.Compare(a.ID, b.ID) })
	if g.Limit > 0 && len(g.rows) > g.Limit {
		g.rows = g.rows[:g.Limit]
	}
	g.out <- g.rows
}

// serverRow is a server as it is now.
func (s *Shard) serverRow(srv *server) ServerRow {
	k := srv.pool.shared.poolKey
	row := ServerRow{
		ID: srv.id, Pool: k.pool, Database: k.database, User: k.user, Address: srv.upstream.address, State: s.stateOf(srv).String(),
		PID: srv.pid, Age: time.Duration(s.now - srv.born), Application: s.application(srv.Settings), Pinned: reasonsOf(srv.Pins),
		Prepared: srv.Prepared.Len(), TLS: srv.layer != nil, Queries: srv.Queries, Transactions: srv.Transactions,
	}
	if row.Since = row.Age; srv.used != 0 {
		row.Since = time.Duration(s.now - srv.used)
	}
	if c := s.clientOf(srv); c != nil {
		row.Client, row.ClientPID = clientID(s.index, c.Conn), s.pid(c)
	}
	return row
}

// serverState is what a server is counted as.
type serverState uint8

const (
	serverIdle serverState = iota
	serverActive
	serverChecking
	serverResetting
	serverBeingCanceled
	serverDraining
	serverListening
)

var serverStateNames = [...]string{"idle", "active", "checking", "resetting", "being_canceled", "draining", "listening"}

func (t serverState) String() string { return serverStateNames[t] }

// stateOf is what a server is counted as now.
func (s *Shard) stateOf(srv *server) serverState {
	switch {
	case srv.purpose == closing:
		return serverDraining
	case srv.purpose == hearing:
		return serverListening
	case srv.cancel != 0:
		return serverBeingCanceled
	case srv.purpose == idle || srv.purpose == leaving:
		return serverIdle
	case srv.unwanted() || srv.pool.leaving() || s.now >= srv.expires():
		return serverDraining
	case srv.purpose == checking || srv.purpose == studying:
		return serverChecking
	case srv.purpose == linked || srv.purpose == preparing || srv.purpose == asking:
		return serverActive
	}
	return serverResetting
}
