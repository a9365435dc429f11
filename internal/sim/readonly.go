package sim

import "strings"

// readsOnly is what a session knows of transactions that may only read. One of a replica's may, whatever it was begun as; and there is
// more that a replica refuses.
type readsOnly struct {
	// Standby, if set, says whether the server is a replica. Refused says whether a replica has refused the statement with this tag: a
	// private session asks what became of it in the world.
	Standby func() bool
	Refused func(tag string) bool
	// Defers: a server need not be told where transactions begin and end, so that is nobody's statement.
	Defers bool

	// said: the transaction was begun READ ONLY. of: it is of a replica. decided: it has had a first statement; reads: that was a query.
	said, of, decided, reads bool
	// nowhere: its BEGIN was deferred, and there was no server for it.
	nowhere bool
	// hinted: a comment in the unit, or in the transaction, wants it to go to a replica.
	hinted bool
}

// end is that of a transaction.
func (r *readsOnly) end() {
	r.said, r.of, r.decided, r.reads, r.nowhere = false, false, false, false, false
}

// hints takes what the comments of a text want.
func (r *readsOnly) hints(text string) {
	r.hinted = r.hinted || strings.Contains(text, "route: replica")
}

// decide takes the first statement of a transaction block: where BEGIN is deferred, that decides where it goes.
func (s *Session) decide(st *statement) {
	if s.tx == 'T' && !s.decided && !st.bounds() && st.verb != discardsSequences { // which is the pooler's
		s.decided, s.reads = true, st.queries()
	}
}

// bounds reports whether a statement begins or ends a transaction.
func (st *statement) bounds() bool {
	return st.verb == begins || st.verb == commits || st.verb == rollsBack
}

// queries reports whether a statement only reads, by its grammar.
func (st *statement) queries() bool {
	switch st.verb {
	case nothing, selects, reads, fails, notices, shows, copiesOut:
		return true
	}
	return false
}

// refusal is why a replica, or a transaction that only reads, does not run a statement; nil: it does.
func (s *Session) refusal(st *statement, tag string) *failure {
	words, onlyHere := st.writes()
	switch {
	case words == "":
		return nil
	case s.said && !onlyHere:
	case s.of:
		if w, ok := s.Witness.(*Backend); ok {
			w.refuses(st, tag)
		}
	case s.Refused == nil || !s.Refused(tag):
		return nil
	}
	if onlyHere {
		return &failure{"25006", "cannot execute " + words + " during recovery"}
	}
	return &failure{"25006", "cannot execute " + words + " in a read-only transaction"}
}

// writes is what a statement is called where it may not be run, and empty if it may everywhere; onlyHere: not on a replica only.
func (st *statement) writes() (words string, onlyHere bool) {
	switch st.verb {
	case inserts:
		return "INSERT", false
	case copiesIn:
		return "COPY FROM", false
	case updates, bumps:
		return "UPDATE", false
	case alters:
		return "ALTER TABLE", false
	case createsTemp, scratches:
		return "CREATE TABLE", false
	case listens:
		return "LISTEN", true
	case notifies:
		return "NOTIFY", true
	}
	if st.verb == dropsTemp && st.name != "" {
		return "DROP TABLE", false
	}
	return "", false
}

// refuses is told that a replica refuses what must not be sent to it. Some clients have asked for that: with a hint, with READ ONLY,
// where BEGIN is deferred with a transaction that they begin with a query, or with what they keep in the session of that server.
func (b *Backend) refuses(st *statement, tag string) {
	b.w.refused[tag] = true
	s, c := b.session, b.w.client(clientOfTag(tag))
	switch {
	case c == nil:
		b.w.Violate("replicas: backend %d of %s, a replica, is sent %q, of nobody", b.pid, b.up.address, st.text)
	case s.hinted, s.said, b.tap.keeps, b.tap.names, s.tx == 'T' && s.reads && c.declared.defers:
	default:
		b.w.Violate("replicas: backend %d of %s, a replica, is sent %s of c%d: %q", b.pid, b.up.address, tag, c.id, st.text)
	}
}

// sees is told that a query of a client runs: it must see what the client has written.
func (b *Backend) sees(tag string) {
	c, n := b.w.client(clientOfTag(tag)), b.up.node
	if n == nil || c == nil || !c.declared.causal {
		return
	}
	if !n.primary {
		b.w.onReplicas++
	}
	if e, misses := b.w.cluster.misses(c, n); misses {
		b.w.Violate("own writes: c%d reads by %s on backend %d of %s, which does not have %s", c.id, tag, b.pid, b.up.address, e.tag)
	}
}

// logged is told what a transaction has added to the log.
func (b *Backend) logged(tags []string) {
	for _, tag := range tags {
		if b.up.node != nil {
			b.w.Note("%s is entry %d of %s", tag, len(b.up.node.log), b.up.address)
			b.w.cluster.commits(b.up.node, tag, b.w.client(clientOfTag(tag)))
		}
	}
}

func (p *promises) sees(string)     {}
func (p *promises) logged([]string) {}
