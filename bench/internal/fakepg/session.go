package fakepg

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// session is one connection's state, as Postgres has it.
type session struct {
	partial    []byte // of a message that has not come as a whole
	status     byte   // of the transaction: I, T or E
	skipping   bool   // after an error in extended protocol, to Sync
	statements map[string]statement
	portal     statement // the unnamed one
	portals    map[string]statement
}

func newSession() *session { return &session{status: 'I', statements: map[string]statement{}} }

// plain tells that nothing of the past changes what a simple query is answered with.
func (s *session) plain() bool { return s.status == 'I' && !s.skipping }

// message answers one message.
func (s *session) message(n *Counters, tag byte, body, out []byte) []byte {
	switch tag {
	case wire.Query:
		n.Queries++
		return s.query(body, out)
	case wire.Sync:
		s.skipping = false
		return append(out, readyStatus[s.status]...)
	}
	if s.skipping {
		return out
	}
	switch tag {
	case wire.Parse:
		n.Parses++
		name, rest := cut(body)
		sql, _ := cut(rest)
		s.statements[string(name)] = read(sql)
		return append(out, parseComplete...)
	case wire.Bind:
		return s.bind(n, body, out)
	case wire.Describe:
		return s.describe(n, body, out)
	case wire.Execute:
		n.Queries++
		name, _ := cut(body)
		return s.execute(s.portalNamed(name), out)
	case wire.Close:
		if name, _ := cut(body[1:]); body[0] == 'S' {
			delete(s.statements, string(name))
		} else {
			delete(s.portals, string(name))
		}
		return append(out, closeComplete...)
	case wire.Flush:
		return out
	}
	s.skipping = true
	return wire.AppendError(out, "08P01", "invalid frontend message type "+string(tag))
}

// query answers a simple query of one statement.
func (s *session) query(body, out []byte) []byte {
	sql, _ := cut(body)
	st := read(sql)
	if st.verb == selects && s.status != 'E' {
		out = append(out, oneColumn...)
	}
	out = s.execute(st, out)
	s.skipping = false
	return append(out, readyStatus[s.status]...)
}

// bind makes a portal of a statement.
func (s *session) bind(n *Counters, body, out []byte) []byte {
	portal, rest := cut(body)
	name, _ := cut(rest)
	st := s.statementNamed(n, name)
	if len(portal) == 0 {
		s.portal = st
	} else {
		if s.portals == nil {
			s.portals = map[string]statement{}
		}
		s.portals[string(portal)] = st
	}
	return append(out, bindComplete...)
}

// describe tells the columns of a statement or a portal.
func (s *session) describe(n *Counters, body, out []byte) []byte {
	name, _ := cut(body[1:])
	var st statement
	if body[0] == 'S' {
		out = append(out, noParameters...)
		st = s.statementNamed(n, name)
	} else {
		st = s.portalNamed(name)
	}
	if st.verb == selects {
		return append(out, oneColumn...)
	}
	return append(out, noData...)
}

// execute runs a statement and follows the transaction.
func (s *session) execute(st statement, out []byte) []byte {
	if s.status == 'E' && st.verb != rollback && st.verb != commits {
		s.skipping = true
		return append(out, inFailed...)
	}
	switch st.verb {
	case nothing:
		return append(out, emptyQuery...)
	case selects:
		return append(out, oneRow...)
	case fails:
		s.skipping = true
		if s.status == 'T' {
			s.status = 'E'
		}
		return append(out, failedOnDemand...)
	case begins:
		s.status = 'T'
	case commits, rollback:
		if s.status == 'E' {
			st.tag = "ROLLBACK"
		}
		s.status = 'I'
	}
	if st.tag == "DISCARD ALL" || st.tag == "DEALLOCATE ALL" {
		clear(s.statements)
	}
	return wire.Append(out, 'C', wire.Text(st.tag))
}

// statementNamed looks a statement up. An unknown one is taken for `SELECT 1` and counted.
func (s *session) statementNamed(n *Counters, name []byte) statement {
	st, known := s.statements[string(name)]
	if !known {
		n.Unknown++
		return statement{verb: selects}
	}
	return st
}

// portalNamed looks a portal up.
func (s *session) portalNamed(name []byte) statement {
	if len(name) == 0 {
		return s.portal
	}
	return s.portals[string(name)]
}

// cut splits a zero-terminated string off.
func cut(b []byte) (text, rest []byte) {
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return b, nil
	}
	return b[:end], b[end+1:]
}
