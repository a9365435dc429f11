package session

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// mention is one name of a prepared statement in the text of a message. PREPARE and DEALLOCATE change what names mean when
// Postgres says that they have run, and not before: a text of several statements may fail before it comes to them. Prepared
// statements are not transactional, so what has run stays.
type mention struct {
	effect sql.Effects // SQLPrepare, SQLExecute or Deallocates
	// id is what the name means, None if nothing of ours. The mention holds a reference.
	id prepared.StmtID
	// name is the client's, in Env's scratch memory while it is read, then in Owed.names.
	name []byte
	// from and to is where the name stands in the client's text.
	from, to int
	// start is where it stands in the text that the server gets, in characters, and longer is how many it has more there.
	start, longer int
	// part is which of the text's statements it stands in.
	part int
	// with is what stands there instead in the text that the server gets, where it is no name: SQL of ours that makes up for
	// a reset (restore.go).
	with string
	// bare: an EXECUTE without arguments, which is all that the text says.
	bare bool
	// inside: what comes before it in the same text has seen to what it means; for a PREPARE that gives a name, to the
	// server's not having it.
	inside bool
	// gives: a PREPARE of a name that is free. When it has run, the name means id.
	gives bool
	// done: it has run.
	done bool
	// at is the message's entry in Owed.
	at uint32
}

// bound is a mention in the statement that a portal executes, or what makes up for what that resets. It has memory of its
// own for the names, which is used again.
type bound struct {
	mention
	portal []byte
	// fixes is SQL of ours that follows the Execute. discards: it resets by DISCARD ALL.
	fixes    []string
	discards bool
}

// maxBound bounds them. Beyond it, what a portal's text does to names is not noticed.
const maxBound = 4096

// owe notes the mentions of the message whose entry was pushed last. It takes the references over.
func (s *Server) owe(mentions ...mention) {
	for _, m := range mentions {
		m.name, m.at = s.owed.keep(m.name), s.owed.tail-1
		s.mentions = append(s.mentions, m)
	}
}

// ran notes that a PREPARE or DEALLOCATE of the message at the head has run.
func (s *Server) ran(e *Env, c *Client, effect sql.Effects) {
	s.forgetPast(e)
	for i := range s.mentions {
		m := &s.mentions[i]
		if m.at != s.owed.head {
			break
		}
		if m.effect == effect && !m.done {
			m.done = true
			s.changes(e, c, m)
			return
		}
	}
	if effect == sql.SQLPrepare {
		s.Pins |= PinPrepare
	}
}

// changes does to names what a PREPARE or DEALLOCATE has done.
func (s *Server) changes(e *Env, c *Client, m *mention) {
	switch {
	case m.id == prepared.None:
		if m.effect == sql.SQLPrepare {
			s.Pins |= PinPrepare // whether its client is there or not: nobody else may find it
		}
	case m.effect == sql.Deallocates:
		s.Prepared.Remove(e.Statements.Hash(m.id))
		if c != nil {
			c.forgetName(e, m.name, m.id)
		}
	case m.gives:
		s.Prepared.Add(e.Statements.Hash(m.id), e.Statements.Version(m.id))
		if c != nil {
			e.Statements.Retain(m.id)
			c.restoreName(e, m.name, m.id)
			c.fromSQL = true
		}
	}
}

// forgetPast forgets the mentions of messages that have been answered, or that never will be.
func (s *Server) forgetPast(e *Env) {
	n := 0
	for n < len(s.mentions) && int32(s.owed.head-s.mentions[n].at) > 0 {
		s.forgetMention(e, &s.mentions[n])
		n++
	}
	if n > 0 {
		s.mentions = append(s.mentions[:0], s.mentions[n:]...)
	}
}

