package sim

// witness is told what a Session does, statement by statement. Every statement of a client carries a tag of its own, so
// what a client is told can be compared with what the backends have done (rule 6).
type witness interface {
	// ran: the statement began to run.
	ran(tag string)
	// prepared is ran for a PREPARE, which may be said again where its statement is needed.
	prepared(tag string)
	// completed: its CommandComplete was said, or its EmptyQueryResponse.
	completed(tag string)
	// committed: it has written, and its transaction has committed.
	committed(tag string)
	// sees: a query runs, and sees what is there. logged: these statements have added rows, and their transaction has committed.
	sees(tag string)
	logged(tags []string)
	// stored: a transaction has committed that has written these registers; altered: one that has changed the catalog.
	stored(written map[string]string)
	altered()
	// notified: its transaction has committed, and notifies of these.
	notified(notes []note)
}

// execution is what the backends of the world have done with one statement.
type execution struct {
	runs, completions int
	committed         bool
	pid               uint32 // of the backend that ran it
}

// executions is that of all statements, by tag.
type executions map[string]*execution

func (e executions) of(tag string) *execution {
	x := e[tag]
	if x == nil {
		x = &execution{}
		e[tag] = x
	}
	return x
}

// ran is told by a backend. Nothing is executed twice, whatever dies in between.
func (b *Backend) ran(tag string) {
	x := b.w.executions.of(tag)
	if x.runs++; x.runs > 1 {
		b.w.Violate("rule 6: %s has run on backend %d and runs again, on backend %d", tag, x.pid, b.pid)
	}
	x.pid = b.pid
}

func (b *Backend) prepared(tag string) { b.w.executions.of(tag).runs = 1 }

func (b *Backend) completed(tag string) { b.w.executions.of(tag).completions++ }

func (b *Backend) committed(tag string) { b.w.executions.of(tag).committed = true }

// promises is what a client's private session has done: what the client takes for true once it has been told.
type promises struct {
	runs, writes map[string]bool
	said         []string       // the tags of what was completed and not yet received, in order
	received     map[string]int // how many completions of a statement were received
	unread       []string       // what is committed as soon as the next ReadyForQuery is received
	commits      func(tag string)
}

func newPromises() *promises {
	return &promises{runs: map[string]bool{}, writes: map[string]bool{}, received: map[string]int{}}
}

func (p *promises) ran(tag string)       { p.runs[tag] = true }
func (p *promises) prepared(tag string)  { p.runs[tag] = true }
func (p *promises) completed(tag string) { p.said = append(p.said, tag) }
func (p *promises) committed(tag string) {
	p.writes[tag] = true
	p.commits(tag)
	p.unread = append(p.unread, tag)
}

// acknowledged checks, when a client receives a CommandComplete, that a backend has run that very statement and said so;
// and at ReadyForQuery, that what is committed by all the client knows is.
func (c *Client) acknowledged(m message) {
	p := c.promises
	switch m.typ {
	case 'C', 'I':
		tag := p.said[0]
		p.said = p.said[1:]
		if p.received[tag]++; tag == "" {
			return
		}
		if x := c.w.executions.of(tag); x.runs == 0 && m.typ == 'C' || x.completions < p.received[tag] {
			c.w.Violate("rule 6: c%d is told %v of %s, which no backend has said: it ran %d times", c.id, m, tag, x.runs)
		}
	case 'Z':
		for _, tag := range p.unread {
			if !c.w.executions.of(tag).committed {
				c.w.Violate("rule 6: c%d is told that %s is committed, and it is not", c.id, tag)
			}
			c.isTold(tag)
		}
		p.unread = p.unread[:0]
	}
}

// checkExecutions compares, when a client has left, what it asked for with what was done. Of one that left with nothing
// unanswered that is the same; for others nothing was done that Postgres would not have done, had it been told all that
// the client has said. What the pooler refused is in neither.
func (c *Client) checkExecutions() {
	if c.session == nil {
		return
	}
	finished := c.why == "done" && len(c.pending) == 0
	for _, m := range c.pending {
		c.session.Feed(m)
	}
	for i := 1; i <= c.program.tags; i++ {
		tag := tagName(c.id, i)
		x := c.w.executions[tag]
		if x == nil {
			x = &execution{}
		}
		ran, wrote := c.promises.runs[tag], c.promises.writes[tag]
		switch {
		case !finished && c.declared.config.QueryWaitTimeout > 0: // some of it may have been refused, which nobody has heard
		case x.runs > 0 && !ran:
			c.w.Violate("rule 6: %s ran on backend %d; c%d was told otherwise", tag, x.pid, c.id)
		case x.committed && !wrote:
			c.w.Violate("rule 6: %s was committed by backend %d; c%d was told otherwise", tag, x.pid, c.id)
		case finished && (ran != (x.runs > 0) || wrote != x.committed):
			c.w.Violate("rule 6: by what c%d was told, %s has run: %v, and is committed: %v; it is %v and %v",
				c.id, tag, ran, wrote, x.runs > 0, x.committed)
		}
	}
}
