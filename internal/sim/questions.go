package sim

import (
	"maps"
	"slices"
	"strings"
)

// question is what the pooler asks about the session of a server.
type question struct {
	states []string // kinds of state
	name   string   // a setting
	all    bool     // every setting that has been given a value
	names  bool     // what the names of statements stand for
}

// askable is the kinds of state, by what a question about them names, in the order of its columns.
var askable = []string{"pg_listening_channels()", "pg_my_temp_schema()", "pg_locks", "pg_cursors", "pg_prepared_statements"}

// parseQuestion reads a query as only the pooler sends it.
func (s *statement) parseQuestion(sql string) bool {
	const about = "pg_catalog.current_setting("
	switch {
	case strings.HasPrefix(sql, "SELECT name,statement,"):
		s.about.names = true
	case sql == "SELECT ''" || strings.HasPrefix(sql, "SELECT '',EXISTS("):
		for _, kind := range askable {
			if strings.Contains(sql, kind) {
				s.about.states = append(s.about.states, kind)
			}
		}
	case strings.HasPrefix(sql, "SELECT name,"+about):
		s.about.all = true
	case strings.HasPrefix(sql, "SELECT ") && strings.Contains(sql, ","+about):
		s.about.name = literal(sql)
	default:
		return false
	}
	s.verb = inquires
	return true
}

// answerQuestion answers it.
func (s *Session) answerQuestion(st *statement) {
	rows := 1
	switch q := st.about; {
	case q.names:
		rows = s.listStatements()
	case q.all:
		names := slices.Sorted(maps.Keys(s.now.changed))
		for _, name := range names {
			if !identities[name] { // pg_settings does not list them
				s.row([]byte(name), []byte(s.setting(name)))
			}
		}
		rows = len(names)
	case q.name != "":
		value, known := s.now.settings[q.name]
		column := []byte(value)
		if !known {
			column = nil
		}
		s.row([]byte(q.name), column)
	default:
		columns := [][]byte{{}}
		for _, kind := range q.states {
			columns = append(columns, []byte{s.has(kind)})
		}
		s.row(columns...)
	}
	s.say('C', selectTag(rows))
}

// listStatements is the rows of what is prepared under names that are not the pooler's.
func (s *Session) listStatements() (rows int) {
	for _, name := range slices.Sorted(maps.Keys(s.statements)) {
		st := s.statements[name]
		text, bySQL := st.text, "f"
		if st.fromSQL {
			text, bySQL = "PREPARE "+name+" AS "+text, "t"
		}
		if !strings.HasPrefix(name, "pgmux_") {
			s.row([]byte(name), []byte(text), []byte(bySQL))
			rows++
		}
	}
	return rows
}

// has says whether state of that kind is there.
func (s *Session) has(kind string) byte {
	if kind == "pg_my_temp_schema()" && len(s.now.temps) > 0 || kind == "pg_locks" && s.locks > 0 ||
		kind == "pg_listening_channels()" && len(s.listening) > 0 ||
		kind == "pg_prepared_statements" && s.preparedInSQL() {
		return 't'
	}
	return 'f'
}

// preparedInSQL reports whether there are statements that PREPARE has made, of the client's names.
func (s *Session) preparedInSQL() bool {
	for name, st := range s.statements {
		if st.fromSQL && !strings.HasPrefix(name, "pgmux_") {
			return true
		}
	}
	return false
}

// row is one row of several columns; nil is NULL.
func (s *Session) row(columns ...[]byte) {
	parts := []any{int16(len(columns))}
	for _, c := range columns {
		if c == nil {
			parts = append(parts, int32(-1))
			continue
		}
		parts = append(parts, int32(len(c)), c)
	}
	s.say('D', parts...)
}
