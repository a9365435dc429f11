package engine

// Attach hands a logged-in client over. On a refusal the descriptor is still the caller's, and so is the admission.
func (e *Engine) Attach(c Client) *Refusal {
	if e.template(c.Pool) == nil {
		return refusedUnknownPool(c.Pool)
	}
	s := e.leastClients()
	if s.attached.Add(1) > int64(s.capacity) {
		s.attached.Add(-1)
		return refusedFull("event loop", s.capacity)
	}
	if !s.mail.Post(mail{kind: mailClient, client: c}) {
		s.attached.Add(-1)
		return refusedShuttingDown
	}
	return nil
}

// leastClients is the shard with the fewest clients; among equals in turn. One without a driver is taken if no other
// is left.
func (e *Engine) leastClients() (best *Shard) {
	first := int(e.next.Add(1)) % len(e.shards)
	for i := range e.shards {
		s := e.shards[(first+i)%len(e.shards)]
		switch {
		case best == nil, best.down.Load() && !s.down.Load():
			best = s
		case s.down.Load() && !best.down.Load():
		case s.attached.Load() < best.attached.Load():
			best = s
		}
	}
	return best
}
