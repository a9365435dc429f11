package engine

import (
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Before a client asks a server for what is to be kept, the fleet is asked (Fleet.Fetch), if its pool shares. It waits for that, and who asks
// the same waits for it. What is found is kept, as if a server had said it, and it comes by again, if
//
//  1. the evidence holds that was taken before the fleet was asked;
//  2. the catalog, the configuration and the fleet are the same;
//  3. it depends on the tables that it would depend on here;
//  4. it is a complete reply of its kind, and nothing else.
//
// Nobody waits longer than maxFetch, nor twice for one question: then a server is asked.

const (
	// maxFetch bounds the wait for other processes. A store in the same network answers in a millisecond.
	maxFetch = 50 * time.Millisecond
	// maxFetches bounds the clients of one shard that wait so. Past it, servers are asked.
	maxFetches = 1024
)

// fetch is a client that waits for other processes.
type fetch struct {
	judged
	ticket uint64
	cache  *poolCache
	kind   querycache.Kind
	hash   uint64
	key    []byte
	form   *querycache.Form
	until  int64
}

// fetched is what they have answered; a nil reply: nothing.
type fetched struct {
	conn, ticket uint64
	reply        *querycache.Shared
}

// fetches asks other processes for what a client asks that leads, once, and has it wait for that. What it asks is going to be offered to them.
func (s *Shard) fetches(c *client, q *question) bool {
	l, leads := s.leading[c.Conn]
	p := s.pools[c.pool]
	if !leads || l.asked || p.shared.fleet.joined.Load() == nil || !q.cache.rules.Load().Shared {
		return false
	}
	l.asked = true
	j, ok := s.judge(p, q)
	if ok {
		l.offer = s.offerFor(c, p, q, &j)
	}
	s.leading[c.Conn] = l
	if l.offer == nil || j.joined == nil || len(s.fetching) >= maxFetches {
		return false
	}
	s.fetch(c, q, j, l.offer.key)
	return true
}

// fetch does.
func (s *Shard) fetch(c *client, q *question, j judged, key querycache.SharedKey) {
	s.seq++
	f := &fetch{judged: j, ticket: s.seq, cache: q.cache, kind: kinds[q.Kind], hash: q.hash, key: slices.Clone(q.key),
		form: q.cache.forms.Of(j.fingerprint, q.Text), until: s.now + int64(maxFetch)}
	s.fetching[c.Conn] = f
	c.awaits++
	s.timers.Set(loop.Timer{At: f.until, Kind: timerFetch, Ref: c.Conn})
	conn, ticket := c.Conn, f.ticket
	j.joined.Fetch(key, j.evidence.Tables(), func(reply *querycache.Shared) {
		s.mail.Post(mail{kind: mailFetched, fetched: &fetched{conn, ticket, reply}})
	})
}

// fetched takes the answer, and has the client come by again.
func (s *Shard) fetched(m *fetched) {
	f := s.fetching[m.conn]
	if f == nil || f.ticket != m.ticket {
		return // it waits no longer
	}
	c := s.client(loop.ID(m.conn).Slot())
	if m.reply != nil && s.keepFetched(s.pools[c.pool], f, m.reply) {
		f.cache.counts[s.index].fetched.Add(1)
	}
	s.endFetch(m.conn)
}

// keepFetched keeps what was found, if it may be served.
func (s *Shard) keepFetched(p *shardPool, f *fetch, found *querycache.Shared) bool {
	if !f.isTrue(p, f.cache) || f.joined != p.shared.fleet.joined.Load() || found.Left <= 0 ||
		!slices.EqualFunc(f.evidence.Tables(), found.Tables, func(t *querycache.Table, name string) bool { return t.Name == name }) {
		return false
	}
	e := s.asEntry(f, found)
	if e == nil {
		return false
	}
	e.Evidence, e.Form = f.evidence, f.form
	e.Until = s.now + min(querycache.Jitter(int64(f.ttl), s.random()), int64(found.Left))
	return f.cache.Put(f.hash, f.key, e)
}

// asEntry is what was found, if it is a reply of its kind and nothing else, with the shape that its own columns tell; nil if not.
func (s *Shard) asEntry(f *fetch, found *querycache.Shared) *querycache.Entry {
	r := s.newRecording()
	r.Begin(f.kind, pgwire.StatusIdle, f.rules.MaxEntryBytes, r.buffer)
	defer s.reuse(r)
	r.Add(found.Reply)
	if r.State() != querycache.Complete {
		return nil
	}
	e := &querycache.Entry{Reply: r.Reply(), Shape: found.Shape}
	if len(e.Reply) != len(found.Reply) {
		return nil
	}
	if columns := r.Columns(); columns != nil {
		e.Shape = uint64(prepared.ShapeOf(columns))
	}
	return e
}

// endFetch has a client go on that waits for other processes, if it does.
func (s *Shard) endFetch(conn uint64) {
	if s.fetching[conn] == nil {
		return
	}
	c := s.client(loop.ID(conn).Slot())
	s.leavesFetch(c)
	s.proceed(c)
}

// leavesFetch ends that wait.
func (s *Shard) leavesFetch(c *client) {
	if s.fetching[c.Conn] != nil {
		delete(s.fetching, c.Conn)
		c.awaits--
	}
}

// fetchLate has a client go itself that has waited too long.
func (s *Shard) fetchLate(conn uint64) {
	if f := s.fetching[conn]; f != nil && s.now >= f.until {
		s.endFetch(conn)
	}
}
