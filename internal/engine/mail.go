package engine

import "github.com/pgmux/caddy-pgmux/internal/sql"

// mailKind says what a message to a shard is.
type mailKind uint8

const (
	mailClient      mailKind = iota // a logged-in client
	mailDialed                      // the answer to a DialRequest
	mailCancelled                   // the answer to a CancelRequest
	mailCancel                      // a client's CancelRequest
	mailConfigured                  // the configuration has changed
	mailWanted                      // another shard asks for an idle server
	mailServer                      // another shard gives a server
	mailFreed                       // a permit has become free
	mailSpill                       // who waits in a branch may have room in another
	mailEvict                       // a pool elsewhere lacks permits of an upstream
	mailLearned                     // what clients are told at login has become known
	mailSnapshot                    // figures are asked for
	mailDrain                       // the end begins
	mailGiveUp                      // a replication client elsewhere lacks a permit of a pool
	mailTerminate                   // a client is to be ended, for one of the pool
	mailInterrupt                   // what a client runs is to be cancelled, for one of the pool
	mailListen                      // a shard wants something of a listener
	mailListening                   // the listener has done it
	mailHeard                       // it has heard notifications
	mailDeaf                        // it is lost
	mailUnheard                     // there is no room for one any more
	mailCrashed                     // another shard has, and knows nothing any more
	mailUpstreams                   // something has become known of the upstreams of a declared pool
	mailFacts                       // what the grammar says of a text
	mailGoOn                        // client ticket has been answered much, and goes on
	mailLanded                      // what client ticket waits for that another asks is there, or is not to be had
	mailFetched                     // what other processes have answered
	mailText                        // what it has said of a text to another shard
	mailOrdered                     // an operator's order
	mailClients                     // rows of clients are asked for
	mailServers                     // and of servers
	mailCloseClient                 // an operator closes client ticket
	mailAcceptors                   // there are other sockets to accept clients from
	mailQueries                     // the busiest queries are asked for
)

// mail is a message to a shard.
type mail struct {
	kind     mailKind
	shard    int // who asks
	ticket   uint64
	pid      uint32
	secret   []byte
	client   Client
	login    loginID // with client
	dialed   DialResult
	pool     *sharedPool
	moved    *movedServer
	collect  *toldPools
	queries  *toldForms
	upstream *upstream
	template *template
	facts    *sql.Facts
	listen   *listenRequest
	fetched  *fetched
	order    *Progress
	clients  *clientRows
	servers  *serverRows
	closed   chan bool
	heard    []byte        // messages, which nobody may change
	done     chan struct{} // closed when a cancel has been delivered, or there was nothing to cancel
}

// receive takes one message.
func (s *Shard) receive(m *mail) {
	switch m.kind {
	case mailClient:
		s.attach(&m.client, m.login)
	case mailDialed:
		s.dialed(m.ticket, &m.dialed)
	case mailCancelled:
		s.cancelled(m.ticket)
	case mailCancel:
		s.cancel(m.pid, m.secret, m.done)
	case mailConfigured:
		s.configured()
	case mailWanted:
		s.lend(m.pool, m.shard)
	case mailServer:
		s.arrive(m.moved)
	case mailFreed:
		s.freed(m.pool)
	case mailSpill:
		if p := s.partOf(m.pool); p != nil {
			s.spill(p)
		}
	case mailEvict:
		s.evict(m.pool, m.upstream)
	case mailLearned:
		if p := s.partOf(m.pool); p != nil {
			s.greetHere(p)
		}
	case mailSnapshot:
		s.tellPools(m.collect)
	case mailQueries:
		s.tellForms(m.queries)
	case mailDrain:
		s.drain()
	case mailGiveUp:
		s.giveUp(m.pool)
	case mailTerminate, mailInterrupt:
		s.signalled(m.pid, m.pool, m.kind == mailTerminate)
	case mailListen:
		s.listenFor(m.pool, m.shard, m.listen)
	case mailListening:
		if p := s.partOf(m.pool); p != nil {
			s.heardUpTo(p, m.ticket)
		}
	case mailHeard:
		if p := s.partOf(m.pool); p != nil {
			s.passOn(p, m.heard)
		}
	case mailDeaf:
		if p := s.partOf(m.pool); p != nil {
			s.deaf(p)
		}
	case mailUnheard:
		if p := s.partOf(m.pool); p != nil {
			s.unheard(p)
		}
	case mailCrashed:
		s.crashed(m.shard)
	case mailUpstreams:
		s.regroup(m.template)
	case mailFacts:
		s.classified(m.ticket, m.facts)
	case mailText:
		s.learnFacts(m.ticket, m.facts)
	case mailGoOn:
		s.goOn(m.ticket)
	case mailLanded:
		s.landed(m.ticket)
	case mailFetched:
		s.fetched(m.fetched)
	case mailOrdered:
		s.ordered(m.order)
	case mailClients:
		s.gather(m.clients)
	case mailServers:
		s.gatherServers(m.servers)
	case mailCloseClient:
		s.closeOne(m.ticket, m.closed)
	case mailAcceptors:
		s.tendAcceptors()
	}
}

// dispose gives back what a message carries that a stopped shard will not read.
func (e *Engine) dispose(s *Shard, m *mail) {
	switch m.kind {
	case mailClient:
		e.host.Dismiss(m.client, refusedShuttingDown)
		s.attached.Add(-1)
		e.left(e.template(m.client.Pool), m.client.Address, m.login)
	case mailDialed:
		if m.dialed.Refused == nil {
			e.host.CloseFD(m.dialed.FD)
		}
	case mailServer:
		e.host.CloseFD(m.moved.fd)
		give(&m.moved.server.pool.shared.shared.Size, &m.moved.server.upstream.servers)
		e.closed(m.moved.server.pool.shared, m.moved.server.generation)
	case mailCancel:
		close(m.done)
	case mailSnapshot:
		m.collect.to.answered(m.collect)
	case mailOrdered:
		m.order.noted()
	case mailClients:
		e.gatherFrom(s.index+1, m.clients)
	case mailServers:
		m.servers.answered(nil)
	case mailCloseClient:
		m.closed <- false
	case mailAcceptors:
		_, ended := e.allAcceptors()
		for _, a := range ended {
			e.letGo(a.name, s.index)
		}
	case mailQueries:
		m.queries.to.answered(m.queries)
	}
}

// post leaves a message that carries something with a shard.
func (s *Shard) post(m mail) {
	if !s.mail.Post(m) {
		s.engine.dispose(s, &m)
	}
}
