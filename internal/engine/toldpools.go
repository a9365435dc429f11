package engine

import (
	"slices"
	"time"
)

// A shard that is asked for its figures tells of some pools in a turn, and queries run in between: there may be thousands. What was counted
// never becomes less from one collection to the next, and nothing counts twice: what pools that are forgotten had counted is told as it was when the
// collection began, with that of those that have been forgotten since without having been told.

// toldPerTurn bounds the pools and servers that are told of in one turn, but for the servers of one pool: a fraction of a millisecond.
const toldPerTurn = 128

// toldPools is what one shard tells. It alone has it until it has answered.
type toldPools struct {
	to        *collector
	shard     int
	begun     bool
	next      int // the first of Shard.pools that has not been told
	pools     []*toldPool
	forgotten map[string]*Counts
	totals    map[Target]Totals
	loop      LoopStats
}

// toldPool is a shard's part of a pool, root or branch.
type toldPool struct {
	shared *sharedPool
	PoolStats
}

// tellPools tells of the next pools.
func (s *Shard) tellPools(t *toldPools) {
	if !t.begun {
		s.beginTelling(t)
	}
	for told := 0; t.next < len(s.pools); t.next++ {
		p := s.pools[t.next]
		if p == nil {
			continue
		}
		if told > 0 && told+1+len(p.servers) > toldPerTurn {
			s.post(mail{kind: mailSnapshot, collect: t}) // in the next turn
			return
		}
		told += 1 + len(p.servers)
		t.pools = append(t.pools, s.figuresOf(p))
	}
	s.telling = slices.DeleteFunc(s.telling, func(other *toldPools) bool { return other == t })
	t.to.answered(t)
}

// beginTelling tells what is of no pool that is there.
func (s *Shard) beginTelling(t *toldPools) {
	t.begun = true
	t.loop = LoopStats{Clients: s.clients, Servers: s.servers, Turns: s.turns, Events: s.events, Turn: s.turn, TurnSumNanos: s.turnNanos}
	t.forgotten = map[string]*Counts{}
	for name, counts := range s.forgotten {
		addCounts(t.forgotten, name, counts)
	}
	t.totals = make(map[Target]Totals, len(s.totals))
	for at, totals := range s.totals {
		t.totals[at] = *totals
	}
	s.telling = append(s.telling, t)
}

// forgets notes a pool that is forgotten meanwhile.
func (t *toldPools) forgets(p *shardPool) {
	if int(p.index) >= t.next {
		k := p.shared.poolKey
		addCounts(t.forgotten, k.pool, &p.counts)
		addTotals(t.totals, Target{k.pool, k.database}, p.counts.Totals())
	}
}

// figuresOf is this shard's part of a pool as it is now.
func (s *Shard) figuresOf(p *shardPool) *toldPool {
	out := &toldPool{shared: p.shared}
	out.ClientsWaiting = p.ledger.Waiting()
	out.ClientsActive = p.linked
	out.ClientsIdle = p.clients - out.ClientsWaiting - p.linked
	out.ServersConnecting = p.dialing
	if first, ok := p.ledger.FirstWaiter(); ok {
		out.MaxWait = max(time.Duration(s.now-first.Since), 0)
	}
	for srv := range p.servers {
		out.count(s, srv)
	}
	if p.hub != nil {
		out.ClientsListening = p.hub.clients
	}
	if p.listener != nil {
		out.Channels = len(p.listener.wanted)
	}
	out.Add(&p.counts)
	return out
}

// count adds a server.
func (p *toldPool) count(s *Shard, srv *server) {
	increment(&p.Upstreams, srv.upstream.address)
	if srv.purpose == hearing {
		p.Listeners++
		return
	}
	p.Queries += srv.Queries
	p.Kinds.count(srv)
	p.Transactions += srv.Transactions
	switch s.stateOf(srv) {
	case serverIdle:
		p.ServersIdle++
	case serverActive:
		p.ServersActive++
		increment(&p.UpstreamsActive, srv.upstream.address)
	case serverChecking:
		p.ServersChecking++
	case serverBeingCanceled:
		p.ServersBeingCanceled++
	case serverDraining:
		p.ServersDraining++
	default:
		p.ServersResetting++
	}
	if srv.purpose == linked || srv.purpose == asking {
		srv.Pins.Each(func(reason string) { increment(&p.Pinned, reason) })
	}
}

func increment(m *map[string]int, key string) {
	if *m == nil {
		*m = map[string]int{}
	}
	(*m)[key]++
}
