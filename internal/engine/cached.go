package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// A client that has no server, and asks for something of which the reply has been kept, is given that, if
//
//  1. it is amid nothing: no transaction but one that has only read (inside.go), no batch, nothing that it waits for; and it does not
//     listen;
//  2. it has not switched the cache off (pgmux.cache), and follows no session of another process (pgmux.causal_token);
//  3. the reply is one to the same unit of messages, of the same user in the same database, with the same settings of the session, text,
//     types, parameters and formats;
//  4. it holds (querycache.Cache.Get), and where others write as well, the stream of changes, or the fleet, tells what they do;
//  5. it returns what the client has been told that the statement returns.
//
// It needs no server and no upstream, and takes one receive and one send.

// queries is what a shard needs to cache the replies to queries.
type queries struct {
	// tracks: what clients write is followed.
	tracks     bool
	quarantine []quarantined
	guesses    map[uint64][]guess // by fingerprint
	guessed    int
	// effects and dependences are what is remembered of texts.
	effects     map[effectKey]effect
	dependences map[effectKey]dependence
	lineages    []*querycache.Lineage // by which they are
	form, key   []byte
	// tee is the recording that what is sent to its client belongs to; recordings is some to be used again.
	tee        *recording
	recordings []*recording
	// leading is the hash that others wait for, by client; aboard is who waits.
	leading map[uint64]lead
	aboard  map[uint64]passenger
	// fetching is who waits for other processes; whose is where it is made up whose a reply is.
	fetching map[uint64]*fetch
	whose    []byte
}

func (q *queries) reset() {
	*q = queries{
		tracks:      q.tracks,
		guesses:     map[uint64][]guess{},
		effects:     map[effectKey]effect{},
		dependences: map[effectKey]dependence{},
		leading:     map[uint64]lead{},
		aboard:      map[uint64]passenger{},
		fetching:    map[uint64]*fetch{},
	}
}

// kinds is what package querycache calls what a unit consists of.
var kinds = [...]querycache.Kind{session.AskedQuery: querycache.SimpleQuery, session.AskedBound: querycache.Executed,
	session.AskedDescribed: querycache.DescribedExecuted, session.AskedStatement: querycache.Described}

// question is a unit that might be answered from the cache: valid as long as the client's bytes.
type question struct {
	session.Asked
	cache *poolCache
	key   []byte // in Shard.key
	hash  uint64
}

// asks reads the unit that a client's bytes begin with; false if it is not one for the cache.
func (s *Shard) asks(c *client, data []byte) (q question, ok bool) {
	p := s.pools[c.pool]
	if q.cache = p.cache(); q.cache == nil || !c.welcomed || c.cancelled || c.farOff {
		return q, false
	}
	profile := s.profiles[c.Settings]
	if profile.uncached {
		return q, false
	}
	if q.Asked, ok = c.Asks(s.env, data); !ok {
		return q, false
	}
	s.key = querycache.AppendKey(s.key[:0], p.shared.id, profile.results, kinds[q.Kind], q.Types, q.Text, q.Tail)
	q.key, q.hash = s.key, querycache.Hash(s.key)
	return q, true
}

// maxAnswered bounds what a client is sent from the cache at once, but for the last reply: it may ask for much more than it reads.
const maxAnswered = 256 << 10

// answersLater goes on with what a client asks in the next turn, when it is known whether it takes what it has been sent.
func (s *Shard) answersLater(c *client, data []byte) {
	if s.keep(c, data, 0) {
		s.mail.Post(mail{kind: mailGoOn, ticket: c.Conn})
	}
}

// goOn does.
func (s *Shard) goOn(conn uint64) {
	if sl := s.slots.at(loop.ID(conn)); sl != nil && sl.kind == slotClient {
		s.proceed(&sl.client)
	}
}

// fromCache answers the unit that a client's bytes begin with, if that can be done: used is how long it is, and reply the reply. Or it
// has the client wait for another that asks the same, or for other processes.
func (s *Shard) fromCache(c *client, data []byte) (used, reply int, waits bool) {
	cache := s.pools[c.pool].template.cache.Load()
	if cache == nil {
		return 0, 0, false
	}
	counts := &cache.counts[s.index]
	status, suits := s.status(c)
	q, ok := s.asks(c, data)
	if !ok || !suits {
		counts.bypassed.Add(1)
		return 0, 0, false
	}
	e := q.cache.Get(q.hash, q.key, s.now)
	if e != nil && s.answerWith(c, &q, e, status) {
		counts.hits.Add(1)
		return q.Len, len(e.Reply), false
	}
	if !s.mayCache(c, &q) {
		counts.bypassed.Add(1)
		return 0, 0, false
	}
	if waits = s.boards(c, &q) || s.fetches(c, &q); !waits {
		counts.misses.Add(1)
	}
	return 0, 0, waits
}

// mayCache reports whether the reply to a unit may be kept that is not there, and counts why not.
func (s *Shard) mayCache(c *client, q *question) bool {
	if !q.cache.Admits(q.hash) {
		return false
	}
	j, ok := s.judge(s.pools[c.pool], q)
	if j.why != 0 {
		q.cache.forms.Of(j.fingerprint, q.Text).Refuse(uint8(j.why))
	}
	return ok
}

// answerWith gives a client a reply that has been kept, and its transaction has that status.
func (s *Shard) answerWith(c *client, q *question, e *querycache.Entry, status byte) bool {
	shape := prepared.Shape(e.Shape)
	if !q.Fits(shape) || !s.follows(s.pools[c.pool]) || !c.Answer(s.env, &q.Asked, e.Reply, shape, status) {
		return false
	}
	counts := &s.pools[c.pool].counts
	counts.BytesSent += uint64(len(e.Reply))
	counts.Queries++
	if status == pgwire.StatusIdle {
		counts.Transactions++
	} else if c.Splits {
		c.mark = max(c.mark, e.Evidence.Mark())
	}
	counts.Kinds[RouteCache][session.KindSelect]++
	if e.Form != nil {
		e.Form.Hit(s.index, len(e.Reply))
	}
	c.since = s.now
	if len(s.leading) > 0 {
		s.lands(c.Conn) // it was about to ask, and somebody else has been quicker
	}
	return true
}
