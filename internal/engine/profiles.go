package engine

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// profile is what a session is set to, beyond what any session of the pool begins with; equal ones are one. A client begins
// with that of its startup parameters, and has another when it has changed a setting.
type profile struct {
	key      uint64
	settings []Setting // by name, each name once, in lower case
	// meaning is the key of those that change what a text means.
	meaning uint64
	// ready: Postgres takes all of it again, having taken it once, so that a query may follow without waiting for that.
	ready bool

	// route is where the session wants to go: its pgmux.route.
	route sql.Route
	// results is the key of those that may change what a read returns; uncached: it does not want any from the query cache.
	results  uint64
	uncached bool
	// serializable: it is its default_transaction_isolation, of which isolation tells more.
	serializable bool
	isolation    isolation

	// named: it has an application_name that Postgres takes as it is; asked is the key of its other settings.
	named bool
	asked uint64
}

// maxSettings bounds the settings of a profile, and maxSettingBytes their names and values together. A client that has
// changed more keeps its server.
const (
	maxSettings     = 64
	maxSettingBytes = 16 << 10
)

// profileSeed makes keys equal on all shards of the process, and unpredictable outside it.
var profileSeed = maphash.MakeSeed()

// profile is the one of these startup parameters. The empty one is 0.
func (s *Shard) profile(startup []Setting) *profile {
	return s.profileOf(inOrder(lastOfEach(startup)))
}

