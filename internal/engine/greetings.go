package engine

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// greetings is what clients of a pool are told at login: the parameters that a server reports to such a client. Most
// are known from any server; the others are asked for once, on whichever shard, and known to all. It is locked,
// but only logins and fresh servers look at it.
type greetings struct {
	mu      sync.Mutex
	base    []Setting           // what a fresh server reports; nil: there has been none
	others  map[string]string   // what settings that are not reported begin with, as far as known
	learned map[uint64]greeting // what a server says with settings that had to be tried, by profile.asked
	begins  uint64              // changes when what sessions begin with does; no two pools have the same
	// defaults is template.defaults when all was last forgotten: a server that was dialed before says nothing of what sessions begin with now.
	defaults uint64
}

// begun numbers what sessions begin with.
var begun atomic.Uint64

// version identifies what sessions begin with, as far as that is known.
func (g *greetings) version() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.begins == 0 {
		g.begins = begun.Add(1)
	}
	return g.begins
}

// greeting is what a server reports, and the notices before that, whole messages.
type greeting struct {
	params  []Setting
	notices []byte
}

// maxGreetings bounds the sets of settings remembered. They are learned again where they are needed.
const maxGreetings = 16384

// learn takes from a fresh server, with its server.defaults, what Postgres reports. If that is news, clients are told so from now on, and it
// reports true.
func (g *greetings) learn(params []Setting, defaults uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if defaults < g.defaults || sameSettings(g.base, params) {
		return false
	}
	g.base, g.learned, g.begins = append([]Setting{}, params...), nil, 0
	return true
}

// known reports whether a server has said it.
func (g *greetings) known() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.base != nil
}

// tried is what clients of a profile are told where a server has said so to one of them. That is remembered, if sessions begin so now.
func (g *greetings) tried(p *profile, said greeting, defaults uint64) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	if defaults >= g.defaults {
		if g.learned == nil || len(g.learned) >= maxGreetings {
			g.learned = map[uint64]greeting{}
		}
		g.learned[p.asked] = said
	}
	return g.block(p, said)
}

// forget has a server asked again that was dialed after so many changes.
func (g *greetings) forget(defaults uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.defaults = max(g.defaults, defaults)
	g.base, g.learned, g.others, g.begins = nil, nil, nil, 0
}

// forgetOthers has what is not reported learned again.
func (g *greetings) forgetOthers() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.others, g.begins = nil, 0
}

// begin is the value of a parameter, its name in lower case, that a session begins with; false if it is not reported.
func (g *greetings) begin(name string) (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v, ok := reported(g.base, name); ok {
		return v, true
	}
	v, ok := g.others[name]
	return v, ok
}

// maxOthers bounds the settings of which is remembered what they begin with.
const maxOthers = 1024

// beginsWith notes what a setting, its name in lower case, begins with, as a server says.
func (g *greetings) beginsWith(name, value string, defaults uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if defaults < g.defaults {
		return
	}
	for i, q := range g.base {
		if !strings.EqualFold(q.Name, name) {
			continue
		}
		if q.Value != value {
			g.base = slices.Clone(g.base)
			g.base[i].Value = value
			g.learned, g.begins = nil, 0
		}
		return
	}
	if was, known := g.others[name]; known && was != value {
		g.begins = 0
	}
	if g.others == nil || len(g.others) >= maxOthers {
		g.others = map[string]string{}
	}
	g.others[name] = value
}

// of is what clients of a profile are told, ParameterStatus messages, and before them perhaps notices; nil if a server has to be asked first.
func (g *greetings) of(p *profile) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	if known, ok := g.learned[p.asked]; ok {
		return g.block(p, known)
	}
	if g.base == nil {
		return nil
	}
	for _, q := range p.settings {
		if !(p.named && q.Name == applicationName) && !sureToKeep(g.base, q) {
			return nil
		}
	}
	return g.block(p, greeting{params: g.base})
}

// block is what clients of a profile are told where a server has said so to one of the same settings, perhaps of another
// name.
func (g *greetings) block(p *profile, said greeting) []byte {
	name, replaced := p.value(applicationName)
	if !replaced {
		name, replaced = reported(g.base, applicationName)
	} else {
		replaced = p.named
	}
	block := append([]byte{}, said.notices...)
	for _, q := range said.params {
		if replaced && q.Name == applicationName {
			q.Value = name
		}
		block = pgwire.AppendParameterStatus(block, q.Name, q.Value)
	}
	return block
}

const applicationName = "application_name"

// plainName reports whether Postgres takes an application_name as it is. It cuts longer ones, and replaces other
// characters, in a way that depends on the version.
func plainName(v string) bool {
	const longest = 63 // NAMEDATALEN - 1
	for i := range len(v) {
		if v[i] < ' ' || v[i] > '~' {
			return false
		}
	}
	return len(v) <= longest
}

// sureToKeep reports whether Postgres is sure to take a setting, and to report with it what it reports without. base is
// what it reports.
func sureToKeep(base []Setting, q Setting) bool {
	was, isReported := reported(base, q.Name)
	switch q.Name {
	case "client_encoding":
		return isReported && (q.Value == was || was == "UTF8" && isUTF8(q.Value))
	case "datestyle":
		return isReported && (q.Value == was || strings.EqualFold(q.Value, "ISO") && strings.HasPrefix(was, "ISO, "))
	case "timezone", "intervalstyle", "standard_conforming_strings":
		return isReported && q.Value == was
	case routeSetting:
		return true // it has been looked at
	case "extra_float_digits":
		n, err := strconv.Atoi(q.Value)
		return err == nil && -15 <= n && n <= 3
	}
	return false
}

// reported is the value of a parameter among those reported, whose names Postgres writes with capitals.
func reported(params []Setting, name string) (string, bool) {
	for _, q := range params {
		if strings.EqualFold(q.Name, name) {
			return q.Value, true
		}
	}
	return "", false
}

// isUTF8 reports whether an encoding's name, as Postgres reads names of encodings, means UTF8.
func isUTF8(encoding string) bool {
	switch encodingName(encoding) {
	case "utf8", "unicode":
		return true
	}
	return false
}

// sameSettings reports whether two lists are equal, in this order.
func sameSettings(a, b []Setting) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
