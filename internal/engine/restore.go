package engine

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Restore is session.Startup: what makes up for a change that resets. RESET ALL leaves alone who the session is.
func (s *Shard) Restore(startup uint64, kind sql.ChangeKind, name []byte) (statements []string) {
	p := s.profiles[startup]
	switch kind {
	case sql.ChangeReset, sql.ChangeResetLocal:
		if v, ok := p.value(string(name)); ok {
			statements = []string{assignment(Setting{string(name), v}, kind == sql.ChangeResetLocal)}
		}
	case sql.ChangeResetAll, sql.ChangeDiscardAll:
		for _, q := range p.settings {
			if kind == sql.ChangeDiscardAll || !isIdentity(q.Name) {
				statements = append(statements, assignment(q, false))
			}
		}
	}
	return statements
}

// Began is session.Startup: the value that a client gave a setting at its login.
func (s *Shard) Began(startup uint64, name []byte) (value, literal string, ok bool) {
	value, ok = s.profiles[startup].value(string(name))
	if dependsOnItself(string(name)) && !strings.Contains(value, ",") && !strings.EqualFold(value, "german") {
		return "", "", false
	}
	return value, quote(value), ok
}

var _ session.Startup = (*Shard)(nil)

// assignment is a statement that gives a setting a value, for the session or for the transaction: SET, because a transaction
// that has called a function has a snapshot, and cannot change its isolation any more. SET takes no list as one value;
// where it matters how one is written, set_config does.
func assignment(q Setting, local bool) string {
	value := quote(q.Value)
	if isQuotedList(q.Name) {
		elements, plain := plainList(q.Value)
		if !plain {
			flag := ",false)"
			if local {
				flag = ",true)"
			}
			return "SELECT pg_catalog.set_config(" + quote(q.Name) + "," + value + flag
		}
		value = strings.Join(elements, ",")
	}
	if local {
		return "SET LOCAL " + quoteName(q.Name) + " TO" + value
	}
	return "SET " + quoteName(q.Name) + " TO" + value
}

// isQuotedList reports whether Postgres takes a setting for a list of names (GUC_LIST_QUOTE).
func isQuotedList(name string) bool {
	switch name {
	case "search_path", "temp_tablespaces", "session_preload_libraries", "shared_preload_libraries", "local_preload_libraries",
		"unix_socket_directories":
		return true
	}
	return false
}

// plainList is the elements of a list as literals, if Postgres would write it the same.
func plainList(v string) (elements []string, plain bool) {
	for _, element := range strings.Split(v, ", ") {
		if element == "" || element[0] >= '0' && element[0] <= '9' {
			return nil, false
		}
		for _, b := range []byte(element) {
			if !(b == '_' || 'a' <= b && b <= 'z' || '0' <= b && b <= '9') {
				return nil, false
			}
		}
		elements = append(elements, quote(element))
	}
	return elements, true
}
