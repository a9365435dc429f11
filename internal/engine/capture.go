package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// When a client may have changed its session, and its transaction is over, Postgres is asked what the session is now: the
// settings become the client's profile, and follow it; other state keeps the server with it, and is asked about again when
// it may be gone. What Postgres says is the truth about rollbacks, savepoints, values that were computed, and locks that were
// not got. The client has its answer already, and what it says next waits.
//
// Where one statement alone has changed settings, and the same was seen before, nobody is asked.

// askTimeout bounds the answer.
const askTimeout = 30 * time.Second

// maxOutcomes bounds the statements whose outcome is remembered.
const maxOutcomes = 4096

// outcome is a statement that changes settings, and the session it is executed in; text is its hash, and begins what sessions begin
// with.
type outcome struct{ settings, startup, text, begins uint64 }

func outcomeOf(srv *server, c *client, text uint64) outcome {
	return outcome{c.Settings, c.Startup, text, srv.pool.top().shared.greetings.version()}
}

// uncertain reports whether Postgres has to be asked before the server may be released, and that would help: nothing keeps it
// with its client anyway.
func (srv *server) uncertain() bool {
	return srv.Touched.Any() && srv.Pins.Askable() && srv.straight == nil
}

// learn finds out what a server's session is, now that its client's transaction is over. It reports true if that is being
// asked.
func (s *Shard) learn(srv *server, c *client) bool {
	if text, ok := srv.Touched.Once(); ok && srv.Touched.State == 0 {
		if p := s.profiles[s.outcomes[outcomeOf(srv, c, text)]]; p != nil && p.key != 0 {
			s.known(srv, c, p)
			return false
		}
	}
	if p := s.obvious(srv, c); p != nil {
		s.known(srv, c, p)
		return false
	}
	if srv.cancel != 0 {
		return true // it would be hit; cancelled looks again
	}
	s.inquire(srv, c, s.question(srv, c))
	return true
}

// inquire asks a server between two transactions of its client, who does not see the answer: nor what Postgres reports with it, as after a
// change of its configuration.
func (s *Shard) inquire(srv *server, c *client, question string) {
	s.hasHeard(c, srv)
	srv.purpose, c.state = asking, clientPreparing
	s.limit(srv, askTimeout)
	srv.AskRows(s.env, question)
}

// obvious is what the session is where nobody needs to be asked; else nil: a reset of all has succeeded, or there was nothing
// to be reset.
func (s *Shard) obvious(srv *server, c *client) *profile {
	t := &srv.Touched
	now, begun := s.profiles[c.Settings], s.profiles[c.Startup]
	if t.State != 0 || t.Unknown || !t.All || now.has(roleName) || now.has(authorizationName) {
		return nil
	}
	if _, once := t.Once(); once || len(now.settings)+len(begun.settings) == 0 && !t.Named() {
		return begun
	}
	return nil
}

// known makes p what the session is set to.
func (s *Shard) known(srv *server, c *client, p *profile) {
	srv.Settings = p.key
	c.wear(p)
	c.ListensAlone = s.listensAlone(c, p)
	srv.Known()
	srv.Pins &^= session.PinSettings
	if s.untracked(srv, c, p) {
		srv.Pins |= session.PinSettings
	}
}

// untracked reports whether a client has set something that is not to follow it.
func (s *Shard) untracked(srv *server, c *client, p *profile) bool {
	cfg, begun := srv.pool.config(), s.profiles[c.Startup]
	if cfg.Track == nil {
		return false
	}
	return slices.ContainsFunc(p.settings, func(q Setting) bool {
		v, ok := begun.value(q.Name)
		return (!ok || v != q.Value) && !cfg.tracks(q.Name)
	})
}

// question is what Postgres is asked: one row with a column for each kind of state, whether it is there; one row for each
// setting, and, where that is not known, whether it is as the session began, which is nine times as dear; and, where settings
// of any name may have changed, one row for each that has, in this session. A causal token is taken away with that.
func (s *Shard) question(srv *server, c *client) string {
	var b strings.Builder
	b.WriteString("SELECT ''")
	for _, q := range stateQuestions {
		if srv.Touched.State&q.pin != 0 {
			b.WriteString("," + q.sql)
		}
	}
	touched := touchedBy(srv)
	for _, name := range s.settingsToAsk(srv, c) {
		b.WriteString(";SELECT " + quote(name) + ",pg_catalog.current_setting(" + quote(name) + ",true)")
		switch {
		case name == session.TokenSetting:
			b.WriteString(";SET " + session.TokenSetting + " TO ''")
		case !srv.pool.config().tracks(name):
			b.WriteString(",(SELECT setting OPERATOR(pg_catalog.=) reset_val" + ofSetting(name))
		case !s.knowsDefault(srv, c, name, touched[name]):
			b.WriteString(",(SELECT source OPERATOR(pg_catalog.<>) 'session'" + ofSetting(name))
		}
	}
	if srv.Touched.Unknown {
		b.WriteString(";SELECT name,pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE source OPERATOR(pg_catalog.=) 'session'")
	}
	return b.String()
}

