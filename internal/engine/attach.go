package engine

// Attach hands a logged-in client over. On a refusal the descriptor is still the caller's, and so is the admission.
func (e *Engine) Attach(c Client) *Refusal {
	t := e.template(c.Pool)
	switch {
	case t == nil && e.draining.Load():
		return refusedShuttingDown
	case t == nil:
		return refusedUnknownPool(c.Pool)
	}
	if c.Replication != "" && t.config.Load().Mode != Session {
		return refusedReplication(c.Pool)
	}
	if refusal := refusedSetting(c.Startup); refusal != nil {
		return refusal
	}
	login, refusal := e.logIn(t, &c)
	if refusal != nil {
		return refusal
	}
	s := e.leastClients()
	if s.attached.Add(1) > int64(s.capacity) {
		s.attached.Add(-1)
		e.logOut(t, login)
		return refusedFull("event loop", s.capacity)
	}
	if !s.mail.Post(mail{kind: mailClient, client: c, login: login}) {
		s.attached.Add(-1)
		e.logOut(t, login)
		return refusedShuttingDown
	}
	return nil
}

// logIn counts a client's user in.
func (e *Engine) logIn(t *template, c *Client) (loginID, *Refusal) {
	if c.Login == "" {
		c.Login = c.User
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if stands := t.halts.at(c.Database); stands&haltNewcomers != 0 {
		return 0, refusedDisabled(c.Pool, c.Database, stands)
	}
	limit := t.config.Load().MaxUserClientConnections
	login := t.limits.logIn(c.Login, limit)
	if login == 0 {
		return 0, refusedUser(c.Pool, c.Login, limit)
	}
	return login, nil
}

func (e *Engine) logOut(t *template, login loginID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t.limits.logOut(login)
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
