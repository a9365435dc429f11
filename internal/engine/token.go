package engine

import (
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A causal token carries the mark of a session's newest write to another session: SHOW pgmux.causal_token tells it, and who is set
// to it reads as if it had written then. What Postgres does for that, and what we do, tells package session. Here
//
//  1. a token that a client has set is taken out of its session when that is asked about, and raises the client's mark: it is no
//     part of a profile, of which there would be one for each token, and nothing of it stays in the server;
//  2. a token of another process, of a fleet or before a restart, whose marks mean nothing here, is taken for the newest mark there is.

// markOf is the mark of a token; 0 if it is none.
func (e *Engine) markOf(token string) uint64 {
	process, mark, ok := session.ParseToken(token)
	if !ok {
		return 0
	}
	now := e.marks.Load()
	if process != e.process() {
		return now
	}
	return min(mark, now)
}

// follow has a client read as if it had written when a token says.
//
// What a session of another process has written may be newer than what is in the query cache: such a client is not served from it any more.
func (s *Shard) follow(c *client, token string) {
	c.mark = max(c.mark, s.engine.markOf(token))
	if process, _, ok := session.ParseToken(token); ok && process != s.engine.process() {
		c.farOff = true
	}
}

// written is the mark of a client's newest write, or a newer one: what it has written on the server that it has may be newer
// than its mark, and where reads are not split nobody keeps one.
func (s *Shard) written(c *client) uint64 {
	srv := s.serverOf(c)
	if !c.Splits || srv != nil && (c.wrote || srv.Wrote) {
		return s.engine.marks.Load()
	}
	return c.mark
}

// own is session.Env.Own. SET LOCAL, because a transaction that has called a function cannot change its isolation any more.
func (s *Shard) own(of *session.Client, on *session.Server) []string {
	c := s.client(of.Slot)
	token := session.AppendToken(nil, s.engine.process(), s.written(c))
	statements := []string{"SET LOCAL " + session.TokenSetting + " TO '" + string(token) + "'"}
	for _, q := range []Setting{{routeSetting, "auto"}, {cacheSetting, "on"}} {
		if !s.profiles[c.Settings].has(q.Name) && !touches(on, q.Name) {
			statements = append(statements, "SET LOCAL "+q.Name+" TO '"+q.Value+"'")
		}
	}
	return append(statements, s.setWhy(c))
}

// touches reports whether the client of a server may have changed a setting since that was last asked about.
func touches(on *session.Server, setting string) (may bool) {
	on.Touched.Each(func(name []byte, _ session.TouchedHow) { may = may || string(name) == setting })
	return may
}

// withoutToken is startup parameters, each given once, without the token, and that.
func withoutToken(startup []Setting) (_ []Setting, token string) {
	return slices.DeleteFunc(startup, func(q Setting) bool {
		if q.Name == session.TokenSetting {
			token = q.Value
		}
		return q.Name == session.TokenSetting
	}), token
}

// refusedSetting is why a client is not let in with its startup parameters; nil if it is.
func refusedSetting(startup []Setting) *Refusal {
	for _, q := range startup {
		if message, hint := session.BadSetting(strings.ToLower(q.Name), q.Value); message != "" {
			return &Refusal{SQLState: "22023", Message: message, Hint: hint}
		}
	}
	return nil
}
