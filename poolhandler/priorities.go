package poolhandler

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// priorities is what `priority` says: lines, of which the first that fits a client counts.
type priorities []*config.Priority

var levelsOfPriority = map[string]engine.Priority{
	"high":   engine.PriorityHigh,
	"normal": engine.PriorityNormal,
	"low":    engine.PriorityLow,
}

// of is the priority of a client that logs in.
func (p priorities) of(s *login.Startup) engine.Priority {
	for _, line := range p {
		if nameFits(line.Name, attribute(s, line.By)) {
			return levelsOfPriority[line.Level]
		}
	}
	return engine.PriorityNormal
}

func attribute(s *login.Startup, by string) (value string) {
	switch by {
	case "user":
		return s.User
	case "database":
		return s.Database
	}
	for _, q := range s.Settings {
		if strings.EqualFold(q.Name, "application_name") {
			value = q.Value // the last one counts
		}
	}
	return value
}

// nameFits tells whether a name is the one written, or begins as one that is written with a * at its end.
func nameFits(written, name string) bool {
	prefix, isPrefix := strings.CutSuffix(written, "*")
	return isPrefix && strings.HasPrefix(name, prefix) || name == written
}
