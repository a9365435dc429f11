package sim

import (
	"bytes"
	"strings"
)

// There are functions that leave state in the session of whoever calls them, without a word of it in the text; the pooler asks
// the catalog which they are.

// functions is their names, and what they leave, as the pooler numbers that: settings, a temporary table, a lock.
var functions = [][2]string{{"leave", "1"}, {"scratches", "4"}, {"locking", "8"}}

// aboutCatalog reports whether a text is the pooler's question.
func aboutCatalog(text string) bool {
	return strings.HasPrefix(text, "SET LOCAL search_path TO pg_catalog,pg_temp;")
}

// catalog answers it, or not.
func (s *Session) catalog(text string) {
	if s.Closed != nil && s.Closed() {
		s.fail(&failure{"42501", "permission denied for table pg_proc"})
		s.ready()
		return
	}
	if aboutLineage(text) {
		s.lineage()
		return
	}
	for range 4 {
		s.say('C', "SET")
	}
	s.row([]byte("committed"), []byte(""), []byte("t"))
	s.row([]byte("reads"), []byte(""), []byte("0"))
	s.row([]byte("reader"), []byte("fail\nnotice"), []byte("0"))
	for _, f := range functions {
		s.row([]byte("name"), []byte(f[0]), []byte(f[1]))
	}
	s.say('C', selectTag(3+len(functions)))
	s.ready()
}

// parseCall reads a call of one of them.
func (s *statement) parseCall(sql string) bool {
	switch {
	case strings.Contains(sql, " leave("):
		quoted := literals(sql)
		s.verb, s.name, s.value = leaves, strings.ToLower(quoted[0]), quoted[1]
	case strings.Contains(sql, " scratches("):
		s.verb = scratches
	case strings.Contains(sql, " locking("):
		s.verb = locks
	default:
		return false
	}
	return true
}

// studies reports whether a backend runs the question, which takes its time.
func (b *Backend) studies(m *message) bool {
	return m.typ == 'Q' && bytes.HasPrefix(m.body, []byte("SET LOCAL search_path TO pg_catalog,pg_temp;"))
}
