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
	settings   settings
	statements map[string]*text
	portal     *text // the unnamed one
	portals    map[string]*text
	texts      *texts
	counters   *Counters
}

func newSession(t *texts, c *Counters) *session {
	return &session{status: 'I', statements: map[string]*text{}, texts: t, counters: c}
}

// plain tells that nothing of the past changes what a simple query is answered with.
func (s *session) plain() bool { return s.status == 'I' && !s.skipping }

// message answers one message.
func (s *session) message(tag byte, body, out []byte) []byte {
	switch tag {
	case wire.Query:
		return s.query(body, out)
	case wire.Sync:
		return s.ready(out)
	}
	if s.skipping {
		return out
	}
	switch tag {
	case wire.Parse:
		s.counters.Parses++
		name, rest := cut(body)
		sql, _ := cut(rest)
		s.statements[string(name)] = s.texts.of(sql)
		return append(out, parseComplete...)
	case wire.Bind:
		return s.bind(body, out)
	case wire.Describe:
		return s.describe(body, out)
	case wire.Execute:
		name, _ := cut(body)
		t := s.portalNamed(name)
		s.count(t)
		return s.execute(&t.statements[0], out)
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

// count counts a text that is executed.
func (s *session) count(t *text) {
	s.counters.Queries++
	if t.extra {
		s.counters.Extra++
	}
}

// query answers a simple query.
func (s *session) query(body, out []byte) []byte {
	sql, _ := cut(body)
	t := s.texts.of(sql)
	s.count(t)
	for i := range t.statements {
		st := &t.statements[i]
		if s.status != 'E' {
			out = append(out, st.columns...)
		}
		if out = s.execute(st, out); s.skipping {
			break
		}
	}
	return s.ready(out)
}

// ready ends what was said at once.
func (s *session) ready(out []byte) []byte {
	s.skipping = false
	if s.status == 'I' {
		s.settings.end(false)
	}
	return append(s.settings.report(out), readyStatus[s.status]...)
}

// bind makes a portal of a statement.
func (s *session) bind(body, out []byte) []byte {
	portal, rest := cut(body)
	name, _ := cut(rest)
	t := s.statementNamed(name)
	if len(portal) == 0 {
		s.portal = t
	} else {
		if s.portals == nil {
			s.portals = map[string]*text{}
		}
		s.portals[string(portal)] = t
	}
	return append(out, bindComplete...)
}

// describe tells the columns of a statement or a portal.
func (s *session) describe(body, out []byte) []byte {
	name, _ := cut(body[1:])
	var t *text
	if body[0] == 'S' {
		out = append(out, noParameters...)
		t = s.statementNamed(name)
	} else {
		t = s.portalNamed(name)
	}
	if c := t.statements[0].columns; c != nil {
		return append(out, c...)
	}
	return append(out, noData...)
}

// execute runs a statement and follows the transaction.
func (s *session) execute(st *statement, out []byte) []byte {
	if s.status == 'E' && st.verb != rollback && st.verb != commits {
		s.skipping = true
		return append(out, inFailed...)
	}
	end := st.done
	switch st.verb {
	case nothing:
		return append(out, emptyQuery...)
	case fails:
		s.skipping = true
		if s.status == 'T' {
			s.status = 'E'
		}
		return append(out, failedOnDemand...)
	case begins:
		s.status = 'T'
		s.settings.begin()
	case commits, rollback:
		undo := s.status == 'E' || s.status == 'T' && st.verb == rollback
		if undo {
			end = rolledBack
		}
		s.status = 'I'
		s.settings.end(undo)
	case discards:
		clear(s.statements)
	case selects:
		out = append(out, st.row...)
	case shows:
		out = appendRow(out, s.settings.value(st.name))
	case asks:
		out = s.tell(st, out)
	}
	for _, c := range st.changes {
		s.settings.do(c)
	}
	if st.verb == assigns {
		out = s.assigned(st, out)
	}
	return append(out, end...)
}

// tell appends what was asked about a setting.
func (s *session) tell(st *statement, out []byte) []byte {
	values := [][]byte{[]byte(st.name), s.settings.value(st.name)}
	if st.origin {
		from := []byte("t")
		if _, own := s.settings.session[st.name]; own {
			from = []byte("f")
		}
		values = append(values, from)
	}
	return appendRow(out, values...)
}

// assigned appends the row of a set_config.
func (s *session) assigned(st *statement, out []byte) []byte {
	var values [][]byte
	for _, c := range st.changes {
		values = append(values, s.settings.value(c.name))
	}
	return appendRow(out, values...)
}

// selectOneText is what a statement is taken for of which nothing is known.
var selectOneText = func() *text { t := newTexts(); return t.of([]byte("SELECT 1")) }()

// statementNamed looks a statement up. An unknown one is taken for `SELECT 1` and counted.
func (s *session) statementNamed(name []byte) *text {
	t := s.statements[string(name)]
	if t == nil {
		s.counters.Unknown++
		return selectOneText
	}
	return t
}

// portalNamed looks a portal up.
func (s *session) portalNamed(name []byte) *text {
	t := s.portals[string(name)]
	if len(name) == 0 {
		t = s.portal
	}
	if t == nil {
		return selectOneText
	}
	return t
}

// cut splits a zero-terminated string off.
func cut(b []byte) (text, rest []byte) {
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return b, nil
	}
	return b[:end], b[end+1:]
}
