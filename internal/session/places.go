package session

import (
	"bytes"
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// placed is an ErrorResponse whose position, counted in the text that the server got, is counted in the client's.
func (s *Server) placed(e *Env, m []byte) []byte {
	field := pgwire.ErrorField(m, 'P')
	if field == nil || s.owed.len() == 0 {
		return m
	}
	at, err := strconv.Atoi(string(field))
	if err != nil {
		return m
	}
	shift := s.longerBefore(e, at-1)
	if shift == 0 {
		return m
	}
	i := bytes.Index(m, append([]byte("\x00P"), field...)) + len("\x00P")
	out := append(e.room(len(m)+8), m[:i]...)
	out = strconv.AppendInt(out, int64(at-shift), 10)
	out = append(out, m[i+len(field):]...)
	return e.keep(framed(out))
}

// longerBefore is by how many characters what is before a character is longer in the server's text than in the client's. The
// text is that of the message at the head, or that of the PREPARE that has made what it runs.
func (s *Server) longerBefore(e *Env, at int) (n int) {
	head := s.owed.at(s.owed.head)
	switch head.kind {
	case oweBind, oweDescribe, oweDescribeOurs, oweExecuteOurs:
		return longerInPrepare(e, head.stmt, at)
	}
	for i := range s.mentions {
		m := &s.mentions[i]
		switch {
		case m.at != s.owed.head || m.id == prepared.None && m.longer == 0:
		case m.effect == sql.SQLExecute && m.bare:
			return longerInPrepare(e, m.id, at) // in its own text there is nothing that can be wrong
		case at > m.start:
			n += min(m.longer, at-m.start)
		}
	}
	return n
}

func longerInPrepare(e *Env, id prepared.StmtID, at int) int {
	if id == prepared.None || !e.Statements.FromSQL(id) {
		return 0
	}
	text := e.Statements.Text(id)
	start, end := e.Statements.SQLNameAt(id)
	if at <= characters(text[:start]) {
		return 0
	}
	return prepared.ServerNameLen - characters(text[start:end])
}

// framed is a message with its length set.
func framed(m []byte) []byte {
	n := len(m) - 1
	m[1], m[2], m[3], m[4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return m
}
