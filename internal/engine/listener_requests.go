package engine

import (
	"hash/fnv"
	"maps"
	"slices"
)

// What shards want of a listener comes to its shard by mail, and so does it go back that this is done. A shard that crashes forgets
// both sides of that: what it wanted, and what was wanted of it.

// listenRequest is what a shard wants of the listener.
type listenRequest struct {
	listen, unlisten []string
	// number is what the shard is told when it is done, and all that was sent before is heard; 0: it need not be told.
	number uint64
	// anew: the listener knows nothing of what the shard wanted before.
	anew bool
}

// askListener sends a request to the shard that has the listener.
func (s *Shard) askListener(p *shardPool, q *listenRequest) {
	if owner := p.shared.listenerShard; owner != s.index {
		s.engine.shards[owner].mail.Post(mail{kind: mailListen, pool: p.shared, shard: s.index, listen: q})
		return
	}
	s.listenFor(p.shared, s.index, q)
}

// tellGone tells the listener what nobody here listens to any more.
func (s *Shard) tellGone(p *shardPool) {
	if p.hub == nil || len(p.hub.gone) == 0 {
		return
	}
	gone := p.hub.gone
	p.hub.gone = nil
	s.askListener(p, &listenRequest{unlisten: gone})
}

// listenFor takes a request of a shard.
func (s *Shard) listenFor(shared *sharedPool, shard int, q *listenRequest) {
	p := s.byKey[shared.poolKey]
	if p == nil && len(q.listen) == 0 && q.number == 0 {
		return
	}
	if p == nil {
		known := s.engine.joinKnown(shared.poolKey)
		if known == nil {
			return // its clients have left, and it is forgotten
		}
		p = s.part(known)
	}
	if p.listener == nil {
		p.listener = &listener{wanted: map[string][]int{}, shards: make([]int, len(s.engine.shards))}
	}
	l := p.listener
	for _, name := range q.unlisten {
		l.forget(name, shard)
	}
	for _, name := range q.listen {
		l.want(name, shard)
	}
	if q.number > 0 {
		l.marks = append(l.marks, mark{shard, q.number})
	}
	l.gap = l.gap || q.anew
	s.drive(p)
}

func (l *listener) want(name string, shard int) {
	shards, there := l.wanted[name]
	if slices.Contains(shards, shard) {
		return
	}
	l.wanted[name] = append(shards, shard)
	l.shards[shard]++
	if !there && l.server != nil { // a new one is told all
		l.next = append(l.next, "LISTEN "+quoteChannel(name))
	}
}

func (l *listener) forget(name string, shard int) {
	shards := l.wanted[name]
	i := slices.Index(shards, shard)
	if i < 0 {
		return
	}
	l.shards[shard]--
	if len(shards) > 1 {
		l.wanted[name] = slices.Delete(shards, i, i+1)
		return
	}
	delete(l.wanted, name)
	if l.server != nil {
		l.next = append(l.next, "UNLISTEN "+quoteChannel(name))
	}
}

// crashed takes the news that another shard has: what it wanted of listeners here it wants no longer, and listeners it had know
// nothing of what is wanted of them.
func (s *Shard) crashed(shard int) {
	for p := range s.eachPool {
		if p.shared.listenerShard == shard {
			s.deaf(p)
		}
		if p.listener != nil {
			p.listener.forgetShard(shard)
			s.drive(p)
		}
		if p.shared.listenerShard == shard && p.hub != nil {
			s.listenAnew(p)
		}
	}
}

func (l *listener) forgetShard(shard int) {
	for _, name := range slices.Sorted(maps.Keys(l.wanted)) {
		l.forget(name, shard)
	}
	others := func(m mark) bool { return m.shard == shard }
	l.marks, l.sent = slices.DeleteFunc(l.marks, others), slices.DeleteFunc(l.sent, others)
}

// listenAnew tells a listener that knows nothing all that is wanted of it here.
func (s *Shard) listenAnew(p *shardPool) {
	q := &listenRequest{anew: true, listen: slices.Sorted(maps.Keys(p.hub.channels))}
	if len(p.hub.waits) > 0 {
		q.number = p.hub.asked
	}
	if len(q.listen) > 0 || q.number > 0 {
		s.askListener(p, q)
	}
}

// shardOf is the shard that has the listener of a pool.
func (k poolKey) shardOf(shards int) int {
	h := fnv.New32a()
	h.Write([]byte(k.pool + "\x00" + k.database + "\x00" + k.user))
	return int(h.Sum32() % uint32(shards))
}

// joinKnown is join for a shard that is asked about a pool by others; nil if they have left meanwhile.
func (e *Engine) joinKnown(k poolKey) *sharedPool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.templates[k.pool]; t != nil {
		return e.joined(k, t)
	}
	return nil
}
