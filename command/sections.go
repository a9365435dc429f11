package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// section is a table on the screen, or a sentence where there is none.
type section struct {
	table    *table
	sentence string
	alarming bool // the sentence is
}

// sections is what a screen shows below its head.
func (s *screen) sections() []section {
	p := s.shown
	if p == nil || p.wish != s.wish() {
		return []section{{sentence: "Asking " + s.source + " …"}}
	}
	switch s.view {
	case viewClients:
		return []section{p.section(clientsPath, clientTable(s.sortedClients()), "There is no client.")}
	case viewServers:
		return []section{p.section(serversPath, serverTable(s.sortedServers()), "There is no server.")}
	case viewQueries:
		return []section{p.section(queriesPath, s.loadTable(p.queries), "No query has been counted yet.")}
	}
	return s.overview()
}

// overview is a bit of everything; parts that have nothing to tell are left out.
func (s *screen) overview() []section {
	p := s.shown
	all := []section{p.section(poolsPath, s.ratesTable(s.sortedPools()), "There is no pool.")}
	busiest := slices.Clone(p.queries)
	sortBy(busiest, func(q *adminapi.Query) float64 { return s.rates.query(q).load })
	waiting := slices.Clone(p.clients)
	sortBy(waiting, func(c *adminapi.Client) float64 { return c.SinceSeconds })
	for _, part := range []section{
		p.section(upstreamsPath, upstreamTable(p.upstreams, p.at), ""),
		p.section(queriesPath, s.loadTable(busiest), ""),
		p.section(clientsPath, waitingTable(waiting), ""),
	} {
		if part.sentence != "" || len(part.table.rows) > 0 {
			all = append(all, part)
		}
	}
	return all
}

// section is a table, or why it is not there.
func (p *picture) section(path string, t *table, none string) section {
	if err := p.without[path]; err != nil {
		return section{sentence: clean(fmt.Sprintf("No %s: %v", strings.TrimPrefix(path, "/postgres/"), err)), alarming: true}
	}
	if len(t.rows) == 0 {
		return section{table: t, sentence: none}
	}
	return section{table: t}
}

// ratesTable shows pools with what happens in a second.
func (s *screen) ratesTable(pools []adminapi.Pool) *table {
	t := &table{columns: append([]column{{title: "POOL", least: 8}, {title: "STATUS", drop: 3}}, figureColumns()...)}
	t.columns = append(t.columns, column{title: "QUERIES/S", right: true}, column{title: "TX/S", right: true, drop: 8},
		column{title: "IN/S", right: true, drop: 9}, column{title: "OUT/S", right: true, drop: 10})
	for i := range pools {
		p := &pools[i]
		r := s.rates.pool(p.Name)
		row := append([]string{p.Name, p.Status}, figureCells(&p.Figures)...)
		t.add(append(row, rate(r.queries), rate(r.transactions), size(r.received), size(r.sent))...)
		t.mark(p.Waiting > 0 || p.Status != adminapi.StatusActive)
	}
	return t
}

// loadTable shows queries with what they are doing now: LOAD is how many servers they keep busy on average.
func (s *screen) loadTable(queries []adminapi.Query) *table {
	t := &table{columns: []column{
		{title: "LOAD", right: true}, {title: "CALLS/S", right: true}, {title: "CALLS", right: true, drop: 4},
		{title: "TOTAL", right: true, drop: 5}, {title: "MEAN", right: true, drop: 1}, {title: "P99", right: true, drop: 2},
		{title: "ROWS", right: true, drop: 8}, {title: "CACHED", right: true, drop: 7},
		{title: "POOL", least: 6, drop: 3}, {title: "QUERY", least: 34},
	}}
	for i := range queries {
		q := &queries[i]
		r := s.rates.query(q)
		t.add(rate(r.load), rate(r.calls), count(q.Calls), duration(q.TotalSeconds), duration(q.MeanSeconds), duration(q.P99Seconds),
			count(q.Rows), count(q.CacheHits), q.Pool, q.Query)
	}
	return t
}

// waitingTable shows clients that wait for a server.
func waitingTable(clients []adminapi.Client) *table {
	t := &table{columns: []column{
		{title: "WAITS", right: true}, {title: "CLIENT", right: true}, {title: "POOL", least: 6, drop: 3}, {title: "DATABASE", least: 8, drop: 1},
		{title: "USER", least: 6}, {title: "APPLICATION", least: 8, drop: 2}, {title: "ADDRESS", least: 9, drop: 5}, {title: "WHY", least: 8, drop: 4},
	}}
	for i := range clients {
		c := &clients[i]
		t.add(duration(c.SinceSeconds), c.ID, c.Pool, c.Database, c.User, c.ApplicationName, c.Address, c.Why)
	}
	return t
}

func (s *screen) sortedPools() []adminapi.Pool {
	pools := slices.Clone(s.shown.pools)
	switch s.sort() {
	case "waiting":
		sortBy(pools, func(p *adminapi.Pool) float64 { return float64(p.Waiting) })
	case "used":
		sortBy(pools, func(p *adminapi.Pool) float64 { return p.Utilization })
	case "queries":
		sortBy(pools, func(p *adminapi.Pool) float64 { return s.rates.pool(p.Name).queries })
	}
	return pools
}

// busyFirst is the states in the order in which they are worth a look.
var busyFirst = []string{"waiting", "being_canceled", "active", "closing", "draining", "logging_in", "resetting", "checking", "listening", "idle"}

func (s *screen) sortedClients() []adminapi.Client {
	clients := slices.Clone(s.shown.clients)
	sortBy(clients, func(c *adminapi.Client) float64 { return orderOf(s.sort(), c.SinceSeconds, c.AgeSeconds, c.Queries) })
	if s.sort() == "state" {
		slices.SortStableFunc(clients, func(a, b adminapi.Client) int { return byState(a.State, b.State) })
	}
	return clients
}

func (s *screen) sortedServers() []adminapi.Server {
	servers := slices.Clone(s.shown.servers)
	sortBy(servers, func(c *adminapi.Server) float64 { return orderOf(s.sort(), c.SinceSeconds, c.AgeSeconds, c.Queries) })
	if s.sort() == "state" {
		slices.SortStableFunc(servers, func(a, b adminapi.Server) int { return byState(a.State, b.State) })
	}
	return servers
}

func byState(a, b string) int {
	return cmp.Compare(slices.Index(busyFirst, a), slices.Index(busyFirst, b))
}

// orderOf is the number by which a client or a server is sorted; within a state, by how long it is in it.
func orderOf(sort string, since, age float64, queries uint64) float64 {
	switch sort {
	case "age":
		return age
	case "queries":
		return float64(queries)
	}
	return since
}
