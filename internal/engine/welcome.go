package engine

import (
	"hash/maphash"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// profile is what clients set their sessions to when they log in; equal ones are one.
type profile struct {
	key             uint64
	settings        []Setting // by name, in the order given, each name once
	unreadable      bool
	backslashQuotes bool

	// named: it has an application_name that Postgres takes as it is; asked is the key of its other settings.
	named bool
	asked uint64
}

// profileSeed makes keys equal on all shards of the process, and unpredictable outside it.
var profileSeed = maphash.MakeSeed()

// profile is the one of these startup parameters. The empty one is 0.
func (s *Shard) profile(startup []Setting) *profile {
	settings := lastOfEach(startup)
	if len(settings) == 0 {
		return s.profiles[0]
	}
	key := keyOf(settings, "")
	p := s.profiles[key]
	if p == nil {
		if len(s.profiles) >= s.profilesMax {
			s.forgetProfiles()
		}
		p = newProfile(key, settings)
		s.profiles[key] = p
	}
	return p
}

// keyOf is the key of settings, but the one of that name. It is 0 for none.
func keyOf(settings []Setting, but string) uint64 {
	var h maphash.Hash
	h.SetSeed(profileSeed)
	n := 0
	for _, q := range settings {
		if q.Name == but {
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
		used[c.Settings] = true
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
	s.profilesMax = max(minProfiles, 2*len(s.profiles))
}

func newProfile(key uint64, settings []Setting) *profile {
	p := &profile{key: key, settings: settings, asked: key}
	for _, q := range settings {
		switch q.Name {
		case applicationName:
			if plainName(q.Value) {
				p.named, p.asked = true, keyOf(settings, applicationName)
			}
		case "client_encoding":
			p.unreadable = unreadable(q.Value)
		case "standard_conforming_strings":
			switch strings.ToLower(q.Value) {
			case "off", "false", "0", "no", "of", "f", "n":
				p.backslashQuotes = true
			}
		}
	}
	return p
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

// difference is the SQL that takes a session from one profile to another. What only the first sets goes back to what
// the server began with. set_config takes a value as the StartupMessage does, lists included.
func difference(from, to *profile) string {
	var b strings.Builder
	for _, q := range from.settings {
		if !to.has(q.Name) {
			b.WriteString("RESET " + quoteName(q.Name) + ";")
		}
	}
	for _, q := range to.settings {
		if v, ok := from.value(q.Name); ok && v == q.Value {
			continue
		}
		b.WriteString("SELECT pg_catalog.set_config(" + quote(q.Name) + "," + quote(q.Value) + ",false);")
	}
	return b.String()
}

func (p *profile) value(name string) (string, bool) {
	for _, q := range p.settings {
		if q.Name == name {
			return q.Value, true
		}
	}
	return "", false
}

func (p *profile) has(name string) bool {
	_, ok := p.value(name)
	return ok
}

// quote is a literal that means the same whatever standard_conforming_strings is.
func quote(v string) string {
	return " E'" + strings.NewReplacer("\\", "\\\\", "'", "''").Replace(v) + "'"
}

// quoteName quotes every part of a parameter's name.
func quoteName(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// welcome completes a client's login: at once if it is known what Postgres says to such a client, else with the help
// of a server.
func (s *Shard) welcome(c *client) {
	if block := s.greeting(c); block != nil {
		s.admit(c, block)
		return
	}
	s.acquire(c)
}

// greeting is what a client is told at login; nil if that is not known.
func (s *Shard) greeting(c *client) []byte {
	return s.pools[c.pool].shared.greetings.of(s.profiles[c.Settings])
}

// greet completes the login of a client, and of all others that wait for the same, with what a server reports.
func (s *Shard) greet(c *client, params []Setting) {
	p := s.pools[c.pool]
	s.admit(c, p.shared.greetings.tried(s.profiles[c.Settings], params))
	s.greetAll(p)
}

// greetAll completes the logins that waited for what has become known, on all shards.
func (s *Shard) greetAll(p *shardPool) {
	s.greetHere(p)
	for _, other := range s.engine.shards {
		if other != s {
			other.mail.Post(mail{kind: mailLearned, pool: p.shared})
		}
	}
}

func (s *Shard) greetHere(p *shardPool) {
	var welcoming []*client
	p.ledger.EachWaiter(func(w pool.Waiter) {
		if c := s.client(w.Client); c.state == clientWelcoming {
			welcoming = append(welcoming, c)
		}
	})
	for _, c := range welcoming {
		if c.state != clientWelcoming {
			continue
		}
		if block := s.greeting(c); block != nil {
			p.ledger.Leave(c.ticket)
			c.state = clientIdle
			s.admit(c, block)
		}
	}
}

// admit sends what ends a login.
func (s *Shard) admit(c *client, block []byte) {
	s.Send(c.Conn, s.loggedIn(c, block))
	c.welcomed, c.since = true, s.now
	s.proceed(c)
}

// loggedIn is what ends a login: what Postgres reports, the client's key, and that it may begin.
func (s *Shard) loggedIn(c *client, block []byte) []byte {
	b := append(make([]byte, 0, len(block)+64), block...)
	b = s.appendKey(b, c)
	return pgwire.AppendReady(b, pgwire.StatusIdle)
}

// news looks what a server at rest has reported: with nobody's settings in it, it is what Postgres will say to new clients,
// as after a change of its configuration.
func (s *Shard) news(srv *server) {
	if !srv.reported {
		return
	}
	srv.reported = false
	if p := srv.pool; srv.Settings == 0 && p.shared.greetings.learn(srv.params) {
		s.greetAll(p)
	}
}

// parameter notes what a server reports. The list may be shared with others, so it is replaced.
func (srv *server) parameter(name, value []byte) {
	out := make([]Setting, 0, len(srv.params)+1)
	found := false
	for _, q := range srv.params {
		if q.Name == string(name) {
			q.Value, found = string(value), true
		}
		out = append(out, q)
	}
	if !found {
		out = append(out, Setting{string(name), string(value)})
	}
	srv.params, srv.reported = out, true
}

// prepared takes the answer to the query that sets a session as its next client's is.
func (s *Shard) prepared(srv *server, c *client) {
	if srv.Dying {
		s.serverLost(srv)
		return
	}
	if srv.Failed || !srv.Releasable() {
		refusal := settingsFailed(srv.Failure)
		srv.client = 0
		if c != nil {
			c.server = 0
			c.state = clientIdle
			s.finishClient(c, refusal)
		}
		if !srv.Releasable() {
			s.closeServer(srv)
			return
		}
		srv.Settings = srv.before // it was one transaction
		s.release(srv)
		return
	}
	if c == nil {
		s.release(srv)
		return
	}
	if !c.welcomed {
		srv.client, c.server = 0, 0
		c.state = clientIdle
		s.greet(c, srv.params)
		s.release(srv)
		return
	}
	if c.cancelled {
		srv.client, c.server = 0, 0
		s.refuse(c, cancelledByUser)
		s.release(srv)
		s.proceed(c)
		return
	}
	s.link(c, srv)
	s.proceed(c)
}

// settingsFailed is Postgres's own error about a startup parameter, as the FATAL it would have been.
func settingsFailed(failure []byte) []byte {
	if len(failure) == 0 {
		return lostServer.message("FATAL")
	}
	field := func(f byte) string { return string(pgwire.ErrorField(failure, f)) }
	return pgwire.AppendError(nil, "FATAL", field('C'), field('M'), field('D'), field('H'))
}