// inOrder sorts settings by name.
func inOrder(settings []Setting) []Setting {
	slices.SortFunc(settings, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
	return settings
}

// profileOf is the one of these settings, which are in order and become its own.
func (s *Shard) profileOf(settings []Setting) *profile {
	if len(settings) == 0 {
		return s.profiles[0]
	}
	key := keyOf(settings, nil)
	p := s.profiles[key]
	if p == nil {
		p = newProfile(key, settings)
		s.addProfile(p)
	}
	return p
}

func (s *Shard) addProfile(p *profile) {
	if len(s.profiles) >= s.profilesMax {
		s.forgetProfiles()
	}
	s.profiles[p.key] = p
}

// keyOf is the key of settings, but those that are left out. It is 0 for none, and odd for others.
func keyOf(settings []Setting, out func(name string) bool) uint64 {
	var h maphash.Hash
	h.SetSeed(profileSeed)
	n := 0
	for _, q := range settings {
		if out != nil && out(q.Name) {
			continue
		}
		n++
		h.WriteString(q.Name)
		h.WriteByte(0)
		h.WriteString(q.Value)
		h.WriteByte(0)
	}
	if n == 0 {
		return 0
	}
	return h.Sum64() | 1
}

// minProfiles is how many profiles are kept before those that nobody uses any more are looked for: clients that call
// themselves by a name of their own each would otherwise be remembered for ever.
const minProfiles = 4096

// forgetProfiles forgets the profiles that no client and no server has.
func (s *Shard) forgetProfiles() {
	used := map[uint64]bool{0: true}
	s.slots.eachClient(func(c *client) bool {
		used[c.Settings], used[c.Startup] = true, true
		return true
	})
	for _, srv := range s.slots.servers {
		if srv != nil {
			used[srv.Settings], used[srv.before] = true, true
		}
	}
	for key := range s.profiles {
		if !used[key] {
			delete(s.profiles, key)
		}
	}
	clear(s.differences)
	clear(s.outcomes)
	s.profilesMax = max(minProfiles, 2*len(s.profiles))
}

func newProfile(key uint64, settings []Setting) *profile {
	p := &profile{key: key, settings: settings, asked: key, ready: true}
	p.meaning = keyOf(settings, func(name string) bool { return session.Harmless([]byte(name)) })
	p.results = keyOf(settings, sameResults)
	for _, q := range settings {
		p.ready = p.ready && sureToBeTaken(q.Name)
		switch q.Name {
		case applicationName:
			if plainName(q.Value) {
				p.named, p.asked = true, keyOf(settings, func(name string) bool { return name == applicationName })
			}
		case routeSetting:
			p.route = sql.RouteOf([]byte(q.Value))
		case cacheSetting:
			p.uncached = isOff(q.Value)
		case "default_transaction_isolation":
			p.serializable = strings.EqualFold(q.Value, "serializable")
			p.isolation = isolationIn(q.Value)
		}
	}
	return p
}

// isolation is the default_transaction_isolation that a session has set, if it has.
type isolation uint8

const (
	isolationUnset isolation = iota
	isolationCommitted
	isolationOther
)

// isolationIn is what a value means. Postgres takes READ UNCOMMITTED for READ COMMITTED.
func isolationIn(value string) isolation {
	if strings.EqualFold(value, "read committed") || strings.EqualFold(value, "read uncommitted") {
		return isolationCommitted
	}
	return isolationOther
}

// routeSetting is the setting of the pooler's own that says where a session's transactions go: primary, replica, or auto.
const routeSetting = session.RouteSetting

// cacheSetting says whether a session is served from the query cache.
const cacheSetting = session.CacheSetting

// sameResults reports whether a setting changes nothing of what a read returns.
func sameResults(name string) bool {
	switch name {
	case applicationName, "statement_timeout", "lock_timeout", "transaction_timeout", "idle_in_transaction_session_timeout",
		"idle_session_timeout", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout":
		return true
	}
	return strings.HasPrefix(name, "pgmux.")
}

// isOff reports whether Postgres reads a value as false.
func isOff(v string) bool {
	switch strings.ToLower(v) {
	case "off", "of", "false", "fals", "fal", "fa", "f", "no", "n", "0":
		return true
	}
	return false
}

// wear makes a profile a client's. How its texts are read is what Postgres reports (reads), unless the profile says so before.
func (c *client) wear(p *profile) {
	c.Settings, c.Meaning = p.key, p.meaning
	c.reads(p.settings)
}

// reads takes from settings, or from what Postgres reports of them, how a client's texts are to be read. It returns the setting by which
// they were read otherwise until now, in lower case, or "".
func (c *client) reads(settings []Setting) (otherwise string) {
	backslash, unread := c.BackslashQuotes, c.Unreadable
	for _, q := range settings {
		switch {
		case strings.EqualFold(q.Name, "standard_conforming_strings"):
			c.BackslashQuotes = isOff(q.Value)
		case strings.EqualFold(q.Name, "client_encoding"):
			c.Unreadable = unreadable(q.Value)
		}
	}
	switch {
	case c.BackslashQuotes != backslash:
		return "standard_conforming_strings"
	case c.Unreadable != unread:
		return "client_encoding"
	}
	return ""
}

// lastOfEach keeps, of parameters given several times, the last, as Postgres does. Names are compared without case.
func lastOfEach(in []Setting) (out []Setting) {
next:
	for _, q := range in {
		q.Name = strings.ToLower(q.Name)
		for i := range out {
			if out[i].Name == q.Name {
				out[i].Value = q.Value
				continue next
			}
		}
		out = append(out, q)
	}
	return out
}

// unreadable reports whether an encoding has characters in which bytes of ASCII mean something else.
func unreadable(encoding string) bool {
	switch encodingName(encoding) {
	case "sjis", "shiftjis", "mskanji", "win932", "windows932", "shiftjis2004", "big5", "win950", "windows950", "gbk",
		"win936", "windows936", "gb18030", "uhc", "win949", "windows949", "johab":
		return true
	}
	return false
}

// encodingName is an encoding's name as Postgres compares such names: letters without case, and digits.
func encodingName(v string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return -1
	}, v)
}

func (p *profile) value(name string) (string, bool) {
	for _, q := range p.settings {
		if q.Name == name {
			return q.Value, true
		}
	}
	return "", false
}

// gives reports whether it gives a setting that value.
func (p *profile) gives(q Setting) bool {
	v, ok := p.value(q.Name)
	return ok && v == q.Value
}

func (p *profile) has(name string) bool {
	_, ok := p.value(name)
	return ok
}
