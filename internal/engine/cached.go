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
	fruitless  fruitless
	quarantine []quarantined
	guesses    map[uint64][]guess // by fingerprint
	guessed    int
	// effects and dependences are what is remembered of texts.
	effects     map[effectKey]effect
	lately      [recentEffects]recentEffect
	dependences map[effectKey]dependence
	lineages    []*querycache.Lineage // by which they are
	form, key   []byte
	unit        question
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
	form  uint64 // formOf; only of what is looked up
}

// asks reads the unit that a client's bytes begin with; nil if it is not one for the cache. It is valid until the next is read.
func (s *Shard) asks(c *client, data []byte) *question {
	q := s.unitOf(c, data)
	if q != nil {
		s.identify(c, q)
	}
	return q
}

// looksUp is asks for what is going to be looked up; nil also if that would come to nothing.
func (s *Shard) looksUp(c *client, data []byte) *question {
	q := s.unitOf(c, data)
	if q == nil {
		return nil
	}
	if q.form = s.formOf(s.pools[c.pool], &q.Asked); s.fruitless.skips(q.form) {
		return nil
	}
	s.identify(c, q)
	return q
}

// unitOf reads the unit; it has no key yet.
func (s *Shard) unitOf(c *client, data []byte) *question {
	p, q := s.pools[c.pool], &s.unit
	*q = question{cache: p.cache()}
	if q.cache == nil || !c.welcomed || c.cancelled || c.farOff {
		return nil
	}
	if s.profiles[c.Settings].uncached || !c.Asks(s.env, data, &q.Asked) {
		return nil
	}
	return q
}

// identify makes the key of a unit.
func (s *Shard) identify(c *client, q *question) {
	s.key = querycache.AppendKey(s.key[:0], s.pools[c.pool].shared.id, s.profiles[c.Settings].results, kinds[q.Kind], q.Types, q.Text, q.Tail)
	q.key, q.hash = s.key, querycache.Hash(s.key)
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
	q := s.looksUp(c, data)
	if q == nil || !suits {
		counts.bypassed.Add(1)
		return 0, 0, false
	}
	e := s.find(q)
	if e != nil && s.answerWith(c, q, e, status) {
		counts.hits.Add(1)
		return q.Len, len(e.Reply), false
	}
	if !s.mayCache(c, q) {
		counts.bypassed.Add(1)
		return 0, 0, false
	}
	if waits = s.boards(c, q) || s.fetches(c, q); !waits {
		counts.misses.Add(1)
	}
	return 0, 0, waits
}

// find looks a unit up.
func (s *Shard) find(q *question) *querycache.Entry {
	e := q.cache.Get(q.hash, q.key, s.now)
	if e != nil {
		s.fruitless.bears(q.form)
	}
	return e
}

// takesReply reports whether the cache wants the reply to a unit that it does not have.
func (s *Shard) takesReply(q *question) bool {
	admits, again := q.cache.Admits(q.hash)
	if again {
		s.fruitless.bears(q.form)
	}
	return admits
}

// mayCache reports whether the reply to a unit may be kept that is not there, and counts why not.
func (s *Shard) mayCache(c *client, q *question) bool {
	if !s.takesReply(q) {
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
	counts.Reasons[ReasonCached]++
	c.decides(ReasonCached)
	if s.pools[c.pool].config().Tracing {
		s.traceHit(c, q)
	}
	if status == pgwire.StatusIdle {
		counts.Transactions++
	} else if c.Splits {
		c.mark = max(c.mark, e.Evidence.Mark())
	}
	counts.Kinds[RouteCache][session.KindSelect]++
	s.pools[c.pool].busiest.hit(e.Form)
	if e.Form != nil {
		e.Form.Hit(s.index, len(e.Reply))
	}
	c.since = s.now
	if len(s.leading) > 0 {
		s.lands(c.Conn) // it was about to ask, and somebody else has been quicker
	}
	return true
}
