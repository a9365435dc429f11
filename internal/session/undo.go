package session

import "github.com/pgmux/caddy-pgmux/internal/prepared"

// skipToSync undoes what the server now ignores: everything up to the next Sync, which may not have been sent yet.
func (s *Server) skipToSync(e *Env, c *Client) {
	s.oursFailed, s.discarded = s.owed.first().ours(), nil
	end := s.owed.head
	for end != s.owed.tail && s.owed.at(end).kind != oweSync && s.owed.at(end).kind != oweSyncOurs {
		end++
	}
	for i := end; i != s.owed.head; {
		i--
		s.undo(e, c, *s.owed.at(i), i == s.owed.head, end)
		if s.owed.at(i).kind.ends() { // a Query behind the error is skipped as well
			s.owed.batches--
		}
	}
	s.owed.head = end
	s.skipping = end == s.owed.tail
	if s.skipping {
		s.open = true
	}
}

// undo takes back what a message did to names, here and on the server, that met an error or, later in the batch, never
// ran. Later ones are undone first; what begins at the entry after is not undone.
func (s *Server) undo(e *Env, c *Client, o owed, met bool, after uint32) {
	if o.unnamed && !s.replacesUnnamed(after) {
		// A Parse that met an error has dropped the unnamed statement; one that never ran has left whatever there was.
		s.setUnnamed(e, prepared.None)
		s.stray = !met
	}
	if o.replaced {
		s.undoUnnamed(e, c, o, met, after)
	}
	switch o.kind {
	case oweParse, oweParseOurs, dueParse:
		if o.kind != dueParse && o.stmt != prepared.None && !o.unnamed {
			s.Prepared.Remove(e.Statements.Hash(o.stmt))
		}
		if c != nil && o.named && o.nameLen > 0 {
			c.forgetName(e, s.owed.nameOf(&o), o.stmt)
		}
		e.release(o.stmt)
	case oweBind, oweDescribe, oweDescribeOurs:
		e.release(o.stmt)
	case oweExecuteOurs:
		s.untidy = true
		if o.stmt != prepared.None {
			s.Prepared.Add(e.Statements.Hash(o.stmt), staleVersion)
		}
		e.release(o.stmt)
	case dueClose:
		if c == nil {
			e.release(o.stmt)
			return
		}
		c.restoreName(e, s.owed.nameOf(&o), o.stmt)
	case oweCloseOurs:
		// It was not closed. What version it is, is forgotten: it is closed before it is used again.
		if o.nameLen > 0 {
			s.Prepared.Add(prepared.Hash(s.owed.nameOf(&o)), staleVersion)
		}
	}
}

// undoUnnamed undoes, for the client, the replacement of its unnamed statement by a message that met an error, and so
// has dropped it, or that never ran, and so has left it. If a later batch replaces it again, it is what that finds.
func (s *Server) undoUnnamed(e *Env, c *Client, o owed, met bool, after uint32) {
	was := o.before
	if met {
		e.release(was)
		was = prepared.None
	}
	for i := after; i != s.owed.tail; i++ {
		if next := s.owed.at(i); next.replaced {
			e.release(next.before)
			next.before = was
			return
		}
	}
	if c == nil {
		e.release(was)
		return
	}
	c.setUnnamed(e, was)
}

// replacesUnnamed reports whether a message from the entry at after on, of a batch that is not undone, says what the
// server's unnamed statement is.
func (s *Server) replacesUnnamed(after uint32) bool {
	for i := after; i != s.owed.tail; i++ {
		if s.owed.at(i).unnamed {
			return true
		}
	}
	return false
}