// forgetMentions forgets all: nothing is owed, and no portal is open.
func (s *Server) forgetMentions(e *Env) {
	for i := range s.mentions {
		s.forgetMention(e, &s.mentions[i])
	}
	for i := range s.bound {
		e.release(s.bound[i].id)
	}
	s.mentions, s.bound = s.mentions[:0], s.bound[:0]
}

// forgetAnswered forgets what a ReadyForQuery has ended.
func (s *Server) forgetAnswered(e *Env) {
	if s.owed.len() == 0 && s.Status == pgwire.StatusIdle {
		s.forgetMentions(e)
		return
	}
	s.forgetPast(e)
}

// forgetMention forgets one. If it is a PREPARE that did not run, nobody knows whether the server has the statement, from
// before: it is closed before it is prepared again.
func (s *Server) forgetMention(e *Env, m *mention) {
	if m.gives && !m.done {
		s.Prepared.Add(e.Statements.Hash(m.id), staleVersion)
	}
	e.release(m.id)
}

// mentionsMoved: the entry of the message at the head was at was.
func (s *Server) mentionsMoved(e *Env, was uint32) {
	kept := s.mentions[:0]
	for _, m := range s.mentions {
		switch {
		case m.at == was:
			m.at = s.owed.head
		case int32(s.owed.head-m.at) >= 0 && s.owed.head != was:
			s.forgetMention(e, &m) // its message was swallowed
			continue
		}
		kept = append(kept, m)
	}
	s.mentions = kept
}

// mentioned is what the message at the head calls a statement by that name of ours; taken says that the name is one that
// PREPARE gives. One statement of the protocol may have several names.
func (s *Server) mentioned(e *Env, ours []byte, taken bool) []byte {
	for i := range s.mentions {
		m := &s.mentions[i]
		if m.at == s.owed.head && m.part == s.finished && m.id != prepared.None && taken == (m.effect == sql.SQLPrepare) &&
			bytes.Equal(e.Statements.ServerName(m.id), ours) {
			return m.name
		}
	}
	return nil
}

// invalidateExecuted has what the message at the head executes prepared anew everywhere.
func (s *Server) invalidateExecuted(e *Env) {
	for i := range s.mentions {
		if m := &s.mentions[i]; m.at == s.owed.head && m.part == s.finished && m.effect == sql.SQLExecute && m.id != prepared.None {
			e.Statements.Invalidate(m.id)
		}
	}
}

// bind notes what the portal executes, and takes the references over; without mentions, that it executes something else.
func (s *Server) bind(e *Env, portal []byte, mentions []mention) {
	n := 0
	for i := range s.bound {
		if string(s.bound[i].portal) == string(portal) {
			e.release(s.bound[i].id)
			continue
		}
		s.bound[n], s.bound[i] = s.bound[i], s.bound[n]
		n++
	}
	s.bound = s.bound[:n]
	for _, m := range mentions {
		if b := s.bindMore(portal); b != nil {
			name := append(b.name[:0], m.name...)
			b.mention = m
			b.name = name
		} else {
			e.release(m.id)
		}
	}
}

// bindMore is room to note one thing more that the portal does; nil if there is none left.
func (s *Server) bindMore(portal []byte) *bound {
	n := len(s.bound)
	if n == maxBound {
		return nil
	}
	if n < cap(s.bound) {
		s.bound = s.bound[:n+1]
	} else {
		s.bound = append(s.bound, bound{})
	}
	b := &s.bound[n]
	b.portal, b.fixes, b.discards = append(b.portal[:0], portal...), nil, false
	b.mention = mention{name: b.name[:0]}
	return b
}

// boundToNames reports whether a portal executes what gives, takes or uses names.
func (s *Server) boundToNames() bool {
	return slices.ContainsFunc(s.bound, func(b bound) bool { return b.fixes == nil })
}

// characters counts them as Postgres does for the position of an error, in UTF-8 or else in an encoding of one byte each.
func characters(b []byte) int {
	if utf8.Valid(b) {
		return utf8.RuneCount(b)
	}
	return len(b)
}
