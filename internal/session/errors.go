package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// heal mends what an error reveals: a plan that no longer fits its tables, or whose parameters have types that are no
// more, is prepared anew everywhere, a statement that the server turns out to have, or not to have, is noted.
func (s *Server) heal(e *Env, c *Client, m []byte) {
	switch string(pgwire.ErrorField(m, 'C')) {
	case "0A000":
		if s.owed.len() == 0 {
			return
		}
		head := s.owed.at(s.owed.head)
		if head.stmt != prepared.None && c != nil && string(pgwire.ErrorField(m, 'R')) == "RevalidateCachedQuery" {
			e.Statements.Invalidate(head.stmt)
		}
		if string(pgwire.ErrorField(m, 'R')) == "RevalidateCachedQuery" {
			e.Schema.Doubt()
			s.invalidateExecuted(e)
		}
	case "XX000", "42703", "42704", "42804", "42883", "42P18":
		// In session mode it is the client's own, and Postgres mends it.
		if first := s.owed.first(); (first == oweBind || first == oweDescribe || first == oweDescribeOurs) && s.Pins&PinSession == 0 {
			if stmt := s.owed.at(s.owed.head).stmt; stmt != prepared.None && c != nil {
				e.Statements.Invalidate(stmt)
			}
		}
	case "26000", "42P05":
		if s.owed.first() == oweParse && s.owed.at(s.owed.head).stmt == prepared.None {
			return // it was made to refuse a name that is taken
		}
		if first := s.owed.first(); (first == oweQuery || first == oweExecute) && string(pgwire.ErrorField(m, 'C')) == "42P05" {
			return // so has PREPARE been
		}
		message := pgwire.ErrorField(m, 'M')
		i := bytes.Index(message, []byte(prepared.ServerNamePrefix))
		if i < 0 || len(message) < i+prepared.ServerNameLen {
			return
		}
		h, ok := prepared.ParseServerName(message[i : i+prepared.ServerNameLen])
		if !ok {
			return
		}
		s.Prepared.Remove(h)
		if string(pgwire.ErrorField(m, 'C')) == "42P05" {
			s.Prepared.Add(h, staleVersion)
		}
	}
}

// staleVersion is a version no statement has: what is noted with it is closed before it is prepared again.
const staleVersion = ^uint32(0)

// renamed is an ErrorResponse in which every name of ours is replaced by the client's own (trap 20).
func (s *Server) renamed(e *Env, c *Client, m []byte) []byte {
	prefix := []byte(prepared.ServerNamePrefix)
	if c == nil || !bytes.Contains(m, prefix) {
		return m
	}
	taken := string(pgwire.ErrorField(m, 'C')) == "42P05"
	out := e.room(2 * len(m))[:0]
	out = append(out, m[:pgwire.HeaderLen]...)
	for rest := m[pgwire.HeaderLen:]; ; {
		i := bytes.Index(rest, prefix)
		if i < 0 || len(rest) < i+prepared.ServerNameLen {
			out = append(out, rest...)
			break
		}
		ours := rest[i : i+prepared.ServerNameLen]
		out = append(out, rest[:i]...)
		out = append(out, s.clientName(e, c, ours, taken)...)
		rest = rest[i+len(ours):]
	}
	return e.keep(framed(out))
}

// clientName is what the client calls a statement of ours: as it did in the message the error is about, or else as it
// does now.
func (s *Server) clientName(e *Env, c *Client, ours []byte, taken bool) []byte {
	if name := s.mentioned(e, ours, taken); name != nil {
		return name
	}
	var about []byte
	if s.owed.len() > 0 {
		if o := s.owed.at(s.owed.head); o.nameLen > 0 && o.kind != oweCloseOurs {
			about = s.owed.nameOf(o)
			if o.stmt == prepared.None || bytes.Equal(e.Statements.ServerName(o.stmt), ours) {
				return about
			}
		}
	}
	if h, ok := prepared.ParseServerName(ours); ok {
		if id, ok := e.Statements.Find(h); ok {
			if e.Statements.FromSQL(id) {
				return e.Statements.SQLName(id)
			}
			if name := c.nameFor(e, id); name != nil {
				return name
			}
		}
	}
	return about
}

// keepFailure keeps the error that something of ours ahead of a Query has met, for which the Query will fail. If the
// transaction had failed before, Postgres says so to the Query too.
func (s *Server) keepFailure(m []byte) {
	if string(pgwire.ErrorField(m, 'C')) != "25P02" {
		s.kept = append(s.kept[:0], m...)
	}
}

// insteadOfKept is why the statement that m misses is not there, nil if that is not known.
func (s *Server) insteadOfKept(m []byte) []byte {
	if len(s.kept) == 0 || s.owed.first() != oweQuery {
		return nil
	}
	switch string(pgwire.ErrorField(m, 'C')) {
	case "26000", "25P02":
		return s.kept
	}
	return nil
}
