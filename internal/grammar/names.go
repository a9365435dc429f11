package grammar

import (
	"maps"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// maxNames is how many functions, relations and targets a text may have and still be Understood: a bound of memory for whoever
// remembers facts, and of time for whoever looks at them. A name has at most 63 bytes, where the parser cuts it as Postgres does.
const maxNames = 64

// set is the words of a list.
func set(list string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(list) {
		m[word] = true
	}
	return m
}

// sorted is the names of a set; nil, if it is empty.
func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }

// relation notes a table or view, unless it is a common table expression.
func (w *walker) relation(m map[string]any) {
	schema, _ := m["schemaname"].(string)
	name, _ := m["relname"].(string)
	if schema == "" && slices.Contains(w.scope, name) {
		return
	}
	w.writes = w.writes || temporary(schema)
	w.varies = w.varies || temporary(schema) || system(schema, name)
	w.relations[name] = true
}

// target notes what is changed, which is never a common table expression. Whoever writes to Postgres's own tables may change anything, of all
// databases.
func (w *walker) target(v any) {
	m, _ := v.(map[string]any)
	schema, _ := m["schemaname"].(string)
	name, _ := m["relname"].(string)
	if name == "" || !temporary(schema) && system(schema, name) {
		w.unknown()
		w.traits |= sql.Roles
	}
	w.written[name] = true
}

// targets notes each of a list.
func (w *walker) targets(v any) {
	list, _ := v.([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		w.target(m["RangeVar"])
	}
}

// attributes notes what may be functions of Postgres in the place of columns, as in ('s'::regclass).nextval. Functions of users are
// looked for in every word of the text.
func (w *walker) attributes(v any) {
	list, _ := v.([]any)
	for _, item := range list {
		if name := last([]any{item}); name != "" && sql.Uncertain(name) {
			w.functions[name] = true
		}
	}
}

// word looks at a part of a name. What is in the schema of temporary tables is a session's own, and no catalog tells what its functions and
// types do.
func (w *walker) word(v any) {
	s, _ := v.(string)
	if temporary(s) {
		w.unknown()
	}
	w.varies = w.varies || fleeting[s]
}

// temporary reports whether that is a schema of temporary tables.
func temporary(schema string) bool { return strings.HasPrefix(schema, "pg_temp") }

// system reports whether that is, or may be, a relation of Postgres's own.
func system(schema, name string) bool {
	return schema == "information_schema" || strings.HasPrefix(schema, "pg_") || strings.HasPrefix(name, "pg_")
}

// last is the last part of a name.
func last(v any) string {
	list, _ := v.([]any)
	if len(list) == 0 {
		return ""
	}
	m, _ := list[len(list)-1].(map[string]any)
	s, _ := m["String"].(map[string]any)
	name, _ := s["sval"].(string)
	return name
}
