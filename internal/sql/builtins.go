package sql

import (
	_ "embed"
	"slices"
	"strings"
)

// What functions and views of Postgres's own do is the same everywhere, so it is known without asking: builtins.txt has them by name, made
// from the catalogs of real servers by a test, which says by which rules.
//
//go:embed builtins.txt
var builtinsText string

// builtin is what is known of a name.
type builtin uint8

const (
	readingFunction builtin = 1 << iota
	repeatingFunction
	uncertainFunction
	uncertainRelation
)

// builtins is builtins.txt, read once: sections that begin with their title in brackets, and names, one a line.
var builtins = func() map[string]builtin {
	m := map[string]builtin{}
	var section builtin
	for line := range strings.Lines(builtinsText) {
		switch line = strings.TrimSuffix(line, "\n"); line {
		case "[functions that repeat]":
			section = readingFunction | repeatingFunction
		case "[functions that read]":
			section = readingFunction
		case "[functions that may not]":
			section = uncertainFunction
		case "[views that may not]":
			section = uncertainRelation
		default:
			m[line] |= section
		}
	}
	return m
}()

// Reads reports whether Postgres has functions of that name, and all of them, in all versions that have them, are immutable or stable and
// answer on a standby as on its primary. Functions of users may have the same name.
func Reads(function string) bool {
	return builtins[function]&(readingFunction|uncertainFunction) == readingFunction
}

// Repeats reports whether Postgres has functions of that name, and all of them, in all versions that have them, answer the same as long as
// the data, the catalog and what the session is set to are the same: those that Read and are immutable, and of the stable ones those that
// repeats_test.go lists with reasons. Functions of users may have the same name.
//
// One form of one of them does not: timezone, which is AT TIME ZONE, of a timetz takes the offset of the present date.
func Repeats(function string) bool {
	return builtins[function]&(repeatingFunction|uncertainFunction) == repeatingFunction
}

// Uncertain reports whether Postgres has a function of that name which is volatile in some version, or of which what it answers depends on
// the server or the session.
func Uncertain(function string) bool { return builtins[function]&uncertainFunction != 0 }

// UncertainRelation reports whether that is the name of a view of Postgres that calls an Uncertain function, such as
// pg_stat_activity or pg_settings.
func UncertainRelation(name string) bool { return builtins[name]&uncertainRelation != 0 }

// UncertainRelations is the names of those views, sorted.
func UncertainRelations() (names []string) {
	for name, b := range builtins {
		if b&uncertainRelation != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
