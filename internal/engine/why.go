package engine

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Every decision has a reason that people can read: in the rows of clients, as a label in metrics, and by SHOW pgmux.why, which tells a
// client about what it asked before.

// Reason is why a transaction goes where it goes.
type Reason uint8

// The reasons.
const (
	ReasonNoChoice     Reason = iota // all transactions of the pool go the same way
	ReasonWrites                     // it is not known to read only
	ReasonHintPrimary                // a hint says so
	ReasonHintReplica                // a hint says so
	ReasonSerializable               // a standby does not know that isolation level
	ReasonReadsPrimary               // it reads, and `reads primary` is configured
	ReasonReads                      // it reads, and replicas are there for it
	ReasonNoReplica                  // it reads, and no replica is up and fresh enough
	ReasonOwnWrites                  // it reads, and no replica has replayed what its session has written
	ReasonBalanced                   // several upstreams share the transactions
	ReasonKept                       // its server has stayed with it since the last
	ReasonCached                     // the reply was in the query cache
	Reasons                          // how many there are
)

// reasonLabels are the reasons as metrics have them, and reasonTexts as people read them.
var (
	reasonLabels = [Reasons]string{"no_choice", "writes", "hint_primary", "hint_replica", "serializable", "reads_primary", "reads",
		"no_replica", "own_writes", "balanced", "kept", "cached"}
	reasonTexts = [Reasons]string{
		ReasonNoChoice:     "all transactions of this pool go there",
		ReasonWrites:       "to the primary: it is not known to read only",
		ReasonHintPrimary:  "to the primary: a hint says so",
		ReasonHintReplica:  "to a replica: a hint says so",
		ReasonSerializable: "to the primary: the transaction is serializable",
		ReasonReadsPrimary: "to the primary: reads primary is configured",
		ReasonReads:        "it reads only, and was given the upstream that lb_policy picked",
		ReasonNoReplica:    "it reads only, and no replica was up and fresh enough",
		ReasonOwnWrites:    "it reads only, and no replica had replayed yet what this session has written",
		ReasonBalanced:     "several upstreams share the transactions, and lb_policy picked this one",
		ReasonKept:         "its server has stayed with it since its last transaction",
		ReasonCached:       "answered from the query cache",
	}
)

// String is the reason as metrics have it.
func (r Reason) String() string { return reasonLabels[r] }

// because is why something that a client has asked went as it did.
type because struct {
	at     uint32 // the pool that it got its server of
	waited uint32 // for a server, in microseconds
	reason Reason
}

// decides notes a new reason; that of what was asked before is kept.
func (c *client) decides(r Reason) {
	c.before, c.last = c.last, because{reason: r, at: c.pool}
	c.queries++
}

// keeps notes a transaction on a server that its client has kept.
func (s *Shard) keeps(c *client, srv *server) {
	c.decides(ReasonKept)
	c.last.at = srv.pool.index
	s.pools[c.pool].counts.Reasons[ReasonKept]++
}

// got notes how long a client has waited for a server, and of which pool.
func (c *client) got(p *shardPool, waited int64) {
	c.last.at = p.index
	c.last.waited = uint32(min(max(waited, 0)/int64(time.Microsecond), math.MaxUint32))
}

// why is what is told of a client: why it waits, or of what it has asked last.
func (s *Shard) why(c *client) string {
	if c.state == clientWaiting || c.state == clientWelcoming || c.state == clientSeeking {
		return s.whyWaits(s.pools[c.at])
	}
	if c.queries == 0 {
		return ""
	}
	return s.inWords(c, c.last)
}

// inWords puts a reason into words.
func (s *Shard) inWords(c *client, b because) string {
	text := reasonTexts[b.reason]
	if upstream := s.upstreamOf(c, b); upstream != "" {
		text += "; upstream " + upstream
	}
	if b.waited > 0 {
		text += "; waited " + (time.Duration(b.waited) * time.Microsecond).String() + " for a server"
	}
	if srv := s.serverOf(c); srv != nil && srv.Pins != 0 {
		text += "; keeps its server: " + strings.Join(reasonsOf(srv.Pins), ", ")
	}
	return text
}

// upstreamOf is where a client's server was, as far as that is still known.
func (s *Shard) upstreamOf(c *client, b because) string {
	if srv := s.serverOf(c); srv != nil {
		return srv.upstream.address
	}
	if b.reason == ReasonCached || int(b.at) >= len(s.pools) {
		return ""
	}
	p := s.pools[b.at]
	if p == nil || p.template != s.pools[c.pool].template || p.shared.upstream == lobby {
		return ""
	}
	return p.shared.upstream
}

// whyWaits is why there is no server for those who wait in a pool.
func (s *Shard) whyWaits(p *shardPool) string {
	size := &p.shared.shared.Size
	switch why := s.unserved(p); {
	case p.shared.paused():
		return "waits for a server: the pool is paused"
	case why != "":
		return "waits for a server: " + why
	case p.refusal != nil:
		return "waits for a server: the last attempt to connect to Postgres failed: " + p.refusal.Error()
	case p.dialing > 0:
		return "waits for a server: one is being connected"
	case size.Taken() < size.Limit():
		return "waits for a server: max_server_connections of the upstream are in use"
	}
	return "waits for a server: " + strconv.Itoa(size.Taken()) + " of " + strconv.Itoa(size.Limit()) + " servers (pool_size) are in use"
}

// tellsWhy is what SHOW pgmux.why tells a client: of what it asked before, be it in the same transaction.
func (s *Shard) tellsWhy(c *client) string {
	if srv := s.serverOf(c); srv != nil && srv.fresh {
		if c.queries <= 1 {
			return "nothing has been asked before"
		}
		return s.inWords(c, c.before)
	}
	return s.inWords(c, c.last)
}

// setWhy is the statement that tells it.
func (s *Shard) setWhy(c *client) string {
	return "SET LOCAL " + session.WhySetting + " TO " + quote(s.tellsWhy(c))
}
