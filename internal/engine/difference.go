package engine

import (
	"slices"
	"strings"
)

// Names of the settings that say who a session is. They come last, because who is no superuser may not set all of the
// others, and go first.
const (
	roleName          = "role"
	authorizationName = "session_authorization"
)

// maxDifferences bounds the differences that are kept as text.
const maxDifferences = 4096

// difference is the SQL that takes a session from one profile to another.
func (s *Shard) difference(from, to *profile) string {
	key := [2]uint64{from.key, to.key}
	text, ok := s.differences[key]
	if !ok {
		if len(s.differences) >= maxDifferences {
			clear(s.differences)
		}
		text = difference(from, to)
		s.differences[key] = text
	}
	return text
}

// difference is one simple Query, and so one transaction: all of it happens, or nothing. What only the first sets goes
// back to what the server began with. set_config takes a value as the StartupMessage does, lists included.
func difference(from, to *profile) string {
	var b strings.Builder
	someone := from.has(roleName) || from.has(authorizationName)
	if someone {
		b.WriteString("RESET SESSION AUTHORIZATION;RESET ROLE;")
	}
	for _, q := range from.settings {
		if (!to.has(q.Name) || dependsOnItself(q.Name) && !to.gives(q)) && !isIdentity(q.Name) {
			b.WriteString("RESET " + quoteName(q.Name) + ";")
		}
	}
	var sets []Setting
	for _, q := range to.settings {
		if !isIdentity(q.Name) && !from.gives(q) {
			sets = append(sets, q)
		}
	}
	b.WriteString(setting(sets))
	for _, name := range [...]string{authorizationName, roleName} {
		if v, ok := to.value(name); ok {
			b.WriteString(";" + setting([]Setting{{name, v}}))
		}
	}
	return b.String()
}

// setting is a query that sets all of them; empty if there are none.
func setting(settings []Setting) string {
	var b strings.Builder
	settings = slices.Clone(settings)
	slices.SortStableFunc(settings, func(a, b Setting) int { return quietFirst(a) - quietFirst(b) })
	for i, q := range settings {
		if i == 0 {
			b.WriteString("SELECT ")
		} else {
			b.WriteString(",")
		}
		b.WriteString("pg_catalog.set_config(" + quote(q.Name) + "," + quote(q.Value) + ",false)")
	}
	return b.String()
}

// quietFirst puts client_min_messages before the settings of which Postgres may have something to say.
func quietFirst(q Setting) int {
	if q.Name == "client_min_messages" {
		return 0
	}
	return 1
}

// dependsOnItself reports whether what a value of a setting means depends on the value before: DateStyle = ISO leaves the order
// of day and month as it was.
func dependsOnItself(name string) bool { return name == "datestyle" }

func isIdentity(name string) bool { return name == roleName || name == authorizationName }

// sureToBeTaken reports whether Postgres takes a value of a setting again that it has taken once: for others, something
// that the value names may have gone, or the right to set it, and a query must not run without it.
func sureToBeTaken(name string) bool {
	switch name {
	case "search_path", "timezone", "datestyle", "intervalstyle", "client_encoding", "standard_conforming_strings", "row_security",
		"lock_timeout", "client_min_messages", "application_name", "extra_float_digits", "bytea_output", "work_mem",
		"maintenance_work_mem", "synchronous_commit", "default_transaction_isolation", "default_transaction_read_only",
		"default_transaction_deferrable", "idle_in_transaction_session_timeout", "idle_session_timeout", "jit", "plan_cache_mode",
		"random_page_cost", "effective_cache_size", "constraint_exclusion", "geqo", "from_collapse_limit", "join_collapse_limit",
		"default_statistics_target", "check_function_bodies", "transform_null_equals", "quote_all_identifiers", "escape_string_warning",
		"backslash_quote", routeSetting, "xmloption", "xmlbinary", "max_parallel_workers_per_gather", "debug_parallel_query", "force_parallel_mode":
		return true
	}
	return strings.HasPrefix(name, "enable_")
}

// quote is a literal that means the same whatever standard_conforming_strings and client_encoding are: Postgres takes
// the bytes of a StartupMessage as they are, and would convert those of a query from the encoding of whoever was there
// before.
func quote(v string) string {
	b := []byte(" E'")
	for _, c := range []byte(v) {
		switch {
		case c == '\\' || c == '\'':
			b = append(b, c, c)
		case c >= 0x80:
			b = append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '\''))
}

// quoteName quotes every part of a parameter's name.
func quoteName(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}
