package sql

import (
	"bytes"
	"unicode/utf8"
)

// maxIdentifier is Postgres's NAMEDATALEN - 1: what is longer in SQL is cut off. Names in protocol messages are not.
const maxIdentifier = 63

// prepare reads what follows PREPARE: a name, or TRANSACTION of the two-phase commit.
func (s *scanner) prepare(i int) int {
	t := s.next(i)
	if t.kind == wordToken && is(s.text[t.start:t.end], "transaction") {
		after := s.next(t.end)
		if s.packed(after) != kwAs && !s.isByte(after, '(') {
			s.st.Effects |= Ends
			return t.end
		}
	}
	return s.mention(SQLPrepare, t, i)
}

// deallocate reads what follows DEALLOCATE. PREPARE is a noise word, unless it is itself the name.
func (s *scanner) deallocate(i int) int {
	t := s.next(i)
	if s.packed(t) == kwPrepare {
		if after := s.next(t.end); after.kind == wordToken || after.kind == quotedToken || after.kind == unicodeToken {
			t = after
		}
	}
	if s.packed(t) == kwAll {
		s.st.Effects |= DeallocatesAll
		return t.end
	}
	return s.mention(Deallocates, t, i)
}

// mention notes the effect and the name it is about, and returns where the scan goes on: behind the name, or at i if
// there is none.
func (s *scanner) mention(effect Effects, t token, i int) int {
	s.st.Effects |= effect
	switch t.kind {
	case wordToken, quotedToken:
	case unicodeToken:
		s.st.Effects |= Unknown
		return t.end
	default:
		// A syntax error to Postgres. Should it ever not be, there is a name we have not read.
		s.st.Effects |= Unknown
		return i
	}
	if s.st.mentions == MaxNames {
		s.st.Effects |= Unknown
		return t.end
	}
	s.st.names[s.st.mentions] = Name{Effect: effect, Start: t.start, End: t.end, Value: s.decode(t)}
	s.st.mentions++
	return t.end
}

// decode is the name Postgres makes of a token: the text itself where it can be.
func (s *scanner) decode(t token) []byte {
	raw := s.text[t.start:t.end]
	from := len(s.st.buf)
	if t.kind == quotedToken {
		raw = raw[1 : len(raw)-1]
		if bytes.IndexByte(raw, '"') < 0 {
			return s.clip(raw)
		}
		for i := 0; i < len(raw); i++ {
			s.st.buf = append(s.st.buf, raw[i])
			if raw[i] == '"' {
				i++ // the second of two
			}
		}
		return s.clip(s.st.buf[from:])
	}
	for _, b := range raw {
		s.st.buf = append(s.st.buf, fold(b))
	}
	return s.clip(s.st.buf[from:])
}

// clip cuts a name as Postgres does: at a whole character of the database's encoding. Which that is we do not
// know, but it is UTF-8 nearly everywhere; where it might matter, the text is Unknown.
func (s *scanner) clip(name []byte) []byte {
	if len(name) <= maxIdentifier {
		return name
	}
	n := maxIdentifier
	if hasHighBit(name) {
		s.st.Effects |= Unknown
		for n > 0 && !utf8.RuneStart(name[n]) {
			n--
		}
	}
	return name[:n]
}
