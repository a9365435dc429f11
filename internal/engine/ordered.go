package engine

// ordered takes note of an order, and does this shard's part of it.
func (s *Shard) ordered(p *Progress) {
	taken := func(q *shardPool) bool { return p.target.takesIn(q.shared.poolKey) }
	for q := range s.eachPool {
		if taken(q) {
			s.carryOut(p.order, q)
		}
	}
	s.regroupThose(taken)
	p.noted()
}

// carryOut does what an order asks for besides what follows from what stands.
func (s *Shard) carryOut(o Order, p *shardPool) {
	switch o {
	case OrderKill:
		s.kill(p)
	case OrderDrain:
		s.dismiss(p)
	case OrderResume, OrderEnable:
		if !p.leaving() {
			p.dismissed = 0
		}
	}
}

// kill closes the clients of a pool, and its servers, whatever they do.
func (s *Shard) kill(p *shardPool) {
	root := p.top().index
	s.slots.eachClient(func(c *client) bool {
		if c.pool == root && c.state != clientFinishing {
			s.finishClient(c, killed.message("FATAL"))
		}
		return true
	})
	for _, srv := range p.inOrder() {
		if srv.purpose != closing && srv.purpose != leaving { // which its next shard closes
			s.serverLost(srv)
		}
	}
}

var killed = &Refusal{
	SQLState: "57P01",
	Message:  "terminating connection due to administrator command",
	Hint:     "The connections of the pool were killed. Connect again; queries wait until it is resumed.",
}
