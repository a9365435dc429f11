package sql

import "bytes"

// parameter is the name that begins with t, of one part or several, and the token behind it; nil if it is none that
// can be read.
func (s *scanner) parameter(t token) (name []byte, after token) {
	from := len(s.st.buf)
	for {
		part := s.text[t.start:t.end]
		switch t.kind {
		case wordToken:
		case quotedToken:
			part = part[1 : len(part)-1]
		default:
			return nil, t
		}
		if bytes.IndexByte(part, '"') >= 0 {
			return nil, t // no parameter is called so
		}
		s.folded(s.clip(part))
		after = s.next(t.end)
		if !s.isByte(after, '.') {
			return s.canonical(s.st.buf[from:]), after
		}
		s.st.buf = append(s.st.buf, '.')
		t = s.next(after.end)
	}
}

// literal is a parameter's name that is written as a string, as it stands there; nil if escapes or quotes may be in it.
func (s *scanner) literal(t token) []byte {
	if t.kind != stringToken || s.text[t.start] != '\'' {
		return nil
	}
	inside := s.text[t.start+1 : t.end-1]
	if bytes.IndexByte(inside, '\'') >= 0 || bytes.IndexByte(inside, '\\') >= 0 {
		return nil
	}
	return inside
}

// canonical is the name under which Postgres knows a parameter that has an older one, too.
func (s *scanner) canonical(name []byte) []byte {
	switch string(name) {
	case "sort_mem":
		return s.named("work_mem")
	case "vacuum_mem":
		return s.named("maintenance_work_mem")
	}
	return name
}

// named is a name of ours in the Statement's own memory.
func (s *scanner) named(name string) []byte {
	from := len(s.st.buf)
	s.st.buf = append(s.st.buf, name...)
	return s.st.buf[from:]
}

// folded is a name of the text in the Statement's own memory. Postgres looks up parameters without regard to case,
// even where they are quoted.
func (s *scanner) folded(name []byte) []byte {
	from := len(s.st.buf)
	for _, b := range name {
		s.st.buf = append(s.st.buf, fold(b))
	}
	return s.st.buf[from:]
}
