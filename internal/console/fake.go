package console

import (
	"context"
	"strings"
)

// Some drivers ask for settings of the session, or set them, without being asked to. PgBouncer's console answers for these, and ignores what they
// are set to.
var fakeSettings = map[string]string{
	"client_encoding":               "UTF-8",
	"default_transaction_isolation": "read committed",
	"standard_conforming_strings":   "on",
	"datestyle":                     "ISO",
	"timezone":                      "GMT",
	"extra_float_digits":            "2",
}

// moreFakes are those that PgBouncer refuses to set and that drivers do set: they mean nothing here either.
var moreFakes = map[string]bool{"application_name": true, "client_min_messages": true}

func isFake(name string) bool {
	name = strings.ToLower(name)
	_, known := fakeSettings[name]
	return known || moreFakes[name]
}

func (s *session) fakeSet(context.Context, *statement) (answer, error) {
	return answer{tag: "SET", notice: "SET ignored"}, nil
}

// fakeShows is a SHOW for each of them.
func fakeShows(add func(name string, s show)) {
	for name, value := range fakeSettings {
		add(name, show{columns: columns{"s", []string{name}}, fill: func(_ *session, t *table) error {
			t.add(value)
			return nil
		}})
	}
}