// ofSetting ends a question about a setting in the view of settings, where some have capitals.
func ofSetting(name string) string {
	return " FROM pg_catalog.pg_settings WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=)" + quote(name) + ")"
}

// knowsDefault reports whether it will be known from its value alone whether a setting has been given one. Of one that has changed
// without a text of its client it is not: a function may have set it, or the configuration of Postgres been loaded anew.
func (s *Shard) knowsDefault(srv *server, c *client, name string, how session.TouchedHow) bool {
	if isIdentity(name) || strings.Contains(name, ".") {
		return true
	}
	if how == session.TouchedReported {
		return false
	}
	if s.profiles[c.Settings].has(name) || s.profiles[c.Startup].has(name) {
		return true
	}
	_, ok := srv.pool.top().shared.greetings.begin(name)
	return ok
}

// stateQuestions is how Postgres is asked about state, in the order of the columns. Operators are named with their schema: the
// search_path is the client's.
var stateQuestions = []struct {
	pin session.Pins
	sql string
}{
	{session.PinListen, "EXISTS(SELECT FROM pg_catalog.pg_listening_channels())"},
	{session.PinTemp, "EXISTS(SELECT FROM pg_catalog.pg_depend WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass" +
		" AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())"},
	{session.PinLock, "EXISTS(SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'" +
		" AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())"},
	{session.PinCursor, "EXISTS(SELECT FROM pg_catalog.pg_cursors)"},
	{session.PinPrepare, "EXISTS(SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql AND name OPERATOR(pg_catalog.!~~) '" +
		prepared.ServerNamePrefix + "%')"},
}

// settingsToAsk is the names of the settings that may have changed: those named, and, where others may have, all that the
// client has set.
func (s *Shard) settingsToAsk(srv *server, c *client) (names []string) {
	srv.Touched.Each(func(name []byte, _ session.TouchedHow) { names = append(names, string(name)) })
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if srv.Touched.All || srv.Touched.Unknown {
		for _, key := range [...]uint64{c.Settings, c.Startup} {
			for _, q := range s.profiles[key].settings {
				add(q.Name)
			}
		}
	}
	if srv.Touched.Unknown { // of the settings without a value in pg_settings, those that can be asked for
		add(roleName)
		add(authorizationName)
		if own := srv.pool.shared.catalog.settings.Load(); own != nil {
			for _, name := range *own {
				add(name)
			}
		}
	}
	return names
}

// learned takes the answer.
func (s *Shard) learned(srv *server, c *client) {
	listing, naming := srv.listing, srv.naming
	srv.listing, srv.naming = false, false
	if srv.Dying {
		s.serverLost(srv)
		return
	}
	if c == nil { // it has left
		srv.Pins |= session.PinSettings
		s.rollBack(srv)
		return
	}
	s.tell(c, srv)
	if listing {
		s.listed(srv, c)
		return
	}
	if naming {
		s.named(srv, c)
		return
	}
	c.state, srv.purpose = clientLinked, linked
	c.blocked = session.More // what it awaited has been answered, too
	if srv.Failed || !srv.Releasable() {
		s.proceed(c) // the server stays, and is asked again
		return
	}
	srv.soil(c.Conn)
	asked := srv.Touched.State
	found, settings := s.answer(srv, c)
	if found&session.PinListen != 0 && !c.ListensAlone {
		found &^= session.PinListen
		srv.Channels.Changed = true
	}
	srv.Pins &^= asked | session.PinSettings
	if c.Pinning == session.PinningOff {
		srv.Lost |= found
	} else {
		srv.Pins |= found
	}
	if p, ok := s.tracked(settings); !ok || converted(srv, settings) {
		srv.Pins |= session.PinSettings
	} else {
		s.remember(srv, c, p)
		srv.pool.accept(p.key)
		s.known(srv, c, p)
	}
	s.countPins(srv)
	if srv.Channels.Changed && s.list(srv, c) {
		return
	}
	if s.mayRelease(srv, c) && !s.rests(srv, c) {
		s.unlink(srv, c)
		return
	}
	s.proceed(c)
}

