package fakepg

import (
	"maps"
	"strings"

	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// settings is what a session is set to beyond what it began with, by name in lower case.
type settings struct {
	session map[string]string
	local   map[string]string // until the transaction ends
	before  map[string]string // what session was when the transaction began
	told    map[string]string // what has been reported, of that which is
	changed bool              // since the last report
}

// initial is what sessions begin with.
var initial = map[string]string{"search_path": `"$user", public`, "statement_timeout": "0", "work_mem": "4MB"}

func init() {
	for _, p := range wire.Parameters {
		initial[strings.ToLower(p[0])] = p[1]
	}
}

// value is that of a setting; nil if there is none of the name.
func (s *settings) value(name string) []byte {
	for _, of := range [...]map[string]string{s.local, s.session, initial} {
		if v, ok := of[name]; ok {
			return []byte(v)
		}
	}
	return nil
}

// do changes a setting.
func (s *settings) do(c change) {
	s.changed = true
	switch {
	case c.local:
		put(&s.local, c)
	case c.name == "":
		clear(s.local)
		s.session = nil
	case c.reset:
		delete(s.local, c.name)
		delete(s.session, c.name)
	default:
		delete(s.local, c.name)
		put(&s.session, c)
	}
}

func put(in *map[string]string, c change) {
	if *in == nil {
		*in = map[string]string{}
	}
	(*in)[c.name] = c.value
}

// begin begins a transaction.
func (s *settings) begin() { s.before = maps.Clone(s.session) }

// end ends one, or the implicit one of a query.
func (s *settings) end(undo bool) {
	s.changed = s.changed || undo || len(s.local) > 0
	clear(s.local)
	if undo {
		s.session = s.before
	}
}

// report appends ParameterStatus for what has changed since the last time, as Postgres does before each ReadyForQuery.
func (s *settings) report(out []byte) []byte {
	if !s.changed {
		return out
	}
	s.changed = false
	for _, p := range wire.Parameters {
		name := strings.ToLower(p[0])
		told, ok := s.told[name]
		if !ok {
			told = p[1]
		}
		if now := s.value(name); string(now) != told {
			put(&s.told, change{name: name, value: string(now)})
			out = wire.Append(out, 'S', wire.Text(p[0]), wire.Text(string(now)))
		}
	}
	return out
}
