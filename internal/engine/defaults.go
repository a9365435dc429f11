package engine

import "github.com/pgmux/caddy-pgmux/internal/session"

// ALTER ROLE, DATABASE or SYSTEM … SET changes what new sessions begin with, and only those (trap 45). The servers that have
// begun before serve nobody after their present client, and what Postgres says at login is asked again.

// changedDefaults is told by session that a client has done so.
func (s *Shard) changedDefaults(machine *session.Server) {
	if srv := s.serverAt(machine.Conn); srv != nil {
		s.engine.defaultsChanged(srv.pool.shared.template, s.now)
	}
}

func (e *Engine) defaultsChanged(t *template, now int64) {
	defaults := t.defaults.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.pools {
		if p.template == t {
			p.greetings.forget(defaults)
			p.catalog.again(now)
			e.dropAll(p.ledger)
		}
	}
	for _, s := range e.shards {
		s.mail.Post(mail{kind: mailConfigured})
	}
}

// outlived reports whether a server may have begun before the defaults changed: its dial was.
func (srv *server) outlived() bool { return srv.defaults != srv.pool.template.defaults.Load() }

// closeOutlived closes the servers at rest that began before the defaults changed.
func (s *Shard) closeOutlived(p *shardPool) {
	if p.shared.template.defaults.Load() != 0 {
		s.closeRested(p)
	}
}