// answer reads the answer: the state found, and what the client's settings are.
func (s *Shard) answer(srv *server, c *client) (found session.Pins, settings []Setting) {
	touched := touchedBy(srv)
	values := map[string]string{}
	for _, q := range s.profiles[c.Settings].settings {
		values[q.Name] = q.Value
	}
	begun := s.profiles[c.Startup]
	first := true
	srv.Rows(func(columns [][]byte) {
		if first {
			found, first = stateFound(srv.Touched.State, columns), false
			return
		}
		if len(columns) < 2 || columns[0] == nil {
			return
		}
		name := strings.ToLower(string(columns[0]))
		if ofTransaction(name) {
			return
		}
		if columns[1] == nil {
			delete(values, name)
			return
		}
		value := string(columns[1])
		if name == session.TokenSetting {
			s.follow(c, value)
			return
		}
		was, had := values[name]
		switch how := touched[name]; {
		case had && was == value: // it has not changed
		case len(columns) > 2 && string(columns[2]) == "t" && !begun.has(name):
			s.beginsWith(srv, name, value)
			delete(values, name)
		case s.isDefault(srv, name, value) && !begun.has(name):
			delete(values, name)
		case how == session.TouchedSet, how == session.TouchedReported, srv.Touched.Unknown:
			values[name] = value
		default: // it has been reset, to what the client began with, or else the server
			if begun.has(name) {
				values[name] = value // as Postgres writes it: 5s, where the client began with 5000
			} else {
				delete(values, name)
			}
		}
	})
	for name, value := range values {
		settings = append(settings, Setting{name, value})
	}
	return found, inOrder(settings)
}

// touchedBy is how each setting that may have changed was touched.
func touchedBy(srv *server) map[string]session.TouchedHow {
	touched := map[string]session.TouchedHow{}
	srv.Touched.Each(func(name []byte, how session.TouchedHow) { touched[string(name)] = how })
	return touched
}

// beginsWith notes what sessions begin with. Of what is reported, a replica that stands in for the primary tells only its own.
func (s *Shard) beginsWith(srv *server, name, value string) {
	if _, ok := reported(srv.params, name); ok && srv.readsOnly() {
		return
	}
	srv.pool.top().shared.greetings.beginsWith(name, value, srv.defaults)
}

// ofTransaction reports whether a setting is that of a transaction, and no session's.
func ofTransaction(name string) bool {
	return name == "transaction_isolation" || name == "transaction_read_only" || name == "transaction_deferrable"
}

// stateFound is the kinds of state that are there, of those asked about.
func stateFound(asked session.Pins, columns [][]byte) (found session.Pins) {
	columns = columns[min(1, len(columns)):]
	for _, q := range stateQuestions {
		if asked&q.pin == 0 {
			continue
		}
		if len(columns) == 0 || string(columns[0]) != "f" {
			found |= q.pin
		}
		columns = columns[min(1, len(columns)):]
	}
	return found
}

// isDefault reports whether a value is the one that any session of the pool begins with, as far as that is known.
func (s *Shard) isDefault(srv *server, name, value string) bool {
	switch {
	case name == roleName:
		return value == "none"
	case strings.Contains(name, "."):
		return value == "" // what is left of one that has been taken back
	}
	was, ok := srv.pool.top().shared.greetings.begin(name)
	return ok && was == value
}

// tracked is the profile of settings; false if they are too many.
func (s *Shard) tracked(settings []Setting) (*profile, bool) {
	size := 0
	for _, q := range settings {
		size += len(q.Name) + len(q.Value)
	}
	if len(settings) > maxSettings || size > maxSettingBytes {
		return nil, false
	}
	return s.profileOf(settings), true
}

// converted reports whether a value has come in another encoding than the database's, in which it would have to be set
// elsewhere.
func converted(srv *server, settings []Setting) bool {
	client, _ := reported(srv.params, "client_encoding")
	server, _ := reported(srv.params, "server_encoding")
	if client == server {
		return false
	}
	return slices.ContainsFunc(settings, func(q Setting) bool {
		return strings.ContainsFunc(q.Value, func(r rune) bool { return r >= 0x80 })
	})
}

// tracks reports whether a setting follows the client.
func (cfg *PoolConfig) tracks(name string) bool {
	return cfg.Track == nil || slices.Contains(cfg.Track, name) || sql.IsPoolers([]byte(name))
}

// remember keeps what a statement has made of a session.
func (s *Shard) remember(srv *server, c *client, p *profile) {
	text, ok := srv.Touched.Once()
	if !ok || p.key == 0 || touches(&srv.Server, session.TokenSetting) {
		return
	}
	if len(s.outcomes) >= maxOutcomes {
		clear(s.outcomes)
	}
	s.outcomes[outcomeOf(srv, c, text)] = p.key
}
