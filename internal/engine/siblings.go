package engine

// A client that waits in a branch has chosen its upstream. Should another one that may serve it have a server to spare before its
// turn comes, it goes there: nobody waits while a server that might serve him is idle.
//
//   - who waits in a branch that may not have more servers spills to one that may (spill), by way of the mail: whoever finds
//     that out is in the middle of something;
//   - a branch in which a server comes to rest draws one who waits in another (draw), here, or on another shard by way of its mail.

// spill has those who lack a server in a branch wait elsewhere, the first first, as long as there is room. Should there be none after
// all, because others have it before them, they wait there: two branches would pass their waiters to and fro for ever.
func (s *Shard) spill(p *shardPool) {
	for p.ledger.Missing() > 0 {
		if !s.mayWaitBeside(p) || !s.spillOne(p) {
			s.starve(p)
			return
		}
	}
}

// mayWaitBeside reports whether who waits in a pool could have a server in a branch beside it.
func (s *Shard) mayWaitBeside(p *shardPool) bool {
	return p.root != nil && p.shared.upstream != lobby && s.hasRoomBeside(p)
}

// spillOne reports whether one has gone.
func (s *Shard) spillOne(p *shardPool) bool {
	w, ok := p.ledger.FirstWaiter()
	if !ok {
		return false
	}
	c := s.client(w.Client)
	to := s.route(c)
	if to == p || !s.hasRoom(to) {
		return false
	}
	s.spilling = true
	defer func() { s.spilling = false }()
	p.ledger.Leave(c.ticket)
	c.state = clientIdle
	s.againAt(c, to)
	return true
}

// hasRoomBeside reports whether any other pool of the family has a server to spare, or may have one more.
func (s *Shard) hasRoomBeside(p *shardPool) bool {
	root := p.top()
	v := root.view()
	for i, u := range v.upstreams {
		if u.address != p.shared.upstream && u.serves.Load()&servesBranch != 0 && hasRoomAt(root, v, i) {
			return true
		}
	}
	return false
}

// hasRoom is that for one.
func (s *Shard) hasRoom(p *shardPool) bool {
	root := p.top()
	v := root.view()
	for i, u := range v.upstreams {
		if u.address == p.shared.upstream {
			return hasRoomAt(root, v, i)
		}
	}
	return p.root == nil
}

// draw has one who waits in another branch come to one in which a server has come to rest.
func (s *Shard) draw(p *shardPool) {
	for _, b := range p.root.branches {
		if b == p || b.shared.upstream == lobby || b.shared.shared.Waiting() == 0 {
			continue
		}
		if b.ledger.Waiting() > 0 {
			s.mail.Post(mail{kind: mailFreed, pool: b.shared}) // not now: the caller is in the middle of something
			return
		}
		for i, other := range s.engine.shards {
			if b.shared.shared.Starving(i) {
				other.mail.Post(mail{kind: mailFreed, pool: b.shared})
				return
			}
		}
	}
}
